"""What all tests share: the loop, the random seeds, the real servers, and a look for processes left behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator

import pytest
import uvloop
from hypothesis import HealthCheck, settings

from brigade.testing.processes import children
from brigade.testing.servers import SeaweedServer

settings.register_profile(
    "brigade",
    deadline=None,  # two slow cores make timing a matter of luck
    derandomize=os.environ.get("BRIGADE_SEED") is None,
    max_examples=int(os.environ.get("BRIGADE_EXAMPLES", "60")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("brigade")


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the program runs on, and no other."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def seaweed() -> Iterator[SeaweedServer]:
    """A SeaweedFS for the session. Make a bucket of your own in it."""
    with SeaweedServer() as server:
        yield server


def pytest_sessionfinish(session: pytest.Session) -> None:
    left = children(os.getpid())
    if left:
        session.config.stash[_LEFT] = left
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


_LEFT = pytest.StashKey[dict[int, str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for pid, command in config.stash.get(_LEFT, {}).items():
        terminalreporter.write_line(f"FAILED: process {pid} was left behind: {command}", red=True)
