"""What every verb that meets a store needs: the wiring from its options, and an event loop that stops cleanly."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from brigade.clock import SystemClock

if TYPE_CHECKING:
    from brigade.state.state import State
    from brigade.wiring.wiring import Wiring

T = TypeVar("T")


def load_wiring(config: Path | None, state: str | None = None, *, needs_config: bool = False) -> Wiring:
    """The wiring for the options given. Raises `ConfigError`."""
    from brigade.config.load import find_config, load_config
    from brigade.errors import ConfigError
    from brigade.wiring.wiring import Wiring

    here = Path.cwd()
    file = find_config(config, os.environ, here)
    if file is None and needs_config:
        raise ConfigError("there is no configuration here", hint="`brigade config init` writes one, or use --config")
    loaded = load_config(file, os.environ) if file else None
    return Wiring(SystemClock(), os.environ, here, loaded, state)


def run_async(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run to the end on uvloop. SIGINT and SIGTERM stop it cleanly: what is under way is cancelled and noted."""

    async def with_signals() -> T:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work()

    return _run(with_signals())


def run_in_state(wiring: Wiring, work: Callable[[State], Coroutine[Any, Any, T]]) -> T:
    """The same for work that needs the state open and nothing else."""

    async def opened() -> T:
        async with wiring.opened_state() as state:
            return await work(state)

    return run_async(opened)


def run_until_stopped(
    work: Callable[[asyncio.Event, asyncio.Event], Coroutine[Any, Any, None]], *, on_reload: Callable[[], None]
) -> None:
    """Run on uvloop until SIGINT or SIGTERM, which asks for the end in good order; a second one ends it at once.

    `work` takes what asks for the end, and what SIGHUP asks for, that the configuration be read again; so does
    `on_reload`.
    """

    async def with_signals() -> None:
        task = asyncio.current_task()
        assert task is not None
        stop, reload = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def stop_or_hurry() -> None:
            if stop.is_set():
                task.cancel()
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop_or_hurry)

        def read_again() -> None:
            reload.set()
            on_reload()

        loop.add_signal_handler(signal.SIGHUP, read_again)
        await work(stop, reload)

    _run(with_signals())


def _run(work: Coroutine[Any, Any, T]) -> T:
    import uvloop

    gc.freeze()
    gc.enable()
    try:
        return uvloop.run(work)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
