"""Health: each reason appears when it holds, and goes when it does not."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from brigade.control.health import CHECKS, LOOK_SECONDS, STATE_SILENT_SECONDS, Health
from brigade.errors import StateError
from brigade.testing.clock import ManualClock


class Leases:
    lease_seconds = 20.0
    unrenewed_seconds = 0.0


class Database:
    def __init__(self):
        self.error = None
        self.hangs = False
        self.asked = 0

    async def ping(self):
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
def clock():
    return ManualClock(auto=False)


@pytest.fixture
def health(clock):
    return Health(clock)


@asynccontextmanager
async def looking(health, database):
    async with asyncio.TaskGroup() as group:
        task = group.create_task(health.run(database.ping))
        await turns()
        yield
        task.cancel()


async def turns():
    for _ in range(50):
        await asyncio.sleep(0)


def test_it_is_not_ready_before_the_state_has_answered(health):
    assert set(health.reasons()) == {"state"}


async def test_it_is_ready_when_nothing_speaks_against_it(health):
    async with looking(health, Database()):
        answer = health.ready()
    assert (answer.status, json.loads(answer.body)) == (200, {"ready": True, "reasons": {}})


async def test_the_words_of_a_state_that_fails_are_told_until_it_answers_again(health, clock):
    database = Database()
    async with looking(health, database):
        database.error = StateError("the state is away")
        clock.advance(LOOK_SECONDS)
        await turns()
        answer = health.ready()
        assert (answer.status, json.loads(answer.body)["reasons"]) == (503, {"state": "the state is away"})
        database.error = None
        clock.advance(LOOK_SECONDS)
        await turns()
        assert health.ready().status == 200


async def test_a_state_that_hangs_is_noticed_though_it_raises_nothing_and_is_asked_once(health, clock):
    database = Database()
    async with looking(health, database):
        database.hangs = True
        clock.advance(LOOK_SECONDS)
        await turns()
        assert health.ready().status == 200
        clock.advance(STATE_SILENT_SECONDS + 1)
        assert "has not answered" in health.reasons()["state"]
        assert database.asked == 2


async def test_leases_that_are_not_renewed_in_time_are_told_by_name(health):
    leases = Leases()
    async with looking(health, Database()):
        with health.renewing("photos", leases):
            assert health.reasons() == {}
            leases.unrenewed_seconds = 21.0
            assert health.reasons() == {"leases": "photos: not renewed for 21 s"}
        assert health.reasons() == {}


async def test_a_late_event_loop_is_told_and_forgotten(health, clock):
    async with looking(health, Database()):
        clock.advance(LOOK_SECONDS + 9.0)
        await turns()
        assert health.reasons() == {"loop": "the event loop came back 9.0 s late"}
        assert health.loop_delay_seconds == 9.0
        clock.advance(LOOK_SECONDS)
        await turns()
        assert health.reasons() == {}
        assert health.loop_delay_seconds == 9.0


async def test_every_other_reason_stands_under_its_check_and_can_be_left_out(health):
    async with looking(health, Database()):
        health.starts("gateway")
        health.stopping = True
        health.refused = "brigade.yaml:3: gatway: unknown key"
        health.failed["follow photos"] = "no such bucket"
        reasons = health.reasons()
        assert list(reasons) == ["starting", "stopping", "failed", "configuration"]
        assert reasons["starting"] == "gateway"
        assert reasons["failed"] == "follow photos: no such bucket"
        assert set(health.reasons(["configuration", "failed"])) == {"starting", "stopping"}
        assert set(reasons) <= set(CHECKS)
        health.started("gateway")
        assert "starting" not in health.reasons()


def test_whoever_answers_is_alive(health):
    assert health.live().status == 200
