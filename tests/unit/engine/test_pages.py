"""Listings as pages: cursors that move on, sorting in bounded memory and files, checkpoints."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from brigade.engine.pages import Page, list_pages, sorted_pages
from brigade.engine.progress import Progress
from brigade.errors import ListingBroken, StateError
from brigade.objects import ObjectInfo
from brigade.stores.base import ListPage


class Listing:
    name = "fake"

    def __init__(self, *pages):
        self.pages = list(pages)

    async def list_page(self, prefix="", *, start_after="", cursor=None, limit=1000):
        return self.pages.pop(0)


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def infos(*keys):
    return [ObjectInfo(key, 1, "e", 2, "COLD") for key in keys]


async def collect(pages):
    return [page async for page in pages]


async def test_pages_come_as_they_are_and_only_the_last_is_final():
    listing = Listing(ListPage(infos("a"), "1"), ListPage([], "2"), ListPage(infos("b"), None))
    pages = await collect(list_pages(listing))
    assert [(len(page.entries), page.final) for page in pages] == [(1, False), (0, False), (1, True)]


async def test_a_cursor_that_does_not_move_is_a_broken_listing():
    listing = Listing(*[ListPage(infos("a"), "1")] * 3)
    with pytest.raises(ListingBroken):
        await collect(list_pages(listing))


async def numbered(count, page=100, seed=7):
    keys = [f"{number:07}" for number in range(count)]
    random.Random(seed).shuffle(keys)
    for first in range(0, count, page):
        yield Page(infos(*keys[first : first + page]), first + page >= count)


@pytest.mark.parametrize(("count", "memory"), [(0, 1), (1, 1), (100, 100), (101, 100), (5000, 100), (5000, 10**6)])
async def test_sorting_gives_every_entry_once_in_order(count, memory):
    pages = await collect(sorted_pages(numbered(count), memory))
    entries = [info for page in pages for info in page.entries]
    assert entries == infos(*(f"{number:07}" for number in range(count)))
    assert [page.final for page in pages] == [False] * (len(pages) - 1) + [True]


async def test_a_key_that_comes_twice_comes_out_once():
    async def twice():
        yield Page(infos("b", "a", "b"), False)
        yield Page(infos("a", "c"), True)

    for memory in (1, 100):
        pages = await collect(sorted_pages(twice(), memory))
        assert [info.key for page in pages for info in page.entries] == ["a", "b", "c"]


async def test_sorting_much_keeps_few_files_open_and_leaves_none():
    before = open_files()
    most = 0

    async def watched():
        nonlocal most
        async for page in numbered(20_000, page=10):
            yield page
            most = max(most, open_files())

    count = 0
    async for page in sorted_pages(watched(), 10):
        count += len(page.entries)
        most = max(most, open_files())
    assert count == 20_000
    assert most - before < 200, "2,000 runs through at most some levels of 64"
    assert open_files() == before


async def test_a_full_disk_is_said_in_words(monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(StateError) as caught:
        await collect(sorted_pages(numbered(1000), 100))
    assert "No space left" in str(caught.value)
    assert "TMPDIR" in caught.value.hint


async def test_a_listing_that_breaks_while_it_is_sorted_raises_and_leaves_no_file():
    before = open_files()

    async def breaks():
        async for page in numbered(1000):
            yield page._replace(final=False)
        raise ListingBroken("half way")

    with pytest.raises(ListingBroken):
        await collect(sorted_pages(breaks(), 100))
    assert open_files() == before


def test_the_checkpoint_never_passes_what_is_not_settled():
    progress = Progress()
    one, two, three = progress.begin("a"), progress.begin("b"), progress.begin("c")
    one.open += 2
    progress.settled(two)
    progress.settled(one)
    assert progress.cursor is None
    progress.settled(three)
    progress.settled(one)
    assert progress.cursor is None
    progress.settled(one)
    assert progress.cursor == "c"
