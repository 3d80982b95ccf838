"""The webhook over a real backlog: what was answered with 200 is on disk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from brigade.changes.base import Intake, Routes, Subscription
from brigade.changes.webhook import Webhook, WebhookSettings
from brigade.clock import SystemClock
from brigade.state.state import State
from brigade.stores.http import open_client
from brigade.testing.marks import until

SECRET = "correct horse"
POSTS, AT_ONCE = 400, 16


class LiveMarks:
    """The backlog as feeds see it: each mark is a live one."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def mark(self, replication_id: int, keys: Sequence[str]) -> None:
        await self.state.backlog.mark(replication_id, keys, live=True)


@pytest.fixture
async def state(tmp_path: Path):
    state = await State.open(f"sqlite:///{tmp_path}/brigade.db", clock=SystemClock())
    yield state
    await state.close()


@pytest.fixture
def intake(state: State) -> Intake:
    return Intake(Routes([Subscription(1, "photos")]), LiveMarks(state))


@pytest.fixture
async def webhook(intake: Intake, background):
    webhook = Webhook(WebhookSettings(port=0, secrets=(SECRET,)), {"/events": intake}, SystemClock())
    background(webhook.run())
    await until(lambda: webhook.address)
    return webhook


@pytest.fixture
async def post(webhook: Webhook):
    assert webhook.address
    client = open_client(
        f"http://127.0.0.1:{webhook.address[1]}",
        ssl=None,
        connections=AT_ONCE,
        connect_timeout_seconds=5,
        idle_timeout_seconds=20,
    )

    async def send(key: str) -> int:
        record = {"eventSource": "aws:s3", "s3": {"bucket": {"name": "photos"}, "object": {"key": key}}}
        body = json.dumps({"Records": [record]}).encode()
        headers = [("host", "x"), ("authorization", f"Bearer {SECRET}")]
        async with client.send("POST", "/events", headers, body) as answer:
            await answer.read()
            return answer.status

    yield send
    await client.close()


async def test_every_key_that_was_answered_is_found_by_another_process(state, post, tmp_path):
    statuses = await asyncio.gather(*[post(f"k{number}") for number in range(POSTS)])
    assert set(statuses) == {200}
    # A second connection sees what is committed and nothing else.
    other = await State.open(f"sqlite:///{tmp_path}/brigade.db", clock=SystemClock())
    claims = await other.backlog.claim([1], "other", POSTS + 1, 60)
    await other.close()
    assert {claim.key for claim in claims} == {f"k{number}" for number in range(POSTS)}
    # They share commits: that is what lets a webhook keep up.
    assert state.commits < POSTS / 2


async def test_a_state_that_is_closed_is_told_as_503(state, post, intake):
    await state.close()
    assert await post("a") == 503
    assert intake.counts.marked == 0
