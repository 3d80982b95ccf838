from __future__ import annotations

import asyncio
import json

import pytest

from brigade.changes.sqs import SqsFeed
from brigade.changes.sqs_queue import Message, SqsSettings
from brigade.errors import AccessDenied, ConfigError, Unavailable
from brigade.testing.clock import ManualClock

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/events"


def event(*keys: str, bucket: str = "photos") -> str:
    records = [{"eventSource": "aws:s3", "s3": {"bucket": {"name": bucket}, "object": {"key": key}}} for key in keys]
    return json.dumps({"Records": records})


class FakeQueue:
    """Hands out what is put into it, in batches of ten, and raises the troubles first."""

    def __init__(self) -> None:
        self.waiting: list[Message] = []
        self.deleted: list[str] = []
        self.troubles: list[Exception] = []
        self.delete_failures: list[str] = []
        self.receives = 0
        self.closed = False

    def put(self, *bodies: str, receives: int = 1) -> None:
        for body in bodies:
            name = str(len(self.waiting) + self.receives)
            self.waiting.append(Message(name, f"receipt-{name}", body, receives))

    async def receive(self) -> list[Message]:
        self.receives += 1
        if self.troubles:
            raise self.troubles.pop(0)
        batch, self.waiting = self.waiting[:10], self.waiting[10:]
        return batch

    async def delete(self, messages) -> list[str]:
        self.deleted += [message.body for message in messages]
        return self.delete_failures

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def drain(queue, intake, clock):
    """Runs the feed until the queue was asked so many times more."""

    async def run(turns: int = 2, **settings) -> None:
        feed = SqsFeed(SqsSettings(URL, pollers=1, **settings), queue, intake, clock)
        target = queue.receives + turns
        task = asyncio.create_task(feed.run())
        while queue.receives < target and not task.done():  # noqa: ASYNC110
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    return run


async def test_messages_are_marked_then_deleted(queue, drain, marks, intake):
    queue.put(event("a+b", "c"), event("d"))
    await drain()
    assert marks.calls == [(1, ["a b", "c", "d"])]
    assert queue.deleted == [event("a+b", "c"), event("d")]
    assert (intake.counts.received, intake.counts.marked) == (3, 3)


async def test_messages_whose_marks_are_not_durable_stay_in_the_queue(queue, drain, marks, intake, clock):
    marks.broken = True
    queue.put(event("a"))
    await drain()
    assert not queue.deleted
    assert intake.counts.failed == 1
    assert clock.slept_seconds[0] > 0.4
    marks.broken = False
    queue.put(event("a"), receives=2)
    await drain()
    assert marks.marked() == ["a"]
    assert queue.deleted == [event("a")]


async def test_foreign_and_test_events_are_deleted_without_a_mark(queue, drain, marks, intake):
    queue.put(event("a", bucket="other"), '{"Event": "s3:TestEvent"}')
    await drain()
    assert not marks.calls
    assert len(queue.deleted) == 2
    assert intake.counts.ignored == 2


async def test_a_poisoned_message_is_left_until_it_came_often_enough(queue, drain, marks, intake):
    queue.put("nonsense", event("a"))
    await drain(poison_receives=3)
    assert queue.deleted == [event("a")]
    assert marks.marked() == ["a"]
    queue.put("nonsense", receives=3)
    await drain(poison_receives=3)
    assert queue.deleted == [event("a"), "nonsense"]
    assert intake.counts.failed == 2
    assert "nonsense" not in intake.counts.last_error


async def test_trouble_is_waited_out_with_growing_pauses_and_ends_nothing(queue, drain, marks, clock):
    queue.troubles = [Unavailable("reset") for _ in range(9)] + [AccessDenied("expired")]
    queue.put(event("a"))
    await drain(turns=11)
    pauses = clock.slept_seconds[:10]
    assert pauses == sorted(pauses)
    assert 0.5 <= pauses[0] <= 1
    assert pauses[-1] <= 60
    assert marks.marked() == ["a"]


async def test_pauses_begin_small_again_after_a_success(queue, drain, clock):
    queue.troubles = [Unavailable("reset")] * 3
    await drain(turns=4)
    clock.slept_seconds.clear()
    queue.troubles = [Unavailable("reset")]
    await drain(turns=2)
    assert clock.slept_seconds[0] <= 1


async def test_a_message_that_cannot_be_deleted_is_told_and_no_trouble(queue, drain, intake, marks):
    queue.delete_failures = ["ReceiptHandleIsInvalid"]
    queue.put(event("a"))
    await drain()
    assert "ReceiptHandleIsInvalid" in intake.counts.last_error
    assert intake.counts.marked == 1


async def test_a_queue_that_does_not_wait_is_not_asked_without_end(queue, drain, clock):
    await drain(turns=5)
    assert len(clock.slept_seconds) >= 4


async def test_the_queue_is_closed_in_the_end(queue, drain):
    await drain()
    assert queue.closed


@pytest.mark.parametrize(
    ("url", "region"),
    [
        (URL, "eu-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", "cn-north-1"),
        ("https://eu-west-2.queue.amazonaws.com/1/q", "eu-west-2"),
        ("http://127.0.0.1:5000/1/q", "us-east-1"),
    ],
)
def test_the_region_is_in_the_address(url, region):
    assert SqsSettings(url).signing_region == region
    assert SqsSettings(url, region="mars-1").signing_region == "mars-1"


@pytest.mark.parametrize(
    "settings",
    [
        {"queue_url": "queue"}, {"queue_url": "https://[x/"}, {"wait_seconds": 0}, {"wait_seconds": 21},
        {"poison_receives": 0}, {"pollers": 0},
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ConfigError):
        SqsSettings(**{"queue_url": URL} | settings)
