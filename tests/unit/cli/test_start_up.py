"""What starting costs. The promises are 0.15 s for the help and 0.4 s of CPU for an empty sync, on a quiet machine."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROUNDS = 3


def cpu_seconds(directory: Path, *arguments: str) -> float:
    """The least CPU of some rounds: other work on the machine only ever adds to it."""
    environment = {**os.environ, "BRIGADE_STATE": str(directory / "state.db")}
    best = float("inf")
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "brigade", *arguments]
        subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def test_help_answers_at_once(tmp_path: Path):
    assert cpu_seconds(tmp_path, "--help") < 0.15


def test_an_empty_sync_is_cheap(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert cpu_seconds(tmp_path, "sync", "a", "b") < 0.4


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
