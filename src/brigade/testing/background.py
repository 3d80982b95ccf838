"""An event loop in a thread of its own, for tests that are not asynchronous and need what is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

_SECONDS = 60.0


class Background:
    """Runs while its context is open. What was entered is left in the end, last entered first."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._stack = AsyncExitStack()

    def run(self, work: Coroutine[Any, Any, T], seconds: float = _SECONDS) -> T:
        """Run it there and wait for what it gives."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def call(self, function: Callable[[], T]) -> T:
        """Call a plain function there, where nothing else runs at the same time."""

        async def called() -> T:
            return function()

        return self.run(called())

    def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        """Enter a context that is left when this one is."""
        return self.run(self._stack.enter_async_context(context))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.run(self._stack.aclose())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_SECONDS)
            self._loop.close()
