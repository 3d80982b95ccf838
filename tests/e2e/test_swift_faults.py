"""Swift as a target when things break: kills, flipped bits, resets, busy answers. Nothing is lost and nothing left astray."""

from __future__ import annotations

import pytest

from brigade.clock import SystemClock
from brigade.objects import NO_ATTRIBUTES
from brigade.stores.base import BytesBody
from brigade.stores.swift.settings import SwiftSettings
from brigade.stores.swift.store import SwiftStore
from brigade.testing.bodies import pattern
from brigade.testing.proxy import FaultProxy, ProxyAction, ProxyFault
from brigade.testing.swift import SwiftServer

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(SwiftServer.missing() is not None, reason="OpenStack Swift is not installed"),
]

MEBIBYTE = 1024 * 1024
PARTS = [*(pattern(5 * MEBIBYTE, number) for number in range(5)), b"end"]


@pytest.fixture
def swift(running):
    return running("swift")


@pytest.fixture
async def proxy(swift):
    async with FaultProxy(swift.endpoint.url) as proxy:
        yield proxy


@pytest.fixture
def seen(own_bucket):
    """The container with the eyes of Swift's S3 front."""
    return own_bucket("swift")


@pytest.fixture
def container(seen):
    return seen.name


@pytest.fixture
async def target(swift, container):
    """The container itself, without the proxy."""
    settings = SwiftSettings(name="swift", container=container, auth_url=swift.auth_url, user=swift.user, key=swift.key)
    store = SwiftStore(settings, SystemClock())
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def location(brigade, swift, proxy, container):
    """The container through the proxy, for the command line."""
    at = {"auth_url": f"{proxy.url}/auth/v1.0", "storage_url": f"{proxy.url}/v1/AUTH_test", "user": swift.user}
    brigade.have("swift", {"key": swift.key}, type="swift", **at)
    return f"swift:{container}"


async def killed(brigade, source, location, reached):
    process = await brigade.start("sync", source, location)
    await brigade.reached(process, reached)
    await brigade.kill(process)


async def content(store, key):
    async with store.get(key) as reader:
        return await reader.read()


async def test_a_kill_in_the_middle_of_an_upload_loses_no_part_that_was_there(brigade, place, proxy, target, location):
    source = place("seaweed")
    source.put_parts("large", PARTS, Metadata={"v": "1"})
    a = brigade.reach("a", source)
    hangs = ProxyFault("*", ProxyAction.HANG, target="/00000004", times=9)
    proxy.add(hangs)
    await killed(brigade, a, location, lambda: proxy.fired[hangs])
    (upload,) = await target.list_multiparts()
    there = {part.number for part in await target.list_parts("large", upload.upload_id)}
    assert (await target.list_page()).entries == []
    proxy.faults.clear()
    sent = [ProxyFault("*", ProxyAction.DELAY, target=f"/{number:08d}", delay_seconds=0) for number in range(1, 7)]
    proxy.add(*sent)
    ran = await brigade.sync(a, location)
    assert (ran.json["copied"], ran.json["in_step"]) == (1, True), ran.words
    # More may have arrived since it was counted.
    assert {4} <= {number for number, fault in enumerate(sent, 1) if proxy.fired[fault]} <= set(range(1, 7)) - there
    assert await content(target, "large") == b"".join(PARTS)
    assert (await target.head("large")).attributes.metadata == {"v": "1"}
    assert await target.list_multiparts() == []


async def test_a_kill_after_the_manifest_leaves_a_whole_object_and_no_upload(
    brigade, place, proxy, seen, target, location
):
    source = place("seaweed")
    source.put_parts("large", PARTS[:1] + PARTS[-1:])
    a = brigade.reach("a", source)
    held = ProxyFault("*", ProxyAction.HOLD_ANSWER, target="multipart-manifest=put")
    proxy.add(held)
    await killed(brigade, a, location, seen.keys)
    assert await content(target, "large") == PARTS[0] + PARTS[-1]
    assert len(await target.list_multiparts()) == 1
    ran = await brigade.sync(a, location)
    assert ran.json["in_step"] is True
    assert await content(target, "large") == PARTS[0] + PARTS[-1]
    assert await target.list_multiparts() == []


async def test_flipped_bits_resets_and_busy_answers_are_met_by_another_attempt(brigade, place, proxy, target, location):
    source, back = place("seaweed"), place("seaweed")
    for key in ("flipped", "reset", "busy", "lost"):
        source.put(key, pattern(200_000))
    a, c = brigade.reach("a", source), brigade.reach("c", back)
    proxy.add(
        ProxyFault("*", ProxyAction.FLIP_REQUEST, target="/flipped", after_bytes=1000),
        ProxyFault("*", ProxyAction.RESET_REQUEST, target="/reset", after_bytes=1000),
        ProxyFault("*", ProxyAction.RESPOND, target="/busy", status=498, retry_after="1"),
        ProxyFault("*", ProxyAction.LOSE_ANSWER, target="/lost"),
    )
    ran = await brigade.sync(a, location)
    assert (ran.json["copied"], ran.json["failed"]) == (4, 0), ran.words
    proxy.assert_all_fired()
    proxy.faults.clear()
    proxy.add(
        ProxyFault("*", ProxyAction.FLIP_RESPONSE, target="/flipped", after_bytes=1000),
        ProxyFault("*", ProxyAction.RESET_RESPONSE, target="/reset", after_bytes=1000),
        ProxyFault("*", ProxyAction.RESPOND, target="/busy", status=503),
        ProxyFault("*", ProxyAction.CUT_RESPONSE, target="/lost", after_bytes=1000),
    )
    ran = await brigade.sync(location, c)
    assert (ran.json["copied"], ran.json["failed"]) == (4, 0), ran.words
    proxy.assert_all_fired()
    assert back.contents() == dict.fromkeys(("flipped", "reset", "busy", "lost"), pattern(200_000))


async def test_a_listing_that_is_refused_deletes_nothing(brigade, place, proxy, target, location):
    copy = place("seaweed")
    for key in ("a", "b"):
        await target.put(key, BytesBody(b"1"), attributes=NO_ATTRIBUTES)
        copy.put(key, b"1")
    b = brigade.reach("b", copy)
    proxy.add(ProxyFault("*", ProxyAction.RESPOND, target="format=json", times=99, status=404))
    ran = await brigade("sync", location, b, "--delete", "mirror", "--max-delete", "100%")
    assert ran.code != 0
    assert copy.keys() == ["a", "b"]
