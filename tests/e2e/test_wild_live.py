"""A whole store is followed through the gateway: buckets that are there, that come later, and that go."""

from __future__ import annotations

import asyncio
import http.client
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from brigade.testing.buckets import Bucket
from brigade.testing.live import CLIENT, stop, until
from brigade.testing.servers import Endpoint, SeaweedServer

pytestmark = pytest.mark.server


class Side:
    """A server of these tests alone, seen as a client does."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.client: Any = endpoint.client()

    def make(self, bucket: str, **objects: bytes) -> None:
        self.client.create_bucket(Bucket=bucket)
        for key, body in objects.items():
            self.put(bucket, key, body)

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=bucket, Key=key, Body=body)

    def delete(self, bucket: str, key: str) -> None:
        self.client.delete_object(Bucket=bucket, Key=key)

    def buckets(self) -> set[str]:
        return {bucket["Name"] for bucket in self.client.list_buckets()["Buckets"]}

    def contents(self, bucket: str) -> dict[str, bytes]:
        """Empty for a bucket that is not there."""
        place = Bucket(self.endpoint, bucket)
        try:
            return place.contents()
        except ClientError:
            return {}
        finally:
            place.close()

    def clear(self) -> None:
        for bucket in self.buckets():
            if found := self.client.list_objects_v2(Bucket=bucket).get("Contents"):
                self.client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": one["Key"]} for one in found]})
            self.client.delete_bucket(Bucket=bucket)


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Side, Side]]:
    """Two servers that no other test has buckets in."""
    with SeaweedServer() as first, SeaweedServer() as second:
        sides = Side(first.endpoint), Side(second.endpoint)
        yield sides
        for side in sides:
            side.client.close()


@pytest.fixture
def old(servers: tuple[Side, Side]) -> Iterator[Side]:
    yield servers[0]
    servers[0].clear()


@pytest.fixture
def new(servers: tuple[Side, Side]) -> Iterator[Side]:
    yield servers[1]
    servers[1].clear()


def configure(brigade, old: Side, new: Side, **replication: object) -> None:
    """All of `old` goes to `new`; the whole store is Ann's alone."""
    for name, side in (("old", old), ("new", new)):
        brigade.reach(name, Bucket(side.endpoint, "any"))
    brigade.gateway = {"listen": "127.0.0.1:0", "users": {"ann": {"keys": [CLIENT], "store": "old"}}}
    live = {"source": "old:*", "target": "new:*", "live": ["gateway"]}
    brigade.replications = {"everything": {**live, **replication}}
    brigade.write_config()


def tell(url: str, bucket: str, key: str) -> int:
    """Post an event as a store would."""
    body = json.dumps({"Records": [{"s3": {"bucket": {"name": bucket}, "object": {"key": key}}}]})
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)) as connection:
        connection.request("POST", "/events/old", body, {"Authorization": "Bearer a secret"})
        return connection.getresponse().status


async def gateway_of(brigade, process) -> Side:
    url = (await brigade.said(process, "gateway: listens on")).split()[-1]
    return Side(Endpoint("gateway", url, "us-east-1", CLIENT["access_key"], CLIENT["secret_key"]))


def rows(brigade, where: str = "1") -> int:
    with closing(sqlite3.connect(brigade.state)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM backlog WHERE {where}").fetchone()[0])


def end_leases(brigade, process) -> None:
    """What the time would do that a killed process's claims last."""
    with closing(sqlite3.connect(brigade.state)) as connection, connection:
        connection.execute("UPDATE backlog SET ready_ns = 0 WHERE owner LIKE ?", (f"%:{process.pid}:%",))


async def test_buckets_that_are_there_and_one_that_comes_later_are_followed_until_they_go(brigade, old, new):
    old.make("first", before=b"1")
    old.make("second", before=b"2")
    configure(brigade, old, new, delete="tracked")
    process = await brigade.start("run")
    through = await gateway_of(brigade, process)
    await until(lambda: new.contents("first") == {"before": b"1"} and new.contents("second") == {"before": b"2"})

    def write() -> None:
        through.put("first", "new", b"n")
        through.delete("second", "before")
        through.make("later")
        through.put("later", "k", b"k")
        through.make("empty")

    await asyncio.to_thread(write)
    await until(lambda: new.contents("first") == {"before": b"1", "new": b"n"})
    await until(lambda: new.contents("second") == {} and new.contents("later") == {"k": b"k"})
    await until(lambda: "empty" in new.buckets())

    def go() -> None:
        # At once, as `aws s3 rb --force` does it.
        through.delete("later", "k")
        through.client.delete_bucket(Bucket="later")

    await asyncio.to_thread(go)
    await until(lambda: "later" not in new.buckets())
    assert {"first", "second", "empty"} <= new.buckets()
    with pytest.raises(ClientError, match="NoSuchBucket"):
        await asyncio.to_thread(through.put, "made-up", "k", b"x")
    await until(lambda: rows(brigade) == 0)
    with closing(sqlite3.connect(brigade.state)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM replications")}
    assert names == {"everything", *(f"everything/{bucket}" for bucket in ("first", "second", "later", "empty"))}
    through.client.close()
    await stop(brigade, process)


async def test_a_bucket_made_behind_the_gateways_back_is_found_by_the_schedule_and_then_followed(brigade, old, new):
    brigade.webhook = {"listen": "127.0.0.1:0", "secrets": ["a secret"]}
    configure(brigade, old, new, live=["gateway", "webhook"], reconcile="1s")
    process = await brigade.start("run")
    url = (await brigade.said(process, "webhook: listens on")).split()[3]
    through = await gateway_of(brigade, process)
    await asyncio.to_thread(old.make, "behind", k=b"1")
    await until(lambda: new.contents("behind") == {"k": b"1"})
    # From here on without the schedule.
    configure(brigade, old, new, live=["gateway", "webhook"], reconcile="once")
    await brigade.said(process, "read again")
    await asyncio.to_thread(through.put, "behind", "later", b"2")
    await until(lambda: new.contents("behind") == {"k": b"1", "later": b"2"})
    # One that no reconcile has seen is followed from its first write on.
    await asyncio.to_thread(old.make, "unseen")
    await asyncio.to_thread(through.put, "unseen", "k", b"3")
    await until(lambda: new.contents("unseen") == {"k": b"3"})
    # Or from the first word of it that the store itself has.
    await asyncio.to_thread(old.make, "told", k=b"4")
    assert await asyncio.to_thread(tell, url, "told", "k") == 200
    assert await asyncio.to_thread(tell, url, "made-up", "k") == 200
    await until(lambda: new.contents("told") == {"k": b"4"})
    through.client.close()
    await stop(brigade, process)


@pytest.mark.timeout(120)
async def test_what_was_noted_of_every_bucket_outlives_a_gateway_and_a_worker(brigade, old, new):
    buckets = [f"bucket-{number}" for number in range(4)]
    objects = {f"{number:02}": bytes(20_000) for number in range(8)}
    old.make("known")
    configure(brigade, old, new, delete="mirror", bandwidth="150kB/s", transfers=2)
    gateway = await brigade.start("run", "gateway")
    through = await gateway_of(brigade, gateway)

    def write() -> None:
        through.put("known", "k", b"1")
        for bucket in buckets:
            through.make(bucket, **objects)
        through.make("empty")
        through.make("short")
        through.client.delete_bucket(Bucket="short")

    await asyncio.to_thread(write)
    through.client.close()
    # Of settlements that are lost the holds would have to run out first.
    await until(lambda: not rows(brigade, "holds > 0"))
    await brigade.kill(gateway)
    assert new.buckets() == set()
    first, second = [await brigade.start("run", "worker") for _ in range(2)]
    await until(lambda: rows(brigade, f"owner LIKE '%:{first.pid}:%'") or rows(brigade) < 10)
    await brigade.kill(first)
    end_leases(brigade, first)
    await until(lambda: rows(brigade) == 0, 75)
    assert new.buckets() == {"known", "empty", *buckets}
    assert new.contents("known") == {"k": b"1"}
    assert all(new.contents(bucket) == objects for bucket in buckets)
    await stop(brigade, second)


async def test_an_asked_run_of_the_whole_store_is_waited_for_in_each_bucket(brigade, old, new):
    for name in ("first", "second"):
        old.make(name, before=b"1")
    configure(brigade, old, new)
    process = await brigade.start("run")
    await until(lambda: new.contents("first") == new.contents("second") == {"before": b"1"})
    for name in ("first", "second", "third"):
        if name == "third":
            old.make(name)
        old.put(name, "behind our back", b"2")
    for ask in ("reconcile", "verify"):
        assert (await brigade("replication", ask, "everything")).code == 0
        waited = await brigade("replication", "wait", "everything", "--timeout", "30s")
        assert waited.code == 0, waited.words
        for name in ("first", "second", "third"):
            assert new.contents(name).get("behind our back") == b"2", (ask, name)
    verified = {
        each["replication"] for each in (await brigade("runs", "list", "--json")).lines if each["kind"] == "verify"
    }
    assert verified == {"everything/first", "everything/second", "everything/third"}
    await stop(brigade, process)
