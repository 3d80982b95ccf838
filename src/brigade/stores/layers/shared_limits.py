"""What one endpoint may be asked at once and each second, shared by all stores of that endpoint."""

from __future__ import annotations

import asyncio
from collections import deque

from brigade.clock import Clock

# Requests that may go at once after a pause: a tenth of a second's worth keeps the rate smooth within each second.
_BURST_SECONDS = 0.1
# After a halving, one place comes back for so many calls per place that went well: some seconds on a busy store.
_CALLS_PER_PLACE_TO_GROW = 10


class TokenBucket:
    """A rate kept by reservation: each taker is told how long to wait, and they wait in the order they came."""

    __slots__ = ("_clock", "_next_seconds", "per_second")

    def __init__(self, per_second: float, clock: Clock) -> None:
        self.per_second = per_second
        self._clock = clock
        self._next_seconds = clock.monotonic_seconds()

    def reserve(self, amount: float) -> float:
        """Take `amount` and return the seconds to wait before using it. One large amount delays the next taker."""
        now = self._clock.monotonic_seconds()
        turn = max(self._next_seconds, now - _BURST_SECONDS)
        self._next_seconds = turn + amount / self.per_second
        return max(0.0, turn - now)


class Lane:
    """Places for one kind of call, in the order of asking."""

    __slots__ = ("active", "waiters")

    def __init__(self) -> None:
        self.active = 0
        self.waiters: deque[asyncio.Future[None]] = deque()

    def wake(self, places: int) -> None:
        while self.waiters and self.active < places:
            waiter = self.waiters.popleft()
            if not waiter.done():
                self.active += 1
                waiter.set_result(None)


class SharedLimits:
    """Concurrency that adapts, requests and bytes per second. None: no such limit.

    `concurrency` is the most; `Throttled` halves the present number for all, and it grows back slowly. A throttled
    call that began before the last halving says nothing new and changes nothing.

    There are two lanes of that many places: one for opening a `get`, one for every other call. A `get` keeps its
    place only until it is open. Were it kept for the body, a copy within one endpoint could hold the last place
    while it waits for one to write, and all would wait for ever.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        concurrency: int = 64,
        requests_per_second: float | None = None,
        bytes_per_second: float | None = None,
    ) -> None:
        self.clock = clock
        self.most = max(1, concurrency)
        self.places = self.most
        self.requests = TokenBucket(requests_per_second, clock) if requests_per_second else None
        self.bytes = TokenBucket(bytes_per_second, clock) if bytes_per_second else None
        self.reads = Lane()
        self.calls = Lane()
        self._epoch = 0
        self._went_well = 0

    async def enter(self, lane: Lane) -> int:
        """Wait for a place and a token. The number returned goes into `leave`."""
        # Whoever waits was given every place that came free, so a free place means that nobody waits.
        if lane.active < self.places:
            lane.active += 1
        else:
            await self._queue(lane)
        if self.requests is not None and (delay := self.requests.reserve(1)) > 0:
            try:
                await self.clock.sleep(delay)
            except BaseException:
                self._free(lane)
                raise
        return self._epoch

    async def _queue(self, lane: Lane) -> None:
        waiter = asyncio.get_running_loop().create_future()
        lane.waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._free(lane)
            raise

    def _free(self, lane: Lane) -> None:
        lane.active -= 1
        if lane.waiters:
            lane.wake(self.places)

    def leave(self, lane: Lane, epoch: int, *, throttled: bool = False) -> None:
        """Give the place back and learn from how the call went."""
        if throttled:
            if epoch == self._epoch:
                self._epoch += 1
                self._went_well = 0
                self.places = max(1, self.places // 2)
        elif self.places < self.most:
            self._went_well += 1
            if self._went_well >= self.places * _CALLS_PER_PLACE_TO_GROW:
                self._went_well = 0
                self.places += 1
                self.reads.wake(self.places)
                self.calls.wake(self.places)
        self._free(lane)

    async def pay(self, size_bytes: int) -> None:
        """Wait until so many bytes fit into the rate."""
        if self.bytes is not None and (delay := self.bytes.reserve(size_bytes)) > 0:
            await self.clock.sleep(delay)
