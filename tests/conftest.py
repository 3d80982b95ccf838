"""What all tests share: the loop, the random seeds, the real servers, and a look for processes left behind."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack

import pytest
import uvloop
from hypothesis import HealthCheck, settings

from brigade.testing.available import SERVERS
from brigade.testing.postgres import PostgresServer
from brigade.testing.processes import children
from brigade.testing.servers import Server, enter_server

pytest.register_assert_rewrite("brigade.testing.conformance")

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


_SECONDS = 100


# Files that take long begin first, so that in the end no worker is left alone with one.
_LONGEST_FIRST = ("ui", "simulation", "bench", "pairs", "e2e", "compat", "conformance", "changes", "api")


def _rank(item: pytest.Item) -> int:
    room = item.nodeid.split("/")[1]
    return _LONGEST_FIRST.index(room) if room in _LONGEST_FIRST else len(_LONGEST_FIRST)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test that runs on the loop a time of its own, after which it fails and the next one goes on."""
    items.sort(key=_rank)
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            marker = item.get_closest_marker("timeout")
            seconds = float(marker.args[0]) if marker is not None and marker.args else _SECONDS
            if seconds:
                item.obj = _timed(item.obj, seconds * 0.9)


def _timed(test: Callable[..., Awaitable[object]], seconds: float) -> Callable[..., Awaitable[object]]:
    @functools.wraps(test)
    async def timed(*arguments: object, **named: object) -> object:
        async with asyncio.timeout(seconds):
            return await test(*arguments, **named)

    return timed


@pytest.fixture(scope="session")
def running() -> Iterator[Callable[[str], Server]]:
    """Gives the server of that name, started when it is first asked for and kept for the session."""
    started: dict[str, Server] = {}
    with ExitStack() as stack:

        def start(name: str) -> Server:
            if name not in started:
                started[name] = enter_server(stack, SERVERS[name])
            return started[name]

        yield start


@pytest.fixture(scope="session")
def seaweed(running: Callable[[str], Server]) -> Server:
    """A SeaweedFS for the session. Make a bucket of your own in it."""
    return running("seaweed")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL for the session. Make a schema of your own in it."""
    with PostgresServer() as server:
        yield server.url


def pytest_sessionfinish(session: pytest.Session) -> None:
    left = children(os.getpid())
    if left:
        session.config.stash[_LEFT] = left
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


_LEFT = pytest.StashKey[dict[int, str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for pid, command in config.stash.get(_LEFT, {}).items():
        terminalreporter.write_line(f"FAILED: process {pid} was left behind: {command}", red=True)
