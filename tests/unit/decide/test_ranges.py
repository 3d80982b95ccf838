from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from brigade.decide.ranges import behind_prefix, between

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(TEXTS, TEXTS | st.none())
def test_what_lies_between_two_texts_does_so_and_can_be_sent(low, high):
    assume(high is None or low < high)
    middle = between(low, high)
    if middle is not None:
        assert low < middle
        assert high is None or middle < high
        middle.encode()


@pytest.mark.parametrize(
    ("low", "high", "middle"),
    [
        ("", None, "O"),
        ("a", "c", "b"),
        ("a", "b", "aO"),
        ("obj-0500", "obj-0900", "obj-07"),
        ("obj-0899", "obj-09", "obj-08\\"),
        ("a", "a/b", "a'"),
        ("\ud7fe", "\ue001", "\ue000"),
    ],
)
def test_the_middle_is_where_a_person_would_look_for_it(low, high, middle):
    assert between(low, high) == middle


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=8))
def test_halving_towards_the_end_ends(low):
    """Whoever keeps the lower half gets to nothing after a bounded number of cuts."""
    high, steps = None, 0
    while (middle := between(low, high)) is not None and steps < 200:
        high, steps = middle, steps + 1
    assert steps < 200


@given(TEXTS, TEXTS, TEXTS)
def test_behind_a_prefix_lies_nothing_that_begins_with_it(prefix, one, other):
    found = behind_prefix(prefix + one, prefix + other)
    if found is not None:
        assert found > prefix + one
        assert found > prefix + other
        found.encode()


def test_texts_with_nothing_in_common_have_no_prefix():
    assert behind_prefix("a", "b") is None
    assert behind_prefix("2024/01", "2024/02") == "2024/1"
