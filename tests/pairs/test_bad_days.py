"""What every pair of stores survives: keys that cannot be held, servers that fail, bits that flip, `kill -9`.

All pairs in `make soak`; in every run those in which each type is source and target of two others.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack

import pytest

from brigade.engine.job import Limits
from brigade.errors import StoreError
from brigade.objects import Proof
from brigade.testing.bodies import pattern
from brigade.testing.proxy import FaultProxy, ProxyAction, ProxyFault

pytestmark = pytest.mark.server

KIB = 1024
_ROUND = ("s3", "gcs", "azure", "swift", "file")
_NEXT = list(zip(_ROUND, (*_ROUND[1:], _ROUND[0]), strict=True))
PAIRS = None if os.environ.get("BRIGADE_SOAK") else [*_NEXT, *((target, source) for source, target in _NEXT)]
LARGE = pattern(900 * KIB, 3)
# Each of these some store cannot hold, or only as something else.
HARD = (
    "d",
    "d/e",
    "x//y",
    "/lead",
    "trail/",
    "a/../b",
    "./c",
    "tab\there",
    "back\\slash",
    "Case",
    "case",
    "n" * 300,
    "dot.",
)


async def fill_hard(side):
    """Puts what the source itself can hold, and returns that."""
    held = {}
    for number, key in enumerate(HARD):
        try:
            await side.put(key, b"%d" % number)
        except StoreError:
            continue  # its own suite says how it refuses
        held[key] = b"%d" % number
    # A store that keeps `d` as a directory has lost it to `d/e`.
    there = await side.contents()
    return {key: data for key, data in held.items() if there.get(key) == data}


async def test_a_key_that_the_target_cannot_hold_fails_with_its_reason_and_harms_no_other(bench):
    held = await fill_hard(bench.source)
    ran = await bench.sync()
    there = await bench.target.contents()
    failed = {key: outcome.error for key, outcome in ran.outcomes.items() if outcome.error}
    assert set(there) == set(held) - set(failed), "what did not fail is there, and nothing else"
    assert {key: held[key] for key in there} == there
    for key, error in failed.items():
        place, _, reason = error.partition("': ")
        assert place.endswith(repr(key)[1:-1]), error
        assert len(reason) > 20, error
    assert ran.result.in_step == (not failed)


FAILING = {
    "server error": {"action": ProxyAction.RESPOND, "status": 500, "times": 2},
    "slow down": {"action": ProxyAction.RESPOND, "status": 503, "code": "SlowDown", "retry_after": "0", "times": 2},
    "reset": {"action": ProxyAction.DROP, "times": 2},
    "lost answer": {"action": ProxyAction.LOSE_ANSWER},
}


async def test_servers_that_fail_now_and_then_cost_nothing_but_time(bench):
    objects = {f"{number}": pattern(3000 + number, number) for number in range(8)} | {"large": LARGE}
    for key, data in objects.items():
        await bench.source.put(key, data)
    async with AsyncExitStack() as stack:
        proxies = {}
        for side in served(bench):
            # After the requests that open the store, at moments that meet different calls.
            faults = [ProxyFault("*", number=4 + 3 * at, **fault) for at, fault in enumerate(FAILING.values())]
            proxies[side.name] = await stack.enter_async_context(FaultProxy(bench.servers.url(side.kind), *faults))
        ran = await bench.sync(urls={name: proxy.url for name, proxy in proxies.items()})
    assert all(len(proxy.fired) >= 2 for proxy in proxies.values()), "some of the faults came"
    if not ran.result.in_step:
        ran = await bench.sync()
    assert ran.result.in_step, ran.outcomes
    assert await bench.target.contents() == objects


def served(bench):
    """The sides that have a server; a directory has none, and a pair of two is not met by what is on the wire."""
    sides = [side for side in (bench.source, bench.target) if side.kind != "file"]
    if not sides:
        pytest.skip("directories have no server")
    return sides


async def test_bits_that_flip_on_the_way_never_count_as_copied(bench):
    objects = {"small": pattern(30 * KIB, 1), "streamed": pattern(100 * KIB, 2), "large": LARGE}
    for key, data in objects.items():
        await bench.source.put(key, data)
    async with AsyncExitStack() as stack:
        proxies = {}
        for side in served(bench):
            read = side is bench.source
            action = ProxyAction.FLIP_RESPONSE if read else ProxyAction.FLIP_REQUEST
            # Every third request, if it has a body of that length; not the same ones on both sides.
            flips = [ProxyFault("*", action, number=number, after_bytes=20 * KIB) for number in range(1 + read, 40, 3)]
            proxies[side.name] = await stack.enter_async_context(FaultProxy(bench.servers.url(side.kind), *flips))
        ran = await bench.sync(urls={name: proxy.url for name, proxy in proxies.items()}, require_proof=True)
    assert any(proxy.fired for proxy in proxies.values()), "a bit flipped"
    there = await bench.target.contents()
    copied = {key: outcome for key, outcome in ran.outcomes.items() if outcome.error is None}
    assert {key: there[key] for key in copied} == {key: objects[key] for key in copied}
    assert not [key for key, outcome in copied.items() if outcome.proof in (Proof.NONE, Proof.SIZE)]
    assert all(objects[key] == data for key, data in there.items()), "wrong bytes never become visible"
    await bench.sync()
    assert await bench.target.contents() == objects


async def test_after_kill_9_the_next_run_finishes_and_leaves_nothing_astray(bench):
    objects = {"large": pattern(22 * 1024 * KIB, 5)} | {f"s/{number:02}": b"%d" % number for number in range(60)}
    for key, data in objects.items():
        await bench.source.put(key, data)
    slow = bench.target if bench.target.kind != "file" else bench.source
    async with AsyncExitStack() as stack:
        if slow.kind != "file":
            delay = ProxyFault("*", ProxyAction.DELAY, number=12, times=10_000, delay_seconds=0.02)
            proxy = await stack.enter_async_context(FaultProxy(bench.servers.url(slow.kind), delay))
            bench.write_config(**{slow.name: bench.servers.section(slow.kind, proxy.url)})
            await killed_in_the_middle(bench)
            # By the same address, or it would be another replication.
            proxy.faults.clear()
            ran = await bench.sync(limits=Limits(), urls={slow.name: proxy.url})
        else:
            await killed_in_the_middle(bench)
            ran = await bench.sync(limits=Limits())
    assert ran.result.in_step, ran.outcomes
    assert await bench.target.contents() == objects
    assert await bench.target.store.list_multiparts() == []


async def killed_in_the_middle(bench):
    """Starts the command line as a process, and kills it when something has arrived."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "brigade", "sync", bench.source.location, bench.target.location, "--processes", "1",
        cwd=bench.directory,
        env={**os.environ, "BRIGADE_STATE": str(bench.directory / "state.db"), "HOME": str(bench.directory)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        for _ in range(800):
            if process.returncode is not None or (await bench.target.store.list_page(limit=1)).entries:
                break
            await asyncio.sleep(0.05)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
