"""What the tests in a browser share. Where there is no browser they are left out, and the summary says why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from brigade.testing.chromium import missing_chromium
from brigade.testing.command import Command

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    out = [item for item in items if HERE in item.path.parents] if missing_chromium() else []
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if reason := missing_chromium():
        terminalreporter.write_line(f"tests/ui is left out: {reason}")


@pytest.fixture
async def brigade(tmp_path: Path) -> AsyncIterator[Command]:
    """The command line, in a directory of its own with a state of its own."""
    command = Command(tmp_path)
    yield command
    await command.close()
