from __future__ import annotations

import asyncio
import base64
import gzip
import json

import pytest

from brigade.changes.base import Intake, Routes, Subscription
from brigade.changes.webhook import Webhook, WebhookSettings
from brigade.errors import ConfigError
from brigade.testing.clock import ManualClock
from brigade.testing.marks import until

SECRET = "correct horse"
BEARER = {"Authorization": f"Bearer {SECRET}"}
EVENT = {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "photos"}, "object": {"key": "a+b"}}}]}


class Sender:
    """Speaks HTTP to the webhook, by hand."""

    def __init__(self, webhook: Webhook) -> None:
        self.webhook = webhook

    async def connect(self):
        return await asyncio.open_connection(*self.webhook.address)

    async def send(self, method="POST", target="/events", headers=(), body=b"") -> tuple[int, dict[str, str], bytes]:
        reader, writer = await self.connect()
        lines = [f"{method} {target} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in dict(headers).items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        answer = await reader.read()
        writer.close()
        head, _, content = answer.partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        return int(first.split()[1]), {line.split(": ")[0].lower(): line.split(": ")[1] for line in rest}, content

    async def post(self, value, headers=BEARER, target="/events") -> int:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return (await self.send(target=target, headers=headers, body=body))[0]


@pytest.fixture
def open_webhook(intake, background):
    async def start(**settings) -> Sender:
        settings = {"port": 0, "secrets": (SECRET,)} | settings
        webhook = Webhook(WebhookSettings(**settings), {"/events": intake}, ManualClock())
        background(webhook.run())
        await until(lambda: webhook.address)
        return Sender(webhook)

    return start


@pytest.fixture
async def sender(open_webhook) -> Sender:
    return await open_webhook()


async def test_an_event_is_marked_and_answered(sender, marks, intake):
    assert await sender.post(EVENT) == 200
    assert marks.calls == [(1, ["a b"])]
    assert (intake.counts.received, intake.counts.marked) == (1, 1)


async def test_the_answer_waits_for_the_mark(sender, marks):
    marks.gate = asyncio.Event()
    answer = asyncio.create_task(sender.post(EVENT))
    done, _ = await asyncio.wait([answer], timeout=0.3)
    assert not done
    marks.gate.set()
    assert await answer == 200
    assert marks.marked() == ["a b"]


async def test_a_mark_that_cannot_be_made_durable_is_asked_for_again(sender, marks, intake):
    marks.broken = True
    status, headers, _ = await sender.send(headers=BEARER, body=json.dumps(EVENT).encode())
    assert (status, headers["retry-after"]) == (503, "5")
    assert (intake.counts.failed, intake.counts.marked) == (1, 0)
    marks.broken = False
    assert await sender.post(EVENT) == 200
    assert marks.marked() == ["a b"]


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        (BEARER, "/events"),
        ({"authorization": f"bearer {SECRET}"}, "/events"),
        (basic(f"anybody:{SECRET}"), "/events"),
        ({}, "/events?token=correct%20horse"),
    ],
)
async def test_each_way_to_show_the_secret(sender, headers, target):
    assert await sender.post(EVENT, headers, target) == 200


async def test_any_of_the_secrets_is_good(open_webhook):
    sender = await open_webhook(secrets=("old-secret", "new-secret"))
    for secret in ("old-secret", "new-secret"):
        # MinIO sends a token of one word with "Bearer", others send it bare.
        assert await sender.post(EVENT, {"Authorization": secret}) == 200
    assert await sender.post(EVENT, {"Authorization": "no-secret"}) == 403


@pytest.mark.parametrize(
    ("headers", "target", "status"),
    [
        ({}, "/events", 401),
        ({"Authorization": "Bearer wrong"}, "/events", 403),
        ({"Authorization": f"Bearer {SECRET}x"}, "/events", 403),
        ({"Authorization": "Bearer "}, "/events", 403),
        ({"Authorization": "Basic ???"}, "/events", 403),
        (basic(f"{SECRET}:wrong"), "/events", 403),
        ({}, "/events?token=wrong", 403),
        ({}, "/events?token=", 403),
        ({}, "/events?token=%ff", 403),
        ({"Authorization": "Bearer ü"}, "/events", 403),
    ],
)
async def test_without_the_secret_nothing_is_marked(sender, marks, intake, headers, target, status):
    assert await sender.post(EVENT, headers, target) == status
    assert not marks.calls
    assert intake.counts.refused == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_sender_that_only_looks_is_answered(sender, method):
    assert (await sender.send(method))[0] == 200


async def test_other_methods_and_paths_are_told_so(sender):
    status, headers, _ = await sender.send("DELETE")
    assert (status, headers["allow"]) == (405, "POST")
    assert (await sender.send("POST", "/elsewhere"))[0] == 404


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a": 1}', b"[" * 50_000])
async def test_what_is_no_event_is_refused_and_counted(sender, intake, body):
    assert await sender.post(body) == 400
    assert (intake.counts.failed, intake.counts.marked) == (1, 0)


async def test_the_readable_part_is_marked_and_not_sent_again_for_the_rest(sender, marks, intake):
    assert await sender.post({"Records": [*EVENT["Records"], {"x": 1}]}) == 200
    assert marks.marked() == ["a b"]
    assert (intake.counts.marked, intake.counts.failed) == (1, 1)


async def test_foreign_buckets_are_taken_and_ignored(sender, marks, intake):
    foreign = {"Records": [{"s3": {"bucket": {"name": "other"}, "object": {"key": "a"}}}] * 500}
    assert await sender.post(foreign) == 200
    assert not marks.calls
    assert intake.counts.ignored == 500


async def test_a_large_body_is_refused_before_it_is_sent(sender, intake):
    reader, writer = await sender.connect()
    writer.write(f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n".encode())
    writer.write(b"Content-Length: 10485760\r\n\r\n")
    assert b" 413 " in await reader.readline()
    writer.close()
    assert intake.counts.failed == 1


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_grows_beyond_the_limit_is_refused(sender, marks, chunked):
    reader, writer = await sender.connect()
    writer.write(f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n".encode())
    if chunked:
        writer.write(b"Transfer-Encoding: chunked\r\n\r\n" + b"100000\r\n" + b" " * 0x100000 + b"\r\n")
        writer.write(b"1\r\nx\r\n0\r\n\r\n")
    else:
        packed = gzip.compress(b" " * 10_485_760)
        writer.write(b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)
    assert b" 413 " in await reader.readline()
    writer.close()


async def test_a_slow_head_is_cut_off(open_webhook):
    sender = await open_webhook(idle_timeout_seconds=0.5)
    reader, writer = await sender.connect()
    writer.write(b"POST /events HTTP/1.1\r\nHost: x\r\n")
    ended = asyncio.create_task(reader.read())
    for _ in range(50):
        writer.write(b"X-Slow: 1\r\n")
        if (await asyncio.wait([ended], timeout=0.1))[0]:
            break
    assert ended.done()
    writer.close()


async def test_a_slow_body_is_cut_off(open_webhook, intake):
    sender = await open_webhook(idle_timeout_seconds=0.5)
    reader, writer = await sender.connect()
    writer.write(f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n".encode())
    writer.write(b"Content-Length: 100\r\n\r\n{")
    assert b" 408 " in await asyncio.wait_for(reader.readline(), 30)
    writer.close()
    assert intake.counts.failed == 1


async def test_an_overlong_header_is_refused(sender, marks):
    status, _, _ = await sender.send(headers=BEARER | {"X-Long": "x" * 20_000}, body=json.dumps(EVENT).encode())
    assert status == 400
    assert not marks.calls


async def test_no_more_bodies_than_allowed_are_held(open_webhook, marks):
    sender = await open_webhook(max_requests=1)
    marks.gate = asyncio.Event()
    first = asyncio.create_task(sender.post(EVENT))
    await until(lambda: sender.webhook._under_way)
    assert await sender.post(EVENT) == 503
    marks.gate.set()
    assert await first == 200


async def test_requests_under_way_are_finished_when_the_feed_is_cancelled(intake, marks):
    webhook = Webhook(WebhookSettings(port=0, secrets=(SECRET,)), {"/events": intake}, ManualClock())
    feed = asyncio.create_task(webhook.run())
    await until(lambda: webhook.address)
    marks.gate = asyncio.Event()
    answer = asyncio.create_task(Sender(webhook).post(EVENT))
    await until(lambda: webhook._under_way)
    feed.cancel()
    await asyncio.sleep(0.1)
    marks.gate.set()
    assert await answer == 200
    with pytest.raises(asyncio.CancelledError):
        await feed


async def test_a_sender_that_keeps_its_connection_open_holds_up_no_end(intake):
    webhook = Webhook(WebhookSettings(port=0, secrets=(SECRET,)), {"/events": intake}, ManualClock())
    feed = asyncio.create_task(webhook.run())
    await until(lambda: webhook.address)
    reader, writer = await Sender(webhook).connect()
    writer.write(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readline()
    feed.cancel()
    async with asyncio.timeout(80):
        with pytest.raises(asyncio.CancelledError):
            await feed
    writer.close()


async def test_a_port_that_is_taken_is_told(sender, intake):
    settings = WebhookSettings(port=sender.webhook.address[1], secrets=(SECRET,))
    with pytest.raises(ConfigError, match="cannot listen"):
        await Webhook(settings, {"/events": intake}, ManualClock()).run()


@pytest.mark.parametrize(
    "settings",
    [{}, {"secrets": ("short",)}, {"secrets": ("long enough", "")}],
)
def test_settings_that_would_let_anybody_in_are_refused(settings):
    with pytest.raises(ConfigError):
        WebhookSettings(**settings)


def test_the_secret_shows_in_no_repr():
    assert SECRET not in repr(WebhookSettings(secrets=(SECRET,)))


async def test_each_path_has_an_intake_of_its_own(open_webhook, intake, marks):
    sender = await open_webhook()
    videos = Intake(Routes([Subscription(2, "photos")]), marks)
    sender.webhook.update(WebhookSettings(secrets=(SECRET,)), {"/events": intake, "/events/videos": videos})
    assert await sender.post(EVENT, target="/events/videos") == 200
    assert marks.calls == [(2, ["a b"])]
    assert (intake.counts.received, videos.counts.marked) == (0, 1)


async def test_what_is_updated_holds_from_the_next_request_on(open_webhook, intake):
    sender = await open_webhook()
    sender.webhook.update(WebhookSettings(secrets=("another secret",)), {"/events/new": intake})
    assert await sender.post(EVENT) == 404
    assert await sender.post(EVENT, target="/events/new") == 403
    assert await sender.post(EVENT, {"Authorization": "Bearer another secret"}, "/events/new") == 200


async def test_who_waits_for_the_address_is_told(intake):
    webhook = Webhook(WebhookSettings(port=0, secrets=(SECRET,)), {"/events": intake}, ManualClock())
    told = []
    feed = asyncio.create_task(webhook.run(lambda host, port: told.append((host, port))))
    await until(lambda: told)
    assert told == [webhook.address]
    feed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await feed


async def test_each_trouble_is_noted(sender, intake):
    assert await sender.post(EVENT, {}) == 401
    assert "turned away" in intake.counts.last_error
    assert await sender.post(b"{") == 400
    assert "no JSON" in intake.counts.last_error
    assert intake.counts.troubles == 2
