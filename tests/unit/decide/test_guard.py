from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brigade.decide.guard import allowed_deletions, refuse_deletions
from brigade.replications import MaxDelete

TEN_PERCENT = MaxDelete(10, is_percent=True)
ALL = MaxDelete(100, is_percent=True)


@pytest.mark.parametrize(
    ("planned", "source", "target", "limit", "refused"),
    [
        (0, 0, 0, TEN_PERCENT, False),
        (0, 0, 50, TEN_PERCENT, False),
        (1, 0, 50, ALL, True),
        (50, 10, 50, ALL, True),
        (51, 10, 50, ALL, True),
        (49, 10, 50, ALL, False),
        (5, 10, 50, TEN_PERCENT, False),
        (6, 10, 50, TEN_PERCENT, True),
        (1, 10, 2, TEN_PERCENT, False),
        (1, 10, 1, TEN_PERCENT, True),
        (3, 10, 50, MaxDelete(3, is_percent=False), False),
        (4, 10, 50, MaxDelete(3, is_percent=False), True),
        (1, 10, 50, MaxDelete(0, is_percent=False), True),
        (1, 10, 50, MaxDelete(0, is_percent=True), True),
        (100, 10, 100, MaxDelete(1000, is_percent=False), True),
    ],
)
def test_deletions_are_refused_beyond_the_limit_for_an_empty_source_and_for_all(
    planned, source, target, limit, refused
):
    reason = refuse_deletions(planned, source_objects=source, target_objects=target, limit=limit)
    assert (reason is not None) is refused
    if reason:
        assert str(target) in reason


@given(st.integers(0, 10**9), st.integers(0, 1000))
@example(3000, 11)
def test_a_percentage_rounds_up_exactly(objects, tenths):
    limit = MaxDelete(tenths / 10, is_percent=True)
    assert allowed_deletions(limit, objects) == ceil(Fraction(objects * tenths, 1000))


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000), st.floats(0, 100), st.booleans())
def test_laws_of_the_guard(planned, source, target, value, percent):
    reason = refuse_deletions(
        planned, source_objects=source, target_objects=target, limit=MaxDelete(value, is_percent=percent)
    )
    if planned and (source == 0 or planned >= target):
        assert reason
    if reason is None and planned:
        assert planned <= max(value, ceil(target * value / 100) + 1)
