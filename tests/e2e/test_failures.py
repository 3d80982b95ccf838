"""One poisoned object: the rest goes on, it is told with its reason, and when the cause is mended it is tried again."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from brigade.testing.buckets import Bucket
from brigade.testing.proxy import ProxyAction, ProxyFault
from brigade.testing.servers import Endpoint

pytestmark = pytest.mark.server

CLIENT = {"access_key": "client", "secret_key": "client-secret"}


async def until(condition, seconds=80.0):
    """Wait for what must become true soon."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  real servers tell nobody
            await asyncio.sleep(0.05)


async def until_there(condition):
    """The same for a look at a store or a directory."""
    await until(lambda: asyncio.to_thread(condition))


@asynccontextmanager
async def running(brigade, source: Bucket) -> AsyncIterator[Bucket]:
    """`brigade run` while the block runs, and the source as clients see it."""
    brigade.gateway = {"listen": "127.0.0.1:0", "store": "a", "users": {"ann": {"keys": [CLIENT]}}}
    brigade.write_config()
    process = await brigade.start("run")
    lines: list[str] = []
    # The first comparison is over, so that only the follower meets what is written from now on.
    while not (any("listens on" in line for line in lines) and any(line.endswith("in step") for line in lines)):
        lines.append(await brigade.said(process, ""))
    url = next(line for line in lines if "listens on" in line).split()[-1]
    endpoint = Endpoint("gateway", url, source.endpoint.region, CLIENT["access_key"], CLIENT["secret_key"])
    through = Bucket(endpoint, source.name, source.prefix)
    yield through
    through.close()
    process.send_signal(signal.SIGTERM)
    ran = await brigade.ended(process)
    assert ran.code == 0, ran.words


async def failing(brigade, *arguments: str) -> list:
    ran = await brigade("failures", "--json", *arguments)
    assert ran.code == 0, ran.words
    return ran.lines


@pytest.mark.timeout(120)
async def test_what_a_directory_cannot_hold_is_parked_and_retried_when_it_can(brigade, place, tmp_path):
    source = place("seaweed")
    root = tmp_path / "files"
    # A directory cannot hold `bad` beside `bad/one`.
    (root / "bad").mkdir(parents=True)
    (root / "bad" / "one").write_bytes(b"1")
    a = brigade.reach("a", source)
    brigade.replications = {"files": {"source": a, "target": "./files", "live": ["gateway"]}}
    async with running(brigade, source) as through:
        await asyncio.to_thread(through.put, "bad", b"poison")
        for number in range(20):
            await asyncio.to_thread(through.put, f"good/{number}", b"x")
        await until_there(lambda: len(list((root / "good").glob("*"))) == 20)

        async def is_parked() -> bool:
            return [line["state"] for line in await failing(brigade, "files")] == ["parked"]

        await until(is_parked)
        (line,) = await failing(brigade)
        assert (line["replication"], line["key"], line["attempts"]) == ("files", "bad", 1)
        assert "bad" in line["reason"]
        assert line["again_at"] is None
        ran = await brigade("failures", "--by-reason")
        assert ran.out.splitlines()[-1] == "1 parked"
        ran = await brigade("status", "files", "--json")
        assert (ran.code, ran.json["state"], ran.json["parked"], ran.json["backlog"]) == (1, "failing", 1, 0)

        shutil.rmtree(root / "bad")
        ran = await brigade("retry", "files", "bad", "good/1")
        assert (ran.code, ran.out) == (1, "files: 1 key to be tried again\n")
        assert "good/1 has not failed" in ran.err
        await until_there((root / "bad").is_file)
        assert (root / "bad").read_bytes() == b"poison"

        async def is_well() -> bool:
            return (await brigade("status", "--json")).json["state"] == "in step"

        await until(is_well)
        assert await failing(brigade) == []
        assert (await brigade("status")).code == 0


@pytest.mark.timeout(120)
async def test_what_a_store_refuses_is_told_at_once_and_holds_nobody_up(brigade, place, proxied):
    source, target = place("seaweed"), place("seaweed")
    refused = [
        ProxyFault("put", ProxyAction.RESPOND, key="denied", times=1000, status=403, code="AccessDenied"),
        ProxyFault("put", ProxyAction.RESPOND, key="wrong", times=1000, status=400, code="InvalidArgument"),
    ]
    proxy = await proxied(target, *refused)
    a, b = brigade.reach("a", source), brigade.reach("b", target, url=proxy.url)
    brigade.replications = {"photos": {"source": a, "target": b, "live": ["gateway"]}}
    async with running(brigade, source) as through:
        for key in ("denied", "wrong", "k1", "k2", "odd \x1b[31m"):
            await asyncio.to_thread(through.put, key, key.encode())
        await until_there(lambda: {"k1", "k2", "odd \x1b[31m"} <= set(target.keys()))

        async def both() -> bool:
            states = {line["key"]: line["state"] for line in await failing(brigade)}
            return states.get("wrong") == "parked" and "denied" in states

        await until(both)
        by_key = {line["key"]: line for line in await failing(brigade)}
        assert by_key["wrong"]["attempts"] == 3
        assert "InvalidArgument" in by_key["wrong"]["reason"] or "scripted" in by_key["wrong"]["reason"]
        assert [line["key"] for line in await failing(brigade, "--reason", by_key["denied"]["reason"])] == ["denied"]

        proxy.faults.clear()
        assert (await brigade("retry", "--all")).code == 0
        await until_there(lambda: target.etags() == source.etags())

        async def none() -> bool:
            return await failing(brigade) == []

        await until(none)


@pytest.mark.timeout(120)
async def test_what_fails_in_the_first_comparison_is_parked_and_each_later_one_tries_it_again(brigade, place, tmp_path):
    source = place("seaweed")
    source.put("bad", b"poison")
    source.put("good", b"x")
    root = tmp_path / "files"
    (root / "bad").mkdir(parents=True)
    (root / "bad" / "one").write_bytes(b"1")
    a = brigade.reach("a", source)
    brigade.replications = {"files": {"source": a, "target": "./files", "live": ["gateway"], "reconcile": "2s"}}
    brigade.gateway = {"listen": "127.0.0.1:0", "store": "a", "users": {"ann": {"keys": [CLIENT]}}}
    brigade.write_config()
    process = await brigade.start("run")

    async def is_parked() -> bool:
        return [line["state"] for line in await failing(brigade)] == ["parked"]

    await until_there((root / "good").is_file)
    await until(is_parked)
    shutil.rmtree(root / "bad")
    await until_there((root / "bad").is_file)

    async def is_well() -> bool:
        return (await brigade("status", "--json")).json["state"] == "in step" and await failing(brigade) == []

    await until(is_well)
    process.send_signal(signal.SIGTERM)
    assert (await brigade.ended(process)).code == 0


@pytest.mark.timeout(120)
async def test_what_failed_in_the_only_comparison_and_was_mended_live_is_in_step(brigade, tmp_path):
    source, root = tmp_path / "source", tmp_path / "files"
    source.mkdir()
    (source / "bad").write_bytes(b"poison")
    (root / "bad").mkdir(parents=True)
    (root / "bad" / "one").write_bytes(b"1")
    brigade.replications = {"files": {"source": "./source", "target": "./files", "live": ["watch"]}}
    brigade.write_config()
    process = await brigade.start("run")

    async def stands(*expected) -> bool:
        (line,) = (await brigade("status", "--json")).lines
        return line["last_run"] is not None and (line["state"], line["last_run"]["result"]) == expected

    async def is_parked() -> bool:
        return [line["state"] for line in await failing(brigade)] == ["parked"]

    await until(is_parked)
    assert await stands("failing", "failed")
    shutil.rmtree(root / "bad")
    assert (await brigade("retry", "files")).code == 0
    await until(lambda: stands("in step", "failed"))
    assert (root / "bad").read_bytes() == b"poison"
    process.send_signal(signal.SIGTERM)
    assert (await brigade.ended(process)).code == 0


@pytest.mark.timeout(120)
async def test_what_cannot_even_begin_tells_why_until_it_can(brigade, tmp_path):
    brigade.replications = {"files": {"source": "./source", "target": "./files", "reconcile": "1h"}}
    brigade.write_config()
    process = await brigade.start("run")

    async def stands(standing: str, trouble: str | None) -> bool:
        (line,) = (await brigade("status", "--json")).lines
        return line["state"] == standing and (trouble in line["trouble"] if trouble else line["trouble"] is None)

    await until(lambda: stands("failing", "source"))
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "one").write_bytes(b"1")
    await until(lambda: stands("in step", None), 60)
    assert (tmp_path / "files" / "one").read_bytes() == b"1"
    process.send_signal(signal.SIGTERM)
    assert (await brigade.ended(process)).code == 0
