"""What every pair of stores survives: keys that cannot be held, servers that fail, bits that flip, `kill -9`."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack

import pytest

from brigade.engine.job import Limits
from brigade.engine.report import ActionKind
from brigade.errors import StoreError
from brigade.objects import Proof
from brigade.testing.bodies import pattern
from brigade.testing.proxy import FaultProxy, ProxyAction, ProxyFault

pytestmark = pytest.mark.server

KIB = 1024
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


@pytest.mark.parametrize("side", ["a", "b"], ids=["source", "target"])
async def test_a_server_that_fails_now_and_then_costs_nothing_but_time(bench, side):
    failing = bench.source if side == "a" else bench.target
    if failing.kind == "file":
        pytest.skip("a directory has no server")
    objects = {f"{number}": pattern(3000 + number, number) for number in range(8)} | {"large": LARGE}
    for key, data in objects.items():
        await bench.source.put(key, data)
    # After the requests that open the store, at moments that meet different calls.
    faults = [ProxyFault("*", number=4 + 3 * at, **fault) for at, fault in enumerate(FAILING.values())]
    async with FaultProxy(bench.servers.url(failing.kind), *faults) as proxy:
        ran = await bench.sync(urls={side: proxy.url})
    assert len(proxy.fired) >= 2, "some of the faults came"
    if not ran.result.in_step:
        ran = await bench.sync()
    assert ran.result.in_step, ran.outcomes
    assert await bench.target.contents() == objects


@pytest.mark.parametrize("way", ["read", "written"])
async def test_a_bit_that_flips_on_the_way_never_counts_as_copied(bench, way):
    side, flipped = ("a", bench.source) if way == "read" else ("b", bench.target)
    if flipped.kind == "file":
        pytest.skip("a directory has no server")
    objects = {"small": pattern(30 * KIB, 1), "streamed": pattern(100 * KIB, 2), "large": LARGE}
    for key, data in objects.items():
        await bench.source.put(key, data)
    action = ProxyAction.FLIP_RESPONSE if way == "read" else ProxyAction.FLIP_REQUEST
    # Every other request, if it has a body of that length.
    flips = [ProxyFault("*", action, number=number, after_bytes=20 * KIB) for number in range(1, 40, 2)]
    async with FaultProxy(bench.servers.url(flipped.kind), *flips) as proxy:
        ran = await bench.sync(urls={side: proxy.url}, require_proof=True)
    assert proxy.fired, "a bit flipped"
    there = await bench.target.contents()
    right = {
        key for key, outcome in ran.outcomes.items() if outcome.error is None and outcome.action is ActionKind.COPY
    }
    assert {key: there[key] for key in right} == {key: objects[key] for key in right}
    assert not [key for key in right if ran.outcomes[key].proof in (Proof.NONE, Proof.SIZE)]
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
