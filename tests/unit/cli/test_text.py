"""Lines on a terminal: columns below each other, and how long something is past."""

from __future__ import annotations

import pytest

from brigade.cli.text import ago, aligned

NOON_NS = 1_795_176_000 * 10**9


def test_columns_stand_below_each_other_and_empty_ones_are_left_out():
    rows = [("photos", "in step", "", "", "done"), ("a", "failing", "", "3 parked", "")]
    assert aligned(rows) == ["photos  in step            done", "a       failing  3 parked"]
    assert aligned([]) == []


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2026-11-20T11:59:55Z", "5s ago"),
        ("2026-11-20T11:00:00.5Z", "59m59s ago"),
        ("2026-11-19T09:00:00Z", "27h00m ago"),
        ("2026-11-10T12:00:00Z", "10d ago"),
        ("2026-11-20T12:00:05Z", "0s ago"),
    ],
)
def test_how_long_a_moment_is_past_is_told_in_few_words(moment, words):
    assert ago(moment, NOON_NS) == words
