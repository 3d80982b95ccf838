"""A seeded world: somebody writes to both stores, runs crash and meet faults, and in a calm phase all must be equal.

Each seed is one story, and a failure names it. `BRIGADE_SOAK_SEEDS=5000` tells so many, `BRIGADE_SEED=77` exactly that one.
`make soak` tells forty for each unit of `BRIGADE_SOAK`.
"""

from __future__ import annotations

import os
import random
from contextlib import suppress
from dataclasses import replace

import pytest

from brigade.engine.ledger import Ledger
from brigade.errors import AccessDenied
from brigade.objects import Attributes
from brigade.replications import AttributesMode, CompareMode, DeleteMode, FilterRule, MaxDelete, Policy
from brigade.stores.base import ListingOrder
from brigade.stores.layers.fault_script import Fault, FaultKind, FaultScript, reset, server_error, slow_down
from brigade.stores.layers.forward import ForwardingStore
from brigade.stores.memory import MEMORY_CAPABILITIES
from brigade.testing.workbench import SMALL_LIMITS, Faults, Workbench, content, held, put, put_parts

SOAK_SEEDS = int(os.environ.get("BRIGADE_SOAK_SEEDS", "0")) or 40 * int(os.environ.get("BRIGADE_SOAK", "0"))
ONE_SEED = os.environ.get("BRIGADE_SEED")
SEEDS = [int(ONE_SEED)] if ONE_SEED else range(SOAK_SEEDS or 120)
ODD_KEYS = [
    "a", "a-b", "a.b", "a/b", "a0", "a//b", "/lead", "trail/", "sp ace", "plus+", "per%cent", "ü", "u\u0308", "😀",
    "tab\t", "line\n", "q?&=#", "\uffff", "k" * 200, ".", "../x",
]  # fmt: skip
ANY_NUMBER = MaxDelete(100, is_percent=True)
# The last word: every object is asked for its attributes, everything extra goes.
CALM = Policy(delete=DeleteMode.MIRROR, max_delete=ANY_NUMBER, attributes=AttributesMode.EACH)


class Killed(BaseException):
    """What SIGKILL is to a process."""


class Mortal(ForwardingStore):
    """Dies at its n-th call; from then on every call dies, as nothing of a dead process goes on."""

    def __init__(self, inner, calls):
        super().__init__(inner)
        self.left = calls

    def _live(self):
        self.left -= 1
        if self.left < 0:
            raise Killed

    def get(self, key, **options):
        self._live()
        return self.inner.get(key, **options)


def _mortal(operation):
    async def method(self, *args, **options):
        self._live()
        answer = await getattr(self.inner, operation)(*args, **options)
        self._live()
        return answer

    return method


for _operation in (
    "list_page", "head", "part_sizes", "put", "copy", "delete", "read_tags", "write_tags", "create_multipart",
    "put_part", "list_parts", "complete_multipart", "abort_multipart", "list_multiparts",
):  # fmt: skip
    setattr(Mortal, _operation, _mortal(_operation))


class LosingLedger(Ledger):
    """Sometimes the process dies before it wrote down what it knew."""

    async def flush(self):
        """Lost."""


class World:
    """One story, told by one random generator."""

    def __init__(self, bench: Workbench, seed: int) -> None:
        self.bench = bench
        self.random = random.Random(seed)
        self.versions: dict[str, set[bytes]] = {}
        self.foreign: dict[str, set[bytes]] = {}
        self.removed: set[str] = set()
        self.number = 0

    def key(self):
        return self.random.choice(ODD_KEYS)

    def attributes(self):
        chance = self.random
        return Attributes(
            content_type=chance.choice(["text/plain", "application/octet-stream"]),
            cache_control=chance.choice([None, "no-store"]),
            metadata=chance.choice([{}, {"v": str(self.number)}, {"ü": "✓", "empty": ""}]),
            tags=chance.choice([None, {}, {"t": str(self.number)}]),
        )

    async def write(self, store, known):
        self.number += 1
        key, chance = self.key(), self.random
        if chance.random() < 0.4:
            sizes = [chance.choice([70, 80, 100]) for _ in range(chance.randint(1, 5))] + [chance.randint(1, 50)]
            parts = [content(size, f"{self.number}/{index}") for index, size in enumerate(sizes)]
            await put_parts(store, key, parts, self.attributes())
            data = b"".join(parts)
        else:
            data = content(chance.choice([0, 1, 63, 64, 65, 99, 100, 101, 350]), str(self.number))
            await put(store, key, data, self.attributes())
        known.setdefault(key, set()).add(data)

    async def change_attributes(self, store):
        there = [key for key in ODD_KEYS if key in store._objects]
        if there:
            self.number += 1
            key = self.random.choice(there)
            if self.random.random() < 0.5 or not store.capabilities.server_copy:
                await store.write_tags(key, {"t": str(self.number)})
            else:
                await store.copy(key, key, attributes=self.attributes())

    async def rename(self, store, known):
        there = [key for key in ODD_KEYS if key in store._objects]
        if there and store.capabilities.server_copy:
            old, new = self.random.choice(there), self.key()
            data = store._objects[old].data
            await store.copy(old, new)
            if old != new:
                await store.delete([old])
                self.removed.add(old)
            known.setdefault(new, set()).add(data)

    async def remove(self, store):
        key = self.key()
        self.removed.add(key)
        await store.delete([key])

    async def live(self):
        """Some things happen at both stores."""
        source, target, chance = self.bench.source, self.bench.target, self.random
        for _ in range(chance.randint(0, 12)):
            self.bench.clock.advance(chance.choice([0.0, 0.001, 1.0, 5.0, 4000.0]))
            what = chance.random()
            if what < 0.5:
                await self.write(source, self.versions)
            elif what < 0.65:
                await self.remove(source)
            elif what < 0.75:
                await self.change_attributes(source)
            elif what < 0.8:
                await self.rename(source, self.versions)
            elif what < 0.88:
                await self.write(target, self.foreign)
            elif what < 0.94:
                await self.remove(target)
            else:
                await self.change_attributes(target)

    def policy(self):
        chance = self.random
        return Policy(
            delete=chance.choice(list(DeleteMode)),
            max_delete=chance.choice([ANY_NUMBER, MaxDelete(2, is_percent=False)]),
            attributes=chance.choice(list(AttributesMode)),
            compare=chance.choice([CompareMode.AUTO, CompareMode.AUTO, CompareMode.CHECKSUM]),
            filters=chance.choice([(), (), (FilterRule(False, "a*"),), (FilterRule(True, "/**"),)]),
            tags=chance.random() < 0.8,
            require_proof=chance.random() < 0.3,
        )

    def fault(self, bits_are_safe):
        chance = self.random
        kind = chance.choice(list(FaultKind))
        if kind in (FaultKind.HANG, FaultKind.DELAY) or (kind is FaultKind.FLIP_BIT and not bits_are_safe):
            kind = FaultKind.RAISE
        operation = "list_page" if "listing" in kind else chance.choice(["*", "*", "get", "put", "put_part", "head"])

        async def change(_):
            await self.live()

        # The same damage at every read is taken for an ETag that is no MD5, so a flip comes once, anywhere.
        flips = kind is FaultKind.FLIP_BIT
        return Fault(
            operation,
            kind,
            call=chance.randint(1, 30),
            times=1 if flips else chance.choice([1, 1, 2, 10]),
            error=chance.choice([reset, server_error, slow_down(2.0), lambda: AccessDenied("no")]),
            after_bytes=chance.randint(0, 60) if flips else chance.choice([0, 1, 40]),
            after_entries=chance.randint(0, 5),
            change=change,
        )

    async def run(self):
        """One run, which may meet faults or die."""
        chance, bench = self.random, self.bench
        source, target, ledger = bench.source, bench.target, bench.ledger()
        if chance.random() < 0.4:
            target = Mortal(target, chance.randint(1, 80))
            source = Mortal(source, chance.randint(1, 80))
            ledger = LosingLedger(bench.state, bench.replication_id) if chance.random() < 0.5 else ledger
        # Damage cannot be told from content where a source promises nothing, and is seen only after it was written
        # where a target checks nothing.
        safe = bench.source.capabilities.content_etags, bench.target.capabilities.verifies_md5
        scripts = [FaultScript(*(self.fault(bits) for _ in range(chance.randint(0, 2)))) for bits in safe]
        policy = self.policy()
        self.removed.clear()
        on_both_sides = set(bench.source._objects) & set(bench.target._objects)
        with suppress(Killed):
            await bench.sync(
                policy,
                source=source,
                target=target,
                ledger=ledger,
                limits=replace(SMALL_LIMITS, transfers=chance.choice([1, 4]), streams=chance.choice([1, 3])),
                faults=Faults(*scripts, retry=chance.random() < 0.5),
                dry_run=chance.random() < 0.1,
            )
        # A real death takes its unwritten rows along; here they are still on their way to the disk.
        await bench.state.uploads.forget(bench.replication_id, "nothing")
        await self.check_bytes()
        lost = on_both_sides - self.removed - set(bench.target._objects)
        assert not lost, f"the source holds {lost}, which was deleted at the target"

    async def check_bytes(self):
        """Whatever is visible at the target is something that somebody wrote whole."""
        for key, stored in self.bench.target._objects.items():
            known = self.versions.get(key, set()) | self.foreign.get(key, set())
            assert stored.data in known, f"{key!r} holds bytes that nobody wrote"

    async def calm(self):
        """No faults, nobody writes: one run brings both sides together, the next finds nothing to do."""
        bench = self.bench
        bench.clock.advance(100)
        await put(bench.source, "always", b"there")
        self.versions["always"] = {b"there"}
        await put(bench.target, "always", b"there")
        # What was written in the very second of the run is looked at once more by the next one.
        bench.clock.advance(100)
        ran = await bench.sync(CALM)
        assert ran.result.in_step, (ran.result, [o for o in ran.observer.outcomes if o.error])
        assert comparable(await held(bench.target)) == comparable(await held(bench.source))
        assert await bench.target.list_multiparts() == [], "a stray upload is left"
        assert await bench.ledger().uploads() == []
        bench.clock.advance(100)
        again = await bench.sync(replace(CALM, attributes=AttributesMode.AUTO))
        assert again.result.in_step
        assert again.result.counts.skipped == again.result.counts.considered
        assert again.requests("", "put", "put_part", "copy", "get", "delete") == 0
        result, found = await bench.diff(CALM)
        assert result.in_step, found


def comparable(objects):
    return {
        key: (
            value.data,
            value.attributes.content_type,
            value.attributes.cache_control,
            dict(value.attributes.metadata),
            value.attributes.tags,
        )
        for key, value in objects.items()
    }


SIDES = [
    MEMORY_CAPABILITIES,
    MEMORY_CAPABILITIES,
    replace(MEMORY_CAPABILITIES, content_etags=False),
    replace(MEMORY_CAPABILITIES, part_reads=False),
    replace(MEMORY_CAPABILITIES, verifies_md5=False),
    replace(MEMORY_CAPABILITIES, copy_keeps_etag=True, modified_resolution_ns=1_000_000_000),
    replace(MEMORY_CAPABILITIES, listing_order=ListingOrder.COMPONENTS, min_part_bytes=70),
    replace(MEMORY_CAPABILITIES, listing_order=ListingOrder.NONE, start_after=False),
    replace(MEMORY_CAPABILITIES, server_copy=False, listing_tells_tags=True),
    replace(MEMORY_CAPABILITIES, content_etags=False, local_reads=True),
    replace(MEMORY_CAPABILITIES, modified_is_write_time=False, conditional_writes=False),
]


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_happened_a_calm_run_brings_both_sides_in_step(tmp_path, seed):
    chance = random.Random(f"sides {seed}")
    source, target = chance.choice(SIDES), chance.choice(SIDES)
    async with Workbench(tmp_path, source=source, target=replace(target, part_reads=True)) as bench:
        world = World(bench, seed)
        for _ in range(world.random.randint(2, 8)):
            await world.live()
            await world.run()
        await world.calm()
