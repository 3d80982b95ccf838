from __future__ import annotations

import asyncio

import pytest

from brigade.clock import SystemClock
from brigade.errors import AccessDenied, Corrupt, Throttled, Truncated, Unavailable
from brigade.objects import NO_ATTRIBUTES, Checksum, ChecksumAlgorithm
from brigade.stores.base import BytesBody
from brigade.stores.s3.settings import S3Settings
from brigade.stores.s3.store import S3Store
from brigade.testing.bodies import StreamBody, pattern
from brigade.testing.proxy import FaultProxy, ProxyAction, ProxyFault, cut_listing
from brigade.testing.proxy_http import Head, Request, classify

pytestmark = pytest.mark.server

MD5_OF_ABC = Checksum(ChecksumAlgorithm.MD5, "900150983cd24fb0d6963f7d28e17f72")


@pytest.fixture(scope="module")
def bucket(seaweed):
    return seaweed.make_bucket("proxy")


@pytest.fixture
async def proxy(seaweed):
    async with FaultProxy(seaweed.endpoint.url) as proxy:
        yield proxy


@pytest.fixture
async def store(proxy, seaweed, bucket):
    at = seaweed.endpoint
    settings = S3Settings(
        name="proxied",
        bucket=bucket,
        endpoint=proxy.url,
        region=at.region,
        access_key=at.access_key,
        secret_key=at.secret_key,
    )
    store = S3Store(settings, SystemClock())
    await store.open()
    page = await store.list_page()
    await store.delete([info.key for info in page.entries])
    proxy.forget()
    yield store
    await store.close()


async def write(store, key="object", data=b"content"):
    return await store.put(key, BytesBody(data), attributes=NO_ATTRIBUTES)


async def read(store, key="object"):
    async with store.get(key) as reader:
        return await reader.read()


async def test_requests_pass_as_they_are_and_are_counted(store, proxy):
    await write(store, "odd key+/ü", pattern(3_000_000))
    assert await read(store, "odd key+/ü") == pattern(3_000_000)
    await store.put("streamed", StreamBody([b"a" * 70_000, b"b"]), attributes=NO_ATTRIBUTES)
    await store.head("streamed")
    await store.list_page()
    await store.delete(["streamed"])
    assert dict(proxy.counts) == {"put": 2, "get": 1, "head": 1, "list_page": 1, "delete": 1}
    assert [request.key for request in proxy.requests if request.call == "put"] == ["odd key+/ü", "streamed"]


async def test_an_answer_of_our_own_never_reaches_the_server(store, proxy):
    proxy.add(
        ProxyFault("put", ProxyAction.RESPOND, status=500),
        ProxyFault("put", ProxyAction.RESPOND, number=2, status=503, code="SlowDown", retry_after="7"),
        ProxyFault("put", ProxyAction.RESPOND, number=3, status=403, code="AccessDenied"),
    )
    with pytest.raises(Unavailable):
        await write(store)
    with pytest.raises(Throttled) as caught:
        await write(store)
    assert caught.value.retry_after_seconds == 7
    with pytest.raises(AccessDenied):
        await write(store)
    assert (await store.list_page()).entries == []
    proxy.assert_all_fired()


@pytest.mark.parametrize(
    "fault",
    [
        # Twice, because the client makes up by itself for a kept connection that ended before the answer.
        ProxyFault("put", ProxyAction.DROP, times=2),
        ProxyFault("put", ProxyAction.RESET_REQUEST, times=2, after_bytes=50_000),
        ProxyFault("put", ProxyAction.RESET_REQUEST, times=2),
    ],
    ids=lambda fault: f"{fault.action}-{fault.after_bytes}",
)
async def test_a_broken_write_leaves_nothing(store, proxy, fault):
    proxy.add(fault)
    with pytest.raises(Unavailable):
        await write(store, data=pattern(100_000))
    assert (await store.list_page()).entries == []
    proxy.assert_all_fired()


async def test_a_lost_answer_leaves_the_object(store, proxy):
    proxy.add(ProxyFault("put", ProxyAction.LOSE_ANSWER, times=2))
    with pytest.raises(Unavailable):
        await write(store)
    assert await read(store) == b"content"
    proxy.assert_all_fired()


async def test_an_answer_is_held_back_and_the_object_is_there(store, proxy):
    proxy.add(ProxyFault("put", ProxyAction.HOLD_ANSWER))
    writing = asyncio.create_task(write(store))
    async with asyncio.timeout(80):
        while not (await store.list_page()).entries:  # noqa: ASYNC110  a server tells nobody
            await asyncio.sleep(0.01)
    assert not writing.done()
    writing.cancel()
    await asyncio.wait([writing])
    proxy.assert_all_fired()


@pytest.mark.parametrize("action", [ProxyAction.DELAY, ProxyAction.DELAY_ANSWER])
async def test_what_is_delayed_arrives(store, proxy, action):
    proxy.add(ProxyFault("put", action, delay_seconds=0.01))
    await write(store)
    assert await read(store) == b"content"
    proxy.assert_all_fired()


async def test_a_fault_may_be_meant_for_what_is_asked(store, proxy):
    proxy.add(ProxyFault("list_page", ProxyAction.RESPOND, target="max-keys=7", status=403, code="AccessDenied"))
    await store.list_page(limit=8)
    with pytest.raises(AccessDenied):
        await store.list_page(limit=7)


@pytest.mark.parametrize("action", [ProxyAction.RESET_RESPONSE, ProxyAction.CUT_RESPONSE, ProxyAction.WRONG_LENGTH])
async def test_a_broken_answer_is_noticed(store, proxy, action):
    await write(store, data=pattern(300_000))
    proxy.add(ProxyFault("get", action, after_bytes=100_000))
    with pytest.raises((Truncated, Unavailable)):
        await read(store)
    proxy.assert_all_fired()
    assert await read(store) == pattern(300_000)


async def test_a_bit_flips_on_its_way_out(store, proxy):
    await write(store, data=b"abc")
    proxy.add(ProxyFault("get", ProxyAction.FLIP_RESPONSE, after_bytes=1))
    assert await read(store) == b"acc"
    proxy.assert_all_fired()


async def test_a_bit_that_flips_on_its_way_in_is_refused_by_the_server(store, proxy):
    proxy.add(ProxyFault("put", ProxyAction.FLIP_REQUEST, after_bytes=1))
    with pytest.raises(Corrupt):
        await store.put("object", BytesBody(b"abc"), attributes=NO_ATTRIBUTES, expect=MD5_OF_ABC)
    proxy.assert_all_fired()
    assert (await store.list_page()).entries == []


async def test_a_server_lies_about_an_etag(store, proxy):
    await write(store)
    proxy.add(ProxyFault("head", ProxyAction.WRONG_ETAG))
    assert (await store.head("object")).etag == "f" * 32
    proxy.assert_all_fired()


@pytest.mark.parametrize("action", [ProxyAction.HANG, ProxyAction.HANG_RESPONSE])
async def test_a_hanging_request_waits_for_as_long_as_the_client_does(store, proxy, action):
    await write(store)
    proxy.add(ProxyFault("get", action))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await read(store)
    proxy.assert_all_fired()


async def test_a_listing_is_cut_without_a_word(store, proxy):
    for key in "abcd":
        await write(store, key)
    proxy.add(ProxyFault("list_page", ProxyAction.REWRITE, rewrite=cut_listing(2)))
    page = await store.list_page(limit=3)
    assert ([info.key for info in page.entries], page.cursor) == (["a", "b"], None)
    proxy.assert_all_fired()


async def test_faults_are_chosen_by_number_and_key(store, proxy):
    proxy.add(ProxyFault("put", ProxyAction.RESPOND, key="b", number=2, times=2))
    outcomes = []
    for key in ("a", "b", "b", "a", "b", "b"):
        try:
            await write(store, key)
            outcomes.append("ok")
        except Unavailable:
            outcomes.append("fault")
    assert outcomes == ["ok", "ok", "fault", "ok", "fault", "ok"]
    assert sum(proxy.fired.values()) == 2


async def test_a_fault_that_never_came_fails_the_test(store, proxy):
    proxy.add(ProxyFault("get", ProxyAction.DROP))
    with pytest.raises(AssertionError, match="never fired"):
        proxy.assert_all_fired()


@pytest.mark.parametrize(
    ("line", "headers", "call", "key"),
    [
        ("GET /b?list-type=2", [], "list_page", ""),
        ("GET /b/?uploads", [], "list_multiparts", ""),
        ("GET /b/k%20/x", [], "get", "k /x"),
        ("GET /b//lead", [], "get", "/lead"),
        ("GET /b/k?tagging", [], "read_tags", "k"),
        ("GET /b/k?uploadId=u", [], "list_parts", "k"),
        ("HEAD /b/k", [], "head", "k"),
        ("HEAD /b", [], "head_bucket", ""),
        ("PUT /b", [], "create_bucket", ""),
        ("PUT /b/k", [], "put", "k"),
        ("PUT /b/k", [("x-amz-copy-source", "/b/x")], "copy", "k"),
        ("PUT /b/k?partNumber=1&uploadId=u", [], "put_part", "k"),
        ("PUT /b/k?tagging", [], "write_tags", "k"),
        ("POST /b?delete", [], "delete", ""),
        ("POST /b/k?uploads", [], "create_multipart", "k"),
        ("POST /b/k?uploadId=u", [], "complete_multipart", "k"),
        ("DELETE /b/k?uploadId=u", [], "abort_multipart", "k"),
        ("DELETE /b/k", [], "delete", "k"),
        ("PATCH /b/k", [], "other", "k"),
    ],
)
def test_each_call_of_s3_is_known_by_name(line, headers, call, key):
    method, target = line.split(" ", 1)
    assert classify(Head(f"{line} HTTP/1.1", headers)) == Request(call, method, key, target)
