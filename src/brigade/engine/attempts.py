"""Trying a copy again as a whole, where a layer below cannot: a stream that broke has been handed out in part."""

from __future__ import annotations

from brigade.clock import Clock
from brigade.decide.backoff import Backoff, delay_seconds
from brigade.errors import Retry, StoreError


class Attempts:
    """Counts the failed attempts at one thing and pauses between them."""

    __slots__ = ("_backoff", "_clock", "_failed", "_waited_seconds")

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._backoff = Backoff(attempts=most)
        self._failed = 0
        self._waited_seconds = 0.0

    async def failed(self, error: StoreError) -> None:
        """Return after a pause if another attempt makes sense, else raise the error."""
        self._failed += 1
        delay = None
        if error.retry is not Retry.NEVER and not error.exhausted:
            delay = delay_seconds(
                self._backoff,
                attempt=self._failed,
                waited_seconds=self._waited_seconds,
                retry_after_seconds=error.retry_after_seconds,
                random=self._clock.random(),
            )
        if delay is None:
            raise error
        self._waited_seconds += delay
        await self._clock.sleep(delay)
