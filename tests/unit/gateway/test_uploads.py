"""Multipart uploads end at the store where they began: over changes of routes, restarts and other gateways."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from brigade.clock import SystemClock
from brigade.errors import StateError
from brigade.gateway.settings import Block, BucketRoute
from brigade.gateway.uploads import KEEP_SECONDS, LINGER_SECONDS, DurableUploads, MemoryUploads
from brigade.testing.clock import ManualClock
from brigade.wire.s3faults import Fault

BEGUN = b"<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BEGUN), BEGUN)


class Book:
    """The state's table, as a dictionary that counts what it is asked."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], tuple[str, float]] = {}
        self.asked = 0
        self.swept = asyncio.Event()
        self.failure: Exception | None = None

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def began(self, bucket, upload_id, store, *, keep_seconds):
        self._fail()
        self.rows[bucket, upload_id] = store, keep_seconds

    async def store_of(self, bucket, upload_id):
        self.asked += 1
        self._fail()
        return self.rows.get((bucket, upload_id), (None, 0))[0]

    async def ended(self, bucket, upload_id, *, keep_seconds):
        self._fail()
        self.rows[bucket, upload_id] = self.rows[bucket, upload_id][0], keep_seconds

    async def forget_old(self):
        self.swept.set()
        self._fail()
        return 0


@pytest.fixture
def book() -> Book:
    return Book()


def uploads(book: Book, most: int = 100) -> DurableUploads:
    return DurableUploads(book, SystemClock(), most)


def moved(scene, store: str):
    return replace(scene.settings, set_routes=(BucketRoute("b", store),))


async def begin(scene) -> None:
    scene.store.answers.append(ANSWER)
    assert (await scene.client.send("POST", "/b/k", "uploads=")).status == 200


async def test_an_upload_goes_on_at_its_store_at_another_gateway_after_the_route_changed(open_scene, book):
    first = await open_scene(uploads=uploads(book))
    await begin(first)
    assert book.rows == {("b", "u1"): ("one", KEEP_SECONDS)}
    second = await open_scene(uploads=uploads(book), set_routes=(BucketRoute("b", "two"),))
    for number in range(3):
        assert (
            await second.client.send("PUT", "/b/k", f"partNumber={number + 1}&uploadId=u1", body=b"x")
        ).status == 200
    assert (await second.client.send("POST", "/b/k", "uploadId=u1", body=b"<x/>")).status == 200
    assert len(second.stores["one"].received) == 4
    assert not second.stores["two"].received
    # The first part asked; the others knew.
    assert book.asked == 1
    assert book.rows["b", "u1"] == ("one", LINGER_SECONDS)
    await second.client.send("GET", "/b/k")
    assert len(second.stores["two"].received) == 1


async def test_what_this_process_began_asks_nobody(open_scene, book):
    scene = await open_scene(uploads=uploads(book))
    await begin(scene)
    await scene.gateway.update(moved(scene, "two"))
    await scene.client.send("PUT", "/b/k", "partNumber=1&uploadId=u1", body=b"x")
    assert len(scene.stores["one"].received) == 2
    assert book.asked == 0


async def test_an_upload_that_nobody_knows_goes_by_the_routes_and_is_asked_for_once(open_scene, book):
    scene = await open_scene(uploads=uploads(book), set_routes=(BucketRoute("b", "two"),))
    for _ in range(2):
        await scene.client.send("PUT", "/b/k", "partNumber=1&uploadId=foreign", body=b"x")
    assert len(scene.stores["two"].received) == 2
    assert book.asked == 1


async def test_an_upload_goes_on_when_no_route_is_left_but_not_through_a_block(open_scene, book):
    scene = await open_scene(uploads=uploads(book), store=None, routes=(BucketRoute("b", "one"),))
    await begin(scene)
    await scene.gateway.update(replace(scene.settings, routes=()))
    assert (await scene.client.send("PUT", "/b/k", "partNumber=1&uploadId=u1", body=b"x")).status == 200
    assert (await scene.client.send("PUT", "/b/other", body=b"x")).code == "AccessDenied"
    await scene.gateway.update(replace(scene.settings, set_blocks=(Block("b", writes_only=True),)))
    assert (await scene.client.send("PUT", "/b/k", "partNumber=1&uploadId=u1", body=b"x")).status == 503
    assert (await scene.client.send("GET", "/b/k", "uploadId=u1")).status == 200


async def test_an_upload_whose_store_is_gone_is_refused_and_sent_nowhere_else(open_scene, book):
    scene = await open_scene(uploads=uploads(book))
    await begin(scene)
    left = tuple(store for store in scene.settings.stores if store.name == "two")
    await scene.gateway.update(replace(scene.settings, stores=left, store="two"))
    reply = await scene.client.send("PUT", "/b/k", "partNumber=1&uploadId=u1", body=b"x")
    assert (reply.status, reply.code) == (404, "NoSuchUpload")
    assert not scene.stores["two"].received


@pytest.mark.parametrize("answer", [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"])
async def test_an_end_that_the_store_refused_is_none(open_scene, book, answer):
    scene = await open_scene(uploads=uploads(book))
    await begin(scene)
    scene.store.answers.append(answer)
    assert (await scene.client.send("POST", "/b/k", "uploadId=u1", body=b"<x/>")).status == 404
    assert book.rows["b", "u1"] == ("one", KEEP_SECONDS)
    await scene.client.send("DELETE", "/b/k", "uploadId=u1")
    assert book.rows["b", "u1"] == ("one", LINGER_SECONDS)


async def test_without_the_state_what_began_here_goes_on_and_others_are_asked_to_wait(open_scene, book):
    scene = await open_scene(uploads=uploads(book))
    book.failure = StateError("away")
    await begin(scene)
    assert (await scene.client.send("PUT", "/b/k", "partNumber=1&uploadId=u1", body=b"x")).status == 200
    assert (await scene.client.send("POST", "/b/k", "uploadId=u1", body=b"<x/>")).status == 200
    reply = await scene.client.send("PUT", "/b/k", "partNumber=1&uploadId=another", body=b"x")
    assert (reply.status, reply.code) == (503, "ServiceUnavailable")
    book.failure = None
    assert (await scene.client.send("PUT", "/b/k", "partNumber=1&uploadId=another", body=b"x")).status == 200


async def test_a_route_to_a_store_that_is_not_there_serves_nobody(open_scene):
    scene = await open_scene(set_routes=(BucketRoute("b", "gone"),))
    assert (await scene.client.send("GET", "/b/k")).code == "ServiceUnavailable"
    assert (await scene.client.send("GET", "/c/k")).status == 200
    assert (await scene.client.send("GET", "/")).code == "ServiceUnavailable"


async def test_memory_is_bounded(book):
    seen = uploads(book, most=3)
    for number in range(5):
        await seen.began("b", f"u{number}", "one")
    assert len(seen._met._stores) == 3
    # Those that were forgotten are asked for.
    assert [await seen.store_of("b", f"u{number}") for number in range(5)] == ["one"] * 5
    memory = MemoryUploads(most=2)
    for number in range(3):
        await memory.began("b", f"u{number}", "one")
    assert [await memory.store_of("b", f"u{number}") for number in range(3)] == [None, "one", "one"]


async def test_ids_that_no_store_gives_out_ask_nobody_and_are_not_remembered(book):
    seen = uploads(book)
    for upload_id in ("nul\0", "line\nbreak", "u" * 10_000, "\udcff"):
        assert await seen.store_of("b", upload_id) is None
    assert book.asked == 0
    assert not seen._unknown._stores
    # Where a store does give such a one out, this process knows it.
    await seen.began("b", "u" * 10_000, "one")
    assert await seen.store_of("b", "u" * 10_000) == "one"
    await seen.ended("b", "u" * 10_000)
    assert not book.rows


async def test_ids_that_clients_make_up_take_bounded_memory(book):
    seen = uploads(book, most=100_000)
    for number in range(12_000):
        await seen.store_of("b", f"made up {number}")
    assert len(seen._unknown._stores) == 10_000


async def test_old_ones_are_forgotten_now_and_then_through_times_without_a_state(book):
    clock = ManualClock(auto=False)
    seen = DurableUploads(book, clock)
    book.failure = StateError("away")
    async with asyncio.timeout(80), asyncio.TaskGroup() as group:
        sweeping = group.create_task(seen.run())
        await book.swept.wait()
        book.swept.clear()
        await asyncio.sleep(0)
        clock.advance(600)
        await book.swept.wait()
        sweeping.cancel()


async def test_a_lookup_that_fails_is_an_answer_of_its_own(book):
    book.failure = StateError("away")
    with pytest.raises(Fault, match="Please try again"):
        await uploads(book).store_of("b", "u")
