"""The overview: searched, filtered, sorted, and a page of it; rates of the latest intervals."""

from __future__ import annotations

import pytest

from brigade.clock import SystemClock
from brigade.control.overview import PAGE_ROWS, Glance, Sort, Wanted, choose
from brigade.control.status import Standing, Status
from brigade.state.control_rows import Sample
from brigade.state.state import State


def glance(name, standing=Standing.IN_STEP, backlog=0, lag=0.0, rate=0.0):
    return Glance(Status(name, standing, backlog, lag, 0, 0, None, None), rate, 0.0, None)


GLANCES = [
    glance("a"),
    glance("Photos", Standing.BEHIND, 5, 60.0),
    glance("b", Standing.FAILING),
    glance("photos/old", Standing.BEHIND, 9, 30.0, 4.0),
]


def names(**wanted):
    return [each.status.name for each in choose(GLANCES, Wanted(**wanted)).glances]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (Sort.URGENCY, ["b", "Photos", "photos/old", "a"]),
        (Sort.NAME, ["Photos", "a", "b", "photos/old"]),
        (Sort.LAG, ["Photos", "photos/old", "a", "b"]),
        (Sort.BACKLOG, ["photos/old", "Photos", "a", "b"]),
        (Sort.RATE, ["photos/old", "Photos", "a", "b"]),
    ],
)
def test_what_is_asked_for_comes_first(sort, expected):
    assert names(sort=sort) == expected


def test_a_text_is_found_in_any_case_and_the_sums_are_of_what_it_finds():
    chosen = choose(GLANCES, Wanted(text="pho", standing=Standing.FAILING))
    assert (chosen.glances, chosen.found, chosen.total) == ([], 0, 4)
    assert chosen.standings == {Standing.BEHIND: 2}


def test_every_replication_is_on_one_page_and_too_far_is_the_last():
    many = [glance(f"{number:04}") for number in range(2 * PAGE_ROWS + 1)]
    found = [choose(many, Wanted(sort=Sort.NAME, page=page)) for page in (1, 2, 3)]
    assert [each.status.name for chosen in found for each in chosen.glances] == [each.status.name for each in many]
    assert choose(many, Wanted(page=99)).page == choose(many, Wanted(page=99)).pages == 3
    assert choose([], Wanted(page=5)).page == 1


async def test_sums_are_of_the_latest_intervals_by_replication(tmp_path):
    state = await State.open(f"sqlite:///{tmp_path}/state.db", clock=SystemClock())
    now = SystemClock().now_ns() // 10**9
    for number, at, settled in ((1, now - 500, 9), (1, now - 20, 10), (1, now - 10, 20), (2, now - 10, 1)):
        await state.control.activity.sample(Sample(number, at, settled, settled * 100, 1, 0, 0))
    found = await state.control.activity.totals(now - 60)
    await state.close()
    assert found == {1: (now - 20, 30, 3000, 2), 2: (now - 10, 1, 100, 1)}
