"""Replications that begin while clients write, that are added later, and that are forgotten and made again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from brigade.testing.buckets import Bucket
from brigade.testing.live import one_user, running_gateway, stop, until

pytestmark = pytest.mark.server

WRITERS = 4


def configure(brigade, source, targets) -> None:
    """One replication for each named target, all of them followed."""
    a = brigade.reach("a", source)
    brigade.gateway = one_user("a")
    brigade.replications = {
        name: {"source": a, "target": brigade.reach(name, target), "live": ["gateway"], "delete": "tracked"}
        for name, target in targets.items()
    }
    brigade.write_config()


async def in_step(source: Bucket, *targets: Bucket) -> None:
    for target in targets:
        await until(lambda target=target: target.etags() == source.etags())


def write_at_random(place: Bucket, seed: int, keys: Sequence[str]) -> None:
    """What a client does: new objects, overwrites, deletions. Each writer has keys that nobody else has."""
    random = Random(seed)
    for number in range(25):
        key = random.choice(keys)
        if random.random() < 0.25:
            place.delete(key)
        else:
            place.put(key, random.randbytes(random.randrange(2000)) + b"%d" % number)


async def test_clients_may_write_while_the_first_comparison_runs(brigade, place):
    source, one, two = (place("seaweed") for _ in range(3))
    keys = [f"{number:03}" for number in range(120)]
    for key in keys:
        source.put(key, key.encode())
    configure(brigade, source, {"one": one, "two": two})
    async with running_gateway(brigade, source) as (process, through):
        async with asyncio.TaskGroup() as group:
            for writer in range(WRITERS):
                mine = [*keys[writer::WRITERS], *(f"new {writer} {number}" for number in range(20))]
                group.create_task(asyncio.to_thread(write_at_random, through, writer, mine))
        await in_step(source, one, two)
        await stop(brigade, process)
    assert one.contents() == two.contents() == source.contents()


async def test_a_target_that_is_added_later_gets_everything(brigade, place):
    source, first, second = (place("seaweed") for _ in range(3))
    configure(brigade, source, {"first": first})
    async with running_gateway(brigade, source) as (process, through):
        for number in range(8):
            await asyncio.to_thread(through.put, f"k{number}", b"%d" % number, Tagging=f"n={number}")
        await in_step(source, first)
        await stop(brigade, process)
    # What happens while nobody looks is found by the comparison at the next start.
    source.put("k1", b"changed behind its back")
    source.put("missed", b"1")
    source.delete("k2")
    configure(brigade, source, {"first": first, "second": second})
    async with running_gateway(brigade, source) as (process, through):
        await in_step(source, first, second)
        await asyncio.to_thread(through.put, "live", b"1")
        await in_step(source, first, second)
        await stop(brigade, process)
    assert second.tags("k7") == {"n": "7"}
    assert first.contents() == second.contents() == source.contents()


async def test_a_replication_that_was_forgotten_with_its_target_starts_anew(brigade, place, own_bucket):
    source, other, target = place("seaweed"), place("seaweed"), own_bucket("seaweed")
    configure(brigade, source, {"other": other, "photos": target})
    async with running_gateway(brigade, source) as (process, through):
        for key in ("a", "b/c", "tagged"):
            await asyncio.to_thread(through.put, key, key.encode(), Tagging="t=1")
        await in_step(source, other, target)
        await stop(brigade, process)
    configure(brigade, source, {"other": other})
    target.remove()
    async with running_gateway(brigade, source) as (process, through):
        await asyncio.to_thread(through.put, "meanwhile", b"1")
        await asyncio.to_thread(through.delete, "b/c")
        await in_step(source, other)
        await stop(brigade, process)
    # The name, the bucket and the state are those of before; what the inventory remembers of them is not true any more.
    target.client.create_bucket(Bucket=target.name)
    target.put("stranger", b"not ours")
    configure(brigade, source, {"other": other, "photos": target})
    async with running_gateway(brigade, source) as (process, through):
        await asyncio.to_thread(through.put, "live", b"1")
        await until(lambda: target.contents() == {**source.contents(), "stranger": b"not ours"})
        await stop(brigade, process)
    assert target.tags("tagged") == {"t": "1"}
    target.delete(*target.keys())
