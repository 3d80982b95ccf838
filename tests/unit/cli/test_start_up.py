"""What starting does not load. What it costs is measured by the benchmark `start`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("arguments", "never"),
    [
        (["--help"], ["asyncio", "sqlalchemy", "pydantic", "rich", "yaml", "brigade.engine", "brigade.cli.sync"]),
        (["sync", "--help"], ["asyncio", "sqlalchemy", "pydantic", "rich", "brigade.engine"]),
        (["sync", "a", "b"], ["pydantic", "rich", "yaml", "botocore", "aiohttp", "alembic", "psycopg"]),
        (["config", "schema"], ["asyncio", "sqlalchemy", "rich"]),
    ],
)
def test_what_is_not_needed_is_not_loaded(tmp_path: Path, arguments: list[str], never: list[str]):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    environment = {**os.environ, "BRIGADE_STATE": str(tmp_path / "state.db")}
    warm_up = [sys.executable, "-m", "brigade", "sync", "a", "b"]
    subprocess.run(warm_up, cwd=tmp_path, env=environment, check=True, capture_output=True)
    script = (
        "import sys; from brigade.cli.main import main; main(sys.argv[1:]); "
        "print(*(name for name in sys.modules), sep='\\n', file=sys.stderr)"
    )
    command = [sys.executable, "-c", script, *arguments]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    assert not set(never) & set(ran.stderr.splitlines())
