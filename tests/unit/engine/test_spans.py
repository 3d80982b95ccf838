"""A comparison that ends where its span ends, however late that is decided; and where spans are cut."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.decide.merge import by_bytes
from brigade.engine.scan import Order, Scan
from brigade.engine.spans import Span, find_cut
from brigade.objects import ObjectInfo
from brigade.stores.base import ListPage
from brigade.stores.layers.forward import ForwardingStore
from brigade.stores.memory import MemoryStore
from brigade.testing.clock import ManualClock
from brigade.testing.workbench import put


class Listed(ForwardingStore):
    """A store with nothing but a listing, in pages of seven; counts how often it is asked."""

    def __init__(self, keys, page=7):
        super().__init__(MemoryStore("listed", "b", clock=ManualClock()))
        self.keys = sorted(set(keys))
        self.page = page
        self.asked = 0

    async def list_page(self, prefix="", *, start_after="", cursor=None, limit=1000):
        self.asked += 1
        after = cursor or start_after
        found = [key for key in self.keys if key > after or not after][: min(limit, self.page)]
        more = bool(found) and found[-1] != self.keys[-1]
        return ListPage([ObjectInfo(key, 1, key, 0) for key in found], found[-1] if more else None)


KEYS = st.lists(st.integers(0, 60).map("{:03}".format), max_size=60)


async def scanned(source, target, span, cuts=()):
    """The keys of all batches; after each batch the next cut is tried. Gives the keys and the cuts that were made."""
    keys, made, cuts = [], [], list(cuts)
    async with asyncio.TaskGroup() as group:
        scan = Scan(group, source, target, order=Order(by_bytes, (False, False)), sort_entries=100, span=span)
        async for pairs in scan.batches():
            keys += [pair.key for pair in pairs]
            if cuts and span.cut(at := cuts.pop(0)):
                made.append(at)
        scan.stop()
    return keys, made


@given(KEYS, KEYS, st.integers(0, 60).map("{:03}".format), st.integers(0, 60).map("{:03}".format))
async def test_a_span_shows_its_own_keys_and_no_others(source, target, one, other):
    after, upto = sorted((one, other))
    keys, _ = await scanned(Listed(source), Listed(target), Span(after, upto))
    assert keys == sorted({key for key in source + target if after < key <= upto})


@given(KEYS, KEYS, st.lists(st.integers(0, 60).map("{:03}".format), max_size=4))
async def test_what_is_cut_off_while_it_goes_on_is_left_to_the_other_half(source, target, cuts):
    span = Span()
    keys, made = await scanned(Listed(source), Listed(target), span, sorted(cuts, reverse=True))
    everything = sorted({*source, *target})
    rest = []
    if made:
        assert span.upto == made[-1]
        rest, _ = await scanned(Listed(source), Listed(target), Span(made[-1]))
    assert keys + rest == everything


async def test_a_span_is_not_cut_before_what_was_handed_out():
    span = Span()
    span.position = "m"
    assert not span.cut("l")
    assert span.upto is None
    assert span.cut("m")


async def test_a_listing_is_not_read_far_behind_the_end_of_a_span():
    source, target = (Listed([f"{number:05}" for number in range(5000)]) for _ in range(2))
    await scanned(source, target, Span("00010", "00020"))
    assert source.asked <= 6


def shares(keys, span, at):
    left = [key for key in keys if span.position < key and (span.upto is None or key <= span.upto)]
    return sum(key <= at for key in left), sum(key > at for key in left)


FLAT = [f"IMG_{number:08}.jpg" for number in range(20_000)]
HEX = [f"{random.Random(number).getrandbits(128):032x}" for number in range(20_000)]
TREE = [f"photos/20{year}/{month:02}/{n:05}" for year in (24, 25) for month in range(1, 13) for n in range(500)]
NAMES = [f"Ünï/名前 {number}/😀{number % 7}" for number in range(20_000)]


@pytest.mark.parametrize("keys", [FLAT, HEX, TREE, NAMES])
@pytest.mark.parametrize("done", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("ends", [False, True])
async def test_a_cut_leaves_much_on_both_sides_for_few_questions(keys, done, ends):
    keys = sorted(keys)
    span = Span(upto=keys[-1] if ends else None)
    span.position = keys[int(len(keys) * done)] if done else ""
    store = Listed(keys, page=1000)
    at = await find_cut(store, span, 500)
    assert at is not None
    assert store.asked <= 41
    kept, given_away = shares(keys, span, at)
    assert kept >= (kept + given_away) * 0.2
    assert given_away >= (kept + given_away) * 0.1


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5), max_size=60),
    st.integers(0, 70),
    st.integers(1, 10),
)
async def test_a_cut_is_sound_or_none(keys, done, least):
    store = Listed(keys, page=1000)
    span = Span()
    span.position = store.keys[done] if done < len(store.keys) else ""
    at = await find_cut(store, span, least)
    if at is not None:
        assert span.cut(at)
        span.upto = None
        kept, given_away = shares(store.keys, span, at)
        assert kept >= least
        assert given_away >= least
    else:
        # A cut may be missed where keys are close together, but not where there is nothing to miss.
        assert span.upto is None


@pytest.mark.parametrize("count", [0, 1, 30, 499])
async def test_what_is_little_is_not_cut(count):
    store = Listed(FLAT[:count] or ["a"], page=1000)
    assert await find_cut(store, Span(), 500) is None
    assert store.asked == 1


async def test_a_memory_store_lists_as_these_do():
    clock = ManualClock()
    store = MemoryStore("m", "b", clock=clock)
    for key in FLAT[:200]:
        await put(store, key, b"")
    at = await find_cut(store, Span(), 20)
    assert at is not None
    assert FLAT[19] <= at < FLAT[180]
