"""The merge of two listings against the obvious merge of two dictionaries."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.decide.merge import Merge, Pair, Side, by_bytes, by_components
from brigade.errors import ListingOutOfOrder
from brigade.objects import ObjectInfo

KEYS = st.text(st.sampled_from(list("ab/-.0 ü😀\uffff")), min_size=1, max_size=6)
ORDERS = [by_bytes, by_components]


def entries(keys, order, etag):
    return [ObjectInfo(key, 1, etag, 0) for key in sorted(keys, key=order)]


def pages(listing, cuts):
    bounds = sorted({min(cut, len(listing)) for cut in cuts})
    edges = [0, *bounds, len(listing)]
    return [listing[first:last] for first, last in itertools.pairwise(edges)]


def run(order, sources, targets):
    """Feed what the merge wants, when it wants it; the pairs it gave."""
    merge = Merge(order)
    queues = [list(sources), list(targets)]
    found = []
    while not merge.done:
        wanted = merge.wants()
        assert wanted, "no progress"
        for side in wanted:
            page = queues[side].pop(0)
            merge.feed(side, page, final=not queues[side])
        found += merge.pairs()
    assert queues == [[], []]
    assert merge.pairs() == []
    return found


@pytest.mark.parametrize("order", ORDERS)
@given(
    st.sets(KEYS, max_size=30),
    st.sets(KEYS, max_size=30),
    st.lists(st.integers(0, 30), max_size=8),
    st.lists(st.integers(0, 30), max_size=8),
)
def test_the_merge_equals_the_union_of_both_listings_for_any_pages(order, sources, targets, cuts, others):
    ours, theirs = entries(sources, order, "s"), entries(targets, order, "t")
    found = run(order, pages(ours, cuts), pages(theirs, others))
    by_key, by_other = {e.key: e for e in ours}, {e.key: e for e in theirs}
    expected = [Pair(key, by_key.get(key), by_other.get(key)) for key in sorted(sources | targets, key=order)]
    assert found == expected


@given(st.text(max_size=8), st.text(max_size=8))
def test_text_order_is_the_order_of_utf8_bytes(one, other):
    assert (by_bytes(one) < by_bytes(other)) == (one.encode() < other.encode())


@pytest.mark.parametrize("order", ORDERS)
@given(st.lists(KEYS, min_size=2, max_size=12), st.sampled_from(Side), st.lists(st.integers(0, 12), max_size=4))
def test_every_disorder_raises(order, keys, side, cuts):
    ranks = [order(key) for key in keys]
    listing = [ObjectInfo(key, 1, None, 0) for key in keys]
    empty = [[]]
    sides = [pages(listing, cuts), empty] if side is Side.SOURCE else [empty, pages(listing, cuts)]
    if all(before < after for before, after in itertools.pairwise(ranks)):
        assert len(run(order, *sides)) == len(keys)
    else:
        with pytest.raises(ListingOutOfOrder) as caught:
            run(order, *sides)
        assert side.name.lower() in str(caught.value)


def test_a_repeated_key_raises_also_across_pages():
    one = ObjectInfo("a", 1, None, 0)
    merge = Merge()
    merge.feed(Side.SOURCE, [one], final=False)
    merge.feed(Side.TARGET, [], final=True)
    assert len(merge.pairs()) == 1
    with pytest.raises(ListingOutOfOrder):
        merge.feed(Side.SOURCE, [one], final=True)


def test_keys_that_compare_equal_by_components_are_never_taken_for_one():
    merge = Merge(by_components)
    merge.feed(Side.SOURCE, [ObjectInfo("a/b", 1, None, 0)], final=True)
    merge.feed(Side.TARGET, [ObjectInfo("a\0b", 1, None, 0)], final=True)
    with pytest.raises(ListingOutOfOrder):
        merge.pairs()


def test_nothing_is_said_of_a_key_before_the_other_side_has_passed_it():
    merge = Merge()
    merge.feed(Side.SOURCE, [ObjectInfo("a", 1, None, 0), ObjectInfo("c", 1, None, 0)], final=True)
    assert merge.pairs() == []
    merge.feed(Side.TARGET, [ObjectInfo("b", 1, None, 0)], final=False)
    assert [pair.key for pair in merge.pairs()] == ["a", "b"]
    assert merge.wants() == [Side.TARGET]
    merge.feed(Side.TARGET, [], final=True)
    assert [pair.key for pair in merge.pairs()] == ["c"]
    assert merge.done


def test_a_page_that_nobody_wanted_is_refused():
    merge = Merge()
    merge.feed(Side.SOURCE, [ObjectInfo("a", 1, None, 0)], final=False)
    with pytest.raises(AssertionError):
        merge.feed(Side.SOURCE, [], final=True)


def test_the_size_of_a_pair_is_the_sources_or_else_the_targets():
    one, other = ObjectInfo("a", 0, None, 0), ObjectInfo("a", 7, None, 0)
    assert Pair("a", one, other).size_bytes == 0
    assert Pair("a", None, other).size_bytes == 7
