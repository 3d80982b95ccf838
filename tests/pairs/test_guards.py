"""A source that cannot be trusted deletes nothing, whatever its type: refused, cut, gone or lied listings."""

from __future__ import annotations

from contextlib import suppress

import pytest

from brigade.errors import BrigadeError
from brigade.replications import DeleteMode, MaxDelete
from brigade.testing.proxy import FaultProxy, ProxyAction, ProxyFault

pytestmark = pytest.mark.server

PAIRS = [("s3", "file"), ("gcs", "file"), ("azure", "s3"), ("swift", "file")]
LISTING = {"s3": "list-type=2", "gcs": "/o?", "azure": "comp=list", "swift": "format=json"}
MIRROR = {"delete": DeleteMode.MIRROR, "max_delete": MaxDelete(90, is_percent=True)}
OBJECTS = {f"{number:02}": b"%d" % number for number in range(8)}

WRONG = {
    "refused": {"action": ProxyAction.RESPOND, "status": 403, "code": "AccessDenied"},
    "not found": {"action": ProxyAction.RESPOND, "status": 404, "code": "NoSuchKey"},
    "cut": {"action": ProxyAction.CUT_RESPONSE, "after_bytes": 700},
    "server error": {"action": ProxyAction.RESPOND, "status": 500},
    "empty answer": {"action": ProxyAction.REWRITE, "rewrite": lambda _: b""},
    "another document": {"action": ProxyAction.REWRITE, "rewrite": lambda body: b"<x/>" if body[:1] == b"<" else b"{}"},
    "no document": {"action": ProxyAction.REWRITE, "rewrite": lambda _: b"<html>log in here</html>"},
}


async def in_step(bench):
    for key, data in OBJECTS.items():
        await bench.source.put(key, data)
    assert (await bench.sync()).result.in_step
    await bench.target.put("extra", b"?")


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_listing_that_goes_wrong_is_never_an_end(bench, wrong):
    await in_step(bench)
    # The first look opens the store; from then on every listing goes wrong.
    fault = ProxyFault("*", target=LISTING[bench.source.kind], number=2, times=10_000, **WRONG[wrong])
    if bench.source.kind == "swift":
        fault = ProxyFault("*", target=LISTING["swift"], times=10_000, **WRONG[wrong])
    async with FaultProxy(bench.servers.url(bench.source.kind), fault) as proxy:
        with suppress(BrigadeError):  # where the very first look goes wrong
            ran = await bench.sync(urls={"a": proxy.url}, **MIRROR)
            assert not ran.result.in_step
            assert ran.result.incomplete
            assert ran.result.counts.deleted == 0
    assert proxy.fired[fault], "the listing went wrong"
    assert set(await bench.target.contents()) == {*OBJECTS, "extra"}


async def test_a_source_that_is_gone_deletes_nothing(bench):
    await in_step(bench)
    await bench.source.store.delete(list(OBJECTS))
    await bench.source.store.delete_bucket()
    with pytest.raises(BrigadeError):
        await bench.sync(**MIRROR)
    assert set(await bench.target.contents()) == {*OBJECTS, "extra"}


async def test_credentials_that_are_refused_half_way_leave_the_rest_for_the_next_run(bench):
    await in_step(bench)
    await bench.target.store.delete([*OBJECTS, "extra"])
    denied = {"action": ProxyAction.RESPOND, "status": 403, "code": "AccessDenied"}
    first = {"s3": "/0", "gcs": "/o/0", "azure": "/0", "swift": "/0"}[bench.source.kind]
    fault = ProxyFault("*", target=first, number=4, times=10_000, **denied)
    async with FaultProxy(bench.servers.url(bench.source.kind), fault) as proxy:
        ran = await bench.sync(urls={"a": proxy.url}, **MIRROR)
    assert ran.result.counts.failed > 0
    assert not ran.result.in_step
    assert (await bench.sync(**MIRROR)).result.in_step
    assert await bench.target.contents() == OBJECTS
