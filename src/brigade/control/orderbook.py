"""The orders of people as a process has last read them, for whoever works there and must heed them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from brigade.clock import Clock
from brigade.control.following import pause
from brigade.state.control_rows import Order


class OrderBook:
    """Orders by replication; what holds for a whole store holds for each of its buckets."""

    def __init__(self) -> None:
        self._orders: Mapping[str, Order] = {}
        self._changed = asyncio.Event()

    def update(self, orders: Mapping[str, Order]) -> None:
        """Take up what was read, and wake whoever waits."""
        if orders != self._orders:
            self._orders = dict(orders)
            self._changed.set()
            self._changed = asyncio.Event()

    def of(self, name: str) -> Order:
        """The orders of a replication, for `everything/photos` with those of `everything`."""
        own, whole = self._orders.get(name, Order()), self._orders.get(name.partition("/")[0], Order())
        return Order(
            own.paused or whole.paused,
            own.note or whole.note,
            max(own.reconcile_ns, whole.reconcile_ns),
            max(own.verify_ns, whole.verify_ns),
        )

    async def wait(self, clock: Clock, seconds: float) -> None:
        """Return when some order has changed, or after so long."""
        await pause(self._changed, clock, seconds)
