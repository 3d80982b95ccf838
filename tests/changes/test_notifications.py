"""Buckets of real servers that are set up to send their events, and the events arriving."""

from __future__ import annotations

import asyncio
import secrets
import threading
from pathlib import Path
from typing import Any

import pytest

from brigade.changes.base import Intake, Routes, Subscription
from brigade.changes.setup import Wish, remove, set_up, show, webhook_commands
from brigade.changes.webhook import Webhook, WebhookSettings
from brigade.clock import SystemClock
from brigade.stores.s3.notifications import BucketNotifications
from brigade.stores.s3.settings import S3Settings
from brigade.stores.s3.store import S3Store
from brigade.testing.available import SERVERS
from brigade.testing.marks import until
from brigade.testing.servers import Server
from brigade.wire.s3notifications import new_entry

pytestmark = pytest.mark.server
SECRET = "correct horse+%"
KEYS = ["plain", "a dir/x y é.txt", "a+b%41", "//odd", "end/"]


def opened(server: Server, bucket: str) -> S3Store:
    end = server.endpoint
    settings = S3Settings(
        end.name, bucket, endpoint=end.url, region=end.region, access_key=end.access_key, secret_key=end.secret_key
    )
    return S3Store(settings, SystemClock())


@pytest.fixture
async def bucket_on(running):
    """Opens a new bucket of a server: (its notifications, a client of botocore's, its name)."""
    stores: list[S3Store] = []
    clients: list[Any] = []

    async def make(name: str) -> tuple[BucketNotifications, Any, str]:
        if reason := SERVERS[name].missing():
            pytest.skip(reason)
        server = running(name)
        bucket = server.make_bucket("events")
        stores.append(opened(server, bucket))
        await stores[-1].open()
        clients.append(server.endpoint.client())
        return stores[-1].notifications(), clients[-1], bucket

    yield make
    for store in stores:
        await store.close()
    for client in clients:
        client.close()


@pytest.fixture
def listening(marks, background):
    async def start(bucket: str, prefix: str = "") -> tuple[Intake, str]:
        intake = Intake(Routes([Subscription(1, bucket, prefix)]), marks)
        webhook = Webhook(WebhookSettings(port=0, secrets=(SECRET,)), {"/events": intake}, SystemClock())
        background(webhook.run())
        await until(lambda: webhook.address)
        assert webhook.address
        return intake, f"http://127.0.0.1:{webhook.address[1]}/events"

    return start


async def in_thread(work) -> None:
    await asyncio.to_thread(work)


async def test_ceph_posts_its_events_to_the_webhook(bucket_on, listening, marks):
    side, client, bucket = await bucket_on("ceph")
    intake, url = await listening(bucket)
    await set_up(side, Wish(f"r-{bucket}", url=url, secret=SECRET))

    def write() -> None:
        for key in KEYS:
            client.put_object(Bucket=bucket, Key=key, Body=b"x")
        client.delete_object(Bucket=bucket, Key="plain")
        client.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "end/"})
        upload = client.create_multipart_upload(Bucket=bucket, Key="multi")["UploadId"]
        tag = client.upload_part(Bucket=bucket, Key="multi", UploadId=upload, PartNumber=1, Body=b"z")["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
        client.complete_multipart_upload(Bucket=bucket, Key="multi", UploadId=upload, MultipartUpload=parts)

    await in_thread(write)
    await until(lambda: {*KEYS, "copy", "multi"} <= set(marks.marked()))
    assert intake.counts.failed == 0
    assert intake.counts.refused == 0


async def test_ceph_sends_what_lies_under_the_prefix_and_stops_when_it_is_removed(bucket_on, listening, marks):
    side, client, bucket = await bucket_on("ceph")
    intake, url = await listening(bucket, "p/")
    wish = Wish(f"r-{bucket}", "p/", url=url, secret=SECRET)
    await set_up(side, wish)
    assert "already" in (await set_up(side, wish)).done[-1]
    await in_thread(lambda: client.put_object(Bucket=bucket, Key="q", Body=b"x"))
    await in_thread(lambda: client.put_object(Bucket=bucket, Key="p/a", Body=b"x"))
    await until(marks.marked)
    assert marks.marked() == ["a"]
    assert intake.counts.received == 1
    await remove(side, wish.replication)
    assert await show(side) == []
    await in_thread(lambda: client.put_object(Bucket=bucket, Key="p/b", Body=b"x"))
    await asyncio.sleep(0.5)
    assert marks.marked() == ["a"]


async def test_at_ceph_the_entries_of_others_stay(bucket_on, listening):
    side, _, bucket = await bucket_on("ceph")
    _, url = await listening(bucket)
    theirs = await side.create_topic(f"theirs-{bucket}", url)
    await side.write([new_entry("theirs", theirs, ("s3:ObjectCreated:Put",))])
    await set_up(side, Wish(f"r-{bucket}", url=url, secret=SECRET))
    await set_up(side, Wish(f"r-{bucket}", "p/", url=url, secret=SECRET))
    shown = {entry.id: (entry.prefix, is_ours) for entry, is_ours in await show(side)}
    assert shown == {"theirs": ("", False), f"brigade-r-{bucket}": ("p/", True)}
    await remove(side, f"r-{bucket}")
    assert [entry.id for entry, _ in await show(side)] == ["theirs"]
    await side.write([], removed=["theirs"])
    await side.delete_topic(theirs)


async def test_a_bucket_of_moto_keeps_what_others_configured(bucket_on):
    side, client, bucket = await bucket_on("moto")
    theirs = {
        "QueueConfigurations": [
            {"Id": "theirs", "QueueArn": "arn:aws:sqs:us-east-1:123456789012:t", "Events": ["s3:ObjectCreated:Put"]}
        ]
    }
    client.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=theirs)
    arn = "arn:aws:sqs:us-east-1:123456789012:ours"
    outcome = await set_up(side, Wish("photos", "p/", arn=arn))
    assert outcome.done
    found = client.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    assert [(one["Id"], one["QueueArn"]) for one in found] == [
        ("theirs", "arn:aws:sqs:us-east-1:123456789012:t"),
        ("brigade-photos", arn),
    ]
    assert found[1]["Filter"]["Key"]["FilterRules"][0]["Value"] == "p/"
    assert "already" in (await set_up(side, Wish("photos", "p/", arn=arn))).done[-1]
    await remove(side, "photos")
    found = client.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    assert [one["Id"] for one in found] == ["theirs"]


@pytest.mark.skipif(SERVERS["seaweed"].missing() is not None, reason="SeaweedFS is missing")
async def test_seaweed_posts_its_file_events_when_set_up_as_told(tmp_path: Path, listening, marks, monkeypatch):
    bucket = f"events-{secrets.token_hex(4)}"
    intake, url = await listening(bucket)

    class Side:
        name, vendor = "seaweed", "seaweedfs"

        def __init__(self) -> None:
            self.bucket = bucket

    settings, *_ = webhook_commands(Side(), Wish("photos", url=url))
    directory = tmp_path / "weed"
    directory.mkdir()
    (directory / "notification.toml").write_text(settings.split("\n", 1)[1].rsplit("\n", 1)[0])
    monkeypatch.setenv("WEED_NOTIFICATION_WEBHOOK_BEARER_TOKEN", SECRET)

    def work() -> None:
        with SERVERS["seaweed"](directory) as server:
            client = server.endpoint.client()
            client.create_bucket(Bucket=bucket)
            for key in ("plain", "a dir/x+y %41 é.txt"):
                client.put_object(Bucket=bucket, Key=key, Body=b"x")
            client.delete_object(Bucket=bucket, Key="plain")
            client.close()
            finished.wait(20)

    finished = threading.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(in_thread(work))
        try:
            await until(lambda: {"plain", "a dir/x+y %41 é.txt"} <= set(marks.marked()))
        finally:
            finished.set()
    assert intake.counts.failed == 0
    assert intake.counts.refused == 0
