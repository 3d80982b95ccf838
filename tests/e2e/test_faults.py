"""Scripted faults between the command and real servers: swept over the calls of a small sync, with the invariants."""

from __future__ import annotations

import os
import time

import pytest

from brigade.testing.bodies import pattern
from brigade.testing.buckets import Bucket
from brigade.testing.proxy import ProxyAction, ProxyFault

pytestmark = pytest.mark.server

MEBIBYTE = 1024 * 1024
OBJECTS = {"one": pattern(3000, 1), "two": pattern(2 * MEBIBYTE, 2), "well": pattern(100, 5)}
PARTS = [pattern(5 * MEBIBYTE, 3), pattern(1000, 4)]
# Calls of one side in the sync below; a fault beyond the last one never fires, and the sweep ends.
MOST_CALLS = 12
KINDS = {
    "drop": (ProxyAction.DROP, {}),
    "reset-request": (ProxyAction.RESET_REQUEST, {"after_bytes": 500}),
    "lose-answer": (ProxyAction.LOSE_ANSWER, {}),
    "reset-response": (ProxyAction.RESET_RESPONSE, {"after_bytes": 500}),
    "cut-response": (ProxyAction.CUT_RESPONSE, {"after_bytes": 500}),
    "wrong-length": (ProxyAction.WRONG_LENGTH, {}),
    "500": (ProxyAction.RESPOND, {"status": 500}),
    "503": (ProxyAction.RESPOND, {"status": 503, "code": "SlowDown"}),
    "403": (ProxyAction.RESPOND, {"status": 403, "code": "AccessDenied"}),
    "flip-request": (ProxyAction.FLIP_REQUEST, {"after_bytes": 700}),
    "flip-response": (ProxyAction.FLIP_RESPONSE, {"after_bytes": 700}),
    "wrong-etag": (ProxyAction.WRONG_ETAG, {}),
}


@pytest.fixture(scope="module")
def source(running):
    """Two objects in one piece and one in parts, never changed."""
    at = running("seaweed")
    bucket = Bucket(at.endpoint, at.make_bucket("faulty"))
    for key, body in OBJECTS.items():
        bucket.put(key, body, Metadata={"k": key})
    bucket.put_parts("parts", PARTS)
    return bucket


def assert_nothing_is_wrong(ran, source, target):
    """Whatever happened: no wrong bytes, no claim that does not hold, words and no traceback."""
    wanted, held = source.etags(), target.etags()
    assert held.items() <= wanted.items(), ran.words
    assert ran.code in (0, 1), ran.words
    if ran.code == 0:
        assert held == wanted
    assert ran.code == 0 or ran.json["in_step"] is False or not ran.out
    if not ran.out:
        assert ran.err.count("\n") == 1
        assert ran.err.startswith("brigade: error: ")


def sweep():
    """Every kind at every call in a soak; otherwise each kind and each call number once, on one side or the other."""
    if os.environ.get("BRIGADE_SOAK"):
        return [(side, n, kind) for side in ("source", "target") for n in range(1, MOST_CALLS + 1) for kind in KINDS]
    kinds = list(KINDS)
    # Five and twelve have no common divisor, so all kinds are met.
    return [(("source", "target")[n % 2], n + 1, kinds[5 * n % len(kinds)]) for n in range(MOST_CALLS)]


@pytest.mark.parametrize(("side", "number", "kind"), sweep())
async def test_a_fault_at_any_call_breaks_no_invariant_and_the_next_run_converges(
    brigade, source, place, proxied, side, number, kind
):
    target = place("seaweed")
    action, more = KINDS[kind]
    proxy = await proxied(source if side == "source" else target, ProxyFault("*", action, number=number, **more))
    urls = {side: proxy.url}
    a = brigade.reach("a", source, url=urls.get("source"), idle_timeout="2s")
    b = brigade.reach("b", target, url=urls.get("target"), idle_timeout="2s")
    ran = await brigade("sync", a, b, "--json", "--processes", "1")
    assert_nothing_is_wrong(ran, source, target)
    if ran.code:
        assert (await brigade.sync(a, b)).json["in_step"] is True
    assert target.etags() == source.etags()
    assert target.uploads() == []


@pytest.mark.parametrize("key", ["one", "two", "parts"])
@pytest.mark.parametrize("call", ["get", "put"])
async def test_a_bit_that_flips_on_the_way_is_caught_and_made_good(brigade, source, place, proxied, call, key):
    target = place("seaweed")
    if call == "get":
        fault = ProxyFault("get", ProxyAction.FLIP_RESPONSE, key=key, after_bytes=999)
        proxy = await proxied(source, fault)
        a, b = brigade.reach("a", source, url=proxy.url), brigade.reach("b", target)
    else:
        write = "put_part" if key == "parts" else "put"
        fault = ProxyFault(write, ProxyAction.FLIP_REQUEST, key=key, after_bytes=999)
        proxy = await proxied(target, fault)
        a, b = brigade.reach("a", source), brigade.reach("b", target, url=proxy.url)
    ran = await brigade.sync(a, b)
    proxy.assert_all_fired()
    assert ran.json["failed"] == 0
    assert target.etags() == source.etags()
    assert target.contents() == source.contents()


@pytest.mark.parametrize("key", ["one", "parts"])
async def test_a_way_that_damages_each_time_brings_nothing(brigade, source, place, proxied, key):
    target = place("seaweed")
    flips = [ProxyFault("get", ProxyAction.FLIP_RESPONSE, number=n, key=key, after_bytes=9 * n) for n in range(1, 80)]
    proxy = await proxied(source, *flips)
    a, b = brigade.reach("a", source, url=proxy.url), brigade.reach("b", target)
    ran = await brigade.sync(a, b, "--include", key, code=1)
    assert ran.json["failed"] == 1
    assert ran.report[key]["error"]
    assert target.keys() == []
    assert target.uploads() == []


@pytest.mark.parametrize("key", ["one", "two"])
async def test_an_object_that_rots_at_its_source_is_told_and_not_copied(brigade, source, place, proxied, key):
    target = place("seaweed")
    # The same bytes each time, and not those of the ETag.
    rot = ProxyFault("get", ProxyAction.FLIP_RESPONSE, times=99, key=key, after_bytes=9)
    proxy = await proxied(source, rot)
    a, b = brigade.reach("a", source, url=proxy.url), brigade.reach("b", target)
    ran = await brigade.sync(a, b, code=1)
    assert (ran.json["failed"], ran.json["copied"]) == (1, len(OBJECTS))
    assert "damaged at the source" in ran.report[key]["error"]
    assert target.etags() == {name: etag for name, etag in source.etags().items() if name != key}


@pytest.mark.parametrize("call", ["put", "complete_multipart"])
async def test_a_target_that_lies_about_an_etag_is_not_believed(brigade, source, place, proxied, call):
    target = place("seaweed")
    proxy = await proxied(target, ProxyFault(call, ProxyAction.WRONG_ETAG, times=99))
    a, b = brigade.reach("a", source), brigade.reach("b", target, url=proxy.url)
    ran = await brigade("sync", a, b, "--json", "--report", "report.jsonl")
    assert ran.code in (0, 1), ran.words
    assert target.etags().items() <= source.etags().items()
    # What came through was proven some other way than by the ETag that the target told.
    if call == "put":
        assert ran.code == 0, ran.words
        assert {ran.report[key]["proof"] for key in OBJECTS} <= {"read-back", "md5"}
    proxy.faults.clear()
    await brigade.sync(a, b)
    assert target.etags() == source.etags()


async def test_a_server_that_asks_for_less_is_obeyed(brigade, source, place, proxied):
    target = place("seaweed")
    fault = ProxyFault("put", ProxyAction.RESPOND, status=503, code="SlowDown", retry_after="3")
    proxy = await proxied(target, fault)
    a, b = brigade.reach("a", source), brigade.reach("b", target, url=proxy.url)
    ran = await brigade.sync(a, b)
    assert ran.json["duration_seconds"] > 3
    assert (ran.json["copied"], ran.json["failed"]) == (4, 0)
    proxy.assert_all_fired()


@pytest.mark.parametrize(
    ("side", "call", "action"),
    [
        ("source", "get", ProxyAction.HANG_RESPONSE),
        ("source", "list_page", ProxyAction.HANG),
        ("target", "put", ProxyAction.HANG),
        ("target", "complete_multipart", ProxyAction.HANG_RESPONSE),
    ],
)
async def test_a_server_that_hangs_is_given_up_after_the_configured_time(
    brigade, source, place, proxied, side, call, action
):
    target = place("seaweed")
    proxy = await proxied(source if side == "source" else target, ProxyFault(call, action))
    urls = {side: proxy.url}
    a = brigade.reach("a", source, url=urls.get("source"), idle_timeout="1s")
    b = brigade.reach("b", target, url=urls.get("target"), idle_timeout="1s")
    began = time.monotonic()
    ran = await brigade.sync(a, b)
    assert time.monotonic() - began < 45
    assert ran.json["in_step"] is True
    proxy.assert_all_fired()
    assert target.etags() == source.etags()
    assert target.uploads() == []


async def test_a_server_that_is_not_there_is_told_in_one_line(brigade, source, tmp_path):
    a = brigade.reach("a", source, url="http://127.0.0.1:1")
    ran = await brigade("sync", a, "down", "--json")
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "127.0.0.1:1" in ran.err


async def test_an_answer_to_deleting_that_is_lost_is_no_harm(brigade, source, place, proxied):
    target = place("seaweed")
    for key, body in OBJECTS.items():
        target.put(key, body, Metadata={"k": key})
    target.put("extra")
    proxy = await proxied(target, ProxyFault("delete", ProxyAction.LOSE_ANSWER))
    a, b = brigade.reach("a", source), brigade.reach("b", target, url=proxy.url)
    await brigade.sync(a, b, "--delete", "mirror", "--max-delete", "50%")
    proxy.assert_all_fired()
    assert target.etags() == source.etags()
