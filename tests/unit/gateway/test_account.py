"""What the gateway counts of requests: each once, under a class that no client can invent."""

from __future__ import annotations

import asyncio

import pytest

from brigade.errors import StateError


@pytest.fixture
async def counted(open_scene):
    scene = await open_scene()
    return scene, scene.gateway._counts


async def settled(counts):
    """A client may read its answer before the request has ended here."""
    async with asyncio.timeout(80):
        while counts.under_way:  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.01)


async def test_each_request_counts_under_its_class_and_status(counted):
    scene, counts = counted
    await scene.client.send("PUT", "/bucket/key", body=b"12345")
    await scene.client.send("GET", "/bucket/key")
    await scene.client.send("GET", "/bucket", "list-type=2")
    await scene.client.send("GET", "/bucket/key", signed=False)
    await scene.client.send("GET", "/bucket", "uploads=")
    await settled(counts)
    assert counts.requests == {
        ("put", "2xx"): 1,
        ("get", "2xx"): 1,
        ("list", "2xx"): 2,
        ("get", "4xx"): 1,
    }
    assert counts.received_bytes == 5
    assert counts.sent_bytes > 0
    assert counts.under_way == 0
    assert sum(counts.seconds["list"].counts) == 2


async def test_what_no_table_knows_makes_no_class_of_its_own(counted):
    scene, counts = counted
    for method in ("PATCH", "PROPFIND", "LOCK", "REPORT"):
        await scene.client.send(method, "/")
        await scene.client.send(method, "/bucket/key")
    await settled(counts)
    assert {kind for kind, _ in counts.requests} == {"other"}


async def test_an_answer_that_breaks_off_counts_as_cut(counted):
    scene, counts = counted

    async def half(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        writer.close()

    scene.store.answers.append(half)
    with pytest.raises(Exception, match=r"."):
        await scene.client.send("GET", "/bucket/key")
    await settled(counts)
    assert counts.requests == {("get", "cut"): 1}


async def test_notes_and_their_failures_are_counted(counted):
    scene, counts = counted
    await scene.client.send("PUT", "/bucket/key", body=b"1")
    assert (counts.noted, dict(counts.note_failures)) == (1, {})
    scene.capture.failure = StateError("away")
    assert (await scene.client.send("PUT", "/bucket/key", body=b"1")).status == 503
    await settled(counts)
    assert (counts.noted, dict(counts.note_failures)) == (1, {"note": 1})
    assert counts.requests["put", "5xx"] == 1
