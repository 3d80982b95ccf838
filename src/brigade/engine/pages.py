"""A store's listing as pages: as it comes, or sorted here within bounded memory."""

from __future__ import annotations

import heapq
import pickle
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from operator import itemgetter
from typing import IO, NamedTuple

from brigade.errors import ListingBroken
from brigade.objects import ObjectInfo
from brigade.stores.base import Store

_PAGE_ENTRIES = 1000
_BY_KEY = itemgetter(0)  # ObjectInfo.key; text compares by code point, which is UTF-8 byte order


class Page(NamedTuple):
    """Entries of a listing; only a `final` page proves that the listing is complete."""

    entries: list[ObjectInfo]
    final: bool


async def list_pages(store: Store, start_after: str = "") -> AsyncIterator[Page]:
    """All pages of a store's listing behind `start_after`. A listing that does not move on raises `ListingBroken`."""
    cursor: str | None = None
    while True:
        page = await store.list_page(start_after="" if cursor else start_after, cursor=cursor, limit=_PAGE_ENTRIES)
        yield Page(page.entries, page.cursor is None)
        if page.cursor is None:
            return
        if page.cursor == cursor:
            raise ListingBroken("the listing gave the same cursor twice", store=store.name, operation="list")
        cursor = page.cursor


async def sorted_pages(pages: AsyncIterator[Page], entries_in_memory: int) -> AsyncIterator[Page]:
    """The same entries in byte order; beyond `entries_in_memory` they are sorted through temporary files."""
    with ExitStack() as files:
        runs: list[IO[bytes]] = []
        held: list[ObjectInfo] = []
        async for page in pages:
            held.extend(page.entries)
            if len(held) >= entries_in_memory:
                runs.append(files.enter_context(_spill(held)))
                held = []
        held.sort(key=_BY_KEY)
        merged = heapq.merge(held, *(_read_back(run) for run in runs), key=_BY_KEY) if runs else iter(held)
        for entries in _cut(merged):
            yield Page(entries, final=False)
        yield Page([], final=True)


def _spill(entries: list[ObjectInfo]) -> IO[bytes]:
    entries.sort(key=_BY_KEY)
    file = tempfile.TemporaryFile(prefix="brigade-sort-")  # noqa: SIM115 - closed by the caller's ExitStack
    for batch in _cut(iter(entries)):
        pickle.dump([tuple(info) for info in batch], file, protocol=pickle.HIGHEST_PROTOCOL)
    file.seek(0)
    return file


def _read_back(file: IO[bytes]) -> Iterator[ObjectInfo]:
    while True:
        try:
            batch = pickle.load(file)  # noqa: S301 - our own anonymous temporary file
        except EOFError:
            return
        yield from map(ObjectInfo._make, batch)


def _cut(entries: Iterator[ObjectInfo]) -> Iterator[list[ObjectInfo]]:
    page: list[ObjectInfo] = []
    for info in entries:
        page.append(info)
        if len(page) == _PAGE_ENTRIES:
            yield page
            page = []
    if page:
        yield page
