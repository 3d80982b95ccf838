"""A store's listing as pages: as it comes, or sorted here within bounded memory."""

from __future__ import annotations

import heapq
import pickle
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import closing
from operator import itemgetter
from typing import IO, NamedTuple

from brigade.errors import ListingBroken, StateError
from brigade.objects import ObjectInfo
from brigade.stores.base import Store

NO_SPACE_HINT = "free space in the temporary directory, or name another one in TMPDIR"
_PAGE_ENTRIES = 1000
# Open files stay under a few hundred for any listing: the usual limit of a process is 1,024.
_RUNS_OF_A_LEVEL = 64
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
    with closing(_Runs()) as runs:
        held: list[ObjectInfo] = []
        async for page in pages:
            held.extend(page.entries)
            if len(held) >= entries_in_memory:
                held.sort(key=_BY_KEY)
                runs.add(held)
                held = []
        held.sort(key=_BY_KEY)
        for entries in _cut(_each_key_once(runs.merged(held))):
            yield Page(entries, final=False)
        yield Page([], final=True)


class _Runs:
    """Sorted runs in temporary files; many small ones become one larger one, so that few files are open."""

    def __init__(self) -> None:
        self._levels: list[list[IO[bytes]]] = []

    def add(self, entries: Iterable[ObjectInfo], level: int = 0) -> None:
        """Keep a sorted run."""
        if level == len(self._levels):
            self._levels.append([])
        files = self._levels[level]
        files.append(_spill(entries))
        if len(files) == _RUNS_OF_A_LEVEL:
            self.add(heapq.merge(*map(_read_back, files), key=_BY_KEY), level + 1)
            _close(files)

    def merged(self, held: list[ObjectInfo]) -> Iterable[ObjectInfo]:
        """All runs and what is held in memory, in one order."""
        runs = [_read_back(file) for files in self._levels for file in files]
        return heapq.merge(held, *runs, key=_BY_KEY) if runs else held

    def close(self) -> None:
        """Drop all files."""
        for files in self._levels:
            _close(files)


def _close(files: list[IO[bytes]]) -> None:
    while files:
        files.pop().close()


def _each_key_once(entries: Iterable[ObjectInfo]) -> Iterator[ObjectInfo]:
    """A listing without order may show a key twice while the store is written to; either entry will do."""
    last: str | None = None
    for info in entries:
        if info.key != last:
            last = info.key
            yield info


def _spill(entries: Iterable[ObjectInfo]) -> IO[bytes]:
    try:
        file = tempfile.TemporaryFile(prefix="brigade-sort-")  # noqa: SIM115 - closed by _Runs
        for batch in _cut(iter(entries)):
            pickle.dump([tuple(info) for info in batch], file, protocol=pickle.HIGHEST_PROTOCOL)
        file.seek(0)
    except OSError as error:
        raise StateError(f"a listing cannot be sorted on disk: {error}", hint=NO_SPACE_HINT) from error
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
