"""Listing both sides at once, each some pages ahead, and pairing their keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

from brigade.decide.merge import Collation, Merge, Pair, Side, by_bytes, by_components
from brigade.engine.pages import Page, list_pages, sorted_pages
from brigade.engine.spans import Span
from brigade.stores.base import ListingOrder, Store

_PAGES_AHEAD = 2


class _Failure(NamedTuple):
    """A listing that broke; travels behind its last good page."""

    error: Exception


_Queue = asyncio.Queue[Page | _Failure]


class Order(NamedTuple):
    """How two listings are brought into one order: the collation, and which sides are sorted here for it."""

    collation: Collation
    sort: tuple[bool, bool]


def common_order(source: ListingOrder, target: ListingOrder) -> Order:
    """The order to merge in. Stores of one order need no sorting; otherwise byte order is made."""
    if source is target is ListingOrder.COMPONENTS:
        return Order(by_components, (False, False))
    return Order(by_bytes, (source is not ListingOrder.BYTES, target is not ListingOrder.BYTES))


class Scan:
    """Pairs of both listings in key order; its two listers run in the task group it was started in.

    It begins behind the span's `after`, in the order of the scan, and ends at its `upto`, wherever that is by then.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        source: Store,
        target: Store,
        *,
        order: Order,
        sort_entries: int,
        span: Span,
    ) -> None:
        self._merge = Merge(order.collation)
        self._span = span
        start_after = span.after
        self._queues: list[_Queue] = []
        self._listers: list[asyncio.Task[None]] = []
        for store, sort in zip((source, target), order.sort, strict=True):
            skips = bool(start_after) and store.capabilities.start_after and not sort
            pages = list_pages(store, start_after if skips else "")
            if start_after and not skips:
                pages = _drop_until(pages, order.collation, start_after)
            queue: _Queue = asyncio.Queue(_PAGES_AHEAD)
            self._queues.append(queue)
            feeding = _feed(sorted_pages(pages, sort_entries) if sort else pages, queue)
            self._listers.append(group.create_task(feeding, name=f"list {store.name}"))

    async def batches(self) -> AsyncIterator[list[Pair]]:
        """All pairs, a batch at a time; ends only after both listings were complete, or showed keys behind the span.

        Raises the error of the listing that broke: whoever sees it has not seen every key.
        """
        span = self._span
        while not self._merge.done:
            for side in self._merge.wants():
                await self._feed_merge(side)
            pairs = self._merge.pairs()
            if not pairs:
                continue
            if span.upto is not None and pairs[-1].key > span.upto:
                upto = span.upto
                if within := [pair for pair in pairs if pair.key <= upto]:
                    span.position = within[-1].key
                    yield within
                return
            span.position = pairs[-1].key
            yield pairs

    async def _feed_merge(self, side: Side) -> None:
        item = await self._queues[side].get()
        if isinstance(item, _Failure):
            raise item.error
        self._merge.feed(side, item.entries, final=item.final)

    def stop(self) -> None:
        """End the listers, whether they are done or not."""
        for lister in self._listers:
            lister.cancel()


async def _drop_until(pages: AsyncIterator[Page], collation: Collation, start_after: str) -> AsyncIterator[Page]:
    """The pages without what comes up to `start_after`, for a store that cannot begin there itself."""
    limit = collation(start_after)
    async for page in pages:
        yield Page([info for info in page.entries if collation(info.key) > limit], page.final)


async def _feed(pages: AsyncIterator[Page], queue: _Queue) -> None:
    try:
        async for page in pages:
            await queue.put(page)
    except Exception as error:  # noqa: BLE001 - carried to the merge, which raises it
        await queue.put(_Failure(error))
