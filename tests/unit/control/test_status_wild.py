"""A whole store is told by its buckets, and by itself only while something is noted of them."""

from __future__ import annotations

import pytest

from brigade.control.status import Known, Standing, status
from brigade.state.state import State
from brigade.testing.clock import ManualClock

ALL = Known("all", None)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def state(tmp_path, clock):
    state = await State.open(f"sqlite:///{tmp_path}/brigade.db", clock=clock)
    yield state
    await state.close()


async def lines(state, clock, configured):
    return [(each.name, each.parked) for each in await status(state, clock, configured=configured)]


@pytest.mark.parametrize("configured", [[ALL], None])
async def test_a_wildcard_at_rest_is_its_buckets(state, clock, configured):
    await state.replications.ensure("all", "s3://old:80/* → s3://new:80/*")
    await state.replications.ensure("all/photos", "s3://old:80/photos → s3://new:80/photos")
    assert await lines(state, clock, configured) == [("all/photos", 0)]


async def test_what_is_noted_of_its_buckets_is_told(state, clock):
    number = await state.replications.ensure("all", "s3://old:80/* → s3://new:80/*")
    await state.replications.ensure("all/photos", "s3://old:80/photos → s3://new:80/photos")
    await state.backlog.mark(number, ["gone?deleted"], live=True)
    for claim in await state.backlog.claim([number], "me", 10, 60):
        await state.backlog.park(claim, "not empty")
    found = await status(state, clock, configured=[ALL])
    assert [(each.name, each.standing) for each in found] == [
        ("all", Standing.FAILING),
        ("all/photos", Standing.NEW),
    ]


async def test_one_without_buckets_is_told_by_its_name(state, clock):
    await state.replications.ensure("all", "s3://old:80/* → s3://new:80/*")
    assert await lines(state, clock, [ALL]) == [("all", 0)]
