"""Stores that lie and wires that damage: what proves a copy, and what never becomes visible."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from brigade.engine.report import ActionKind
from brigade.objects import ObjectInfo, Proof
from brigade.replications import Policy
from brigade.stores.layers.fault_script import Fault, FaultKind, FaultScript
from brigade.stores.layers.forward import ForwardingStore
from brigade.stores.memory import MEMORY_CAPABILITIES
from brigade.testing.workbench import SMALL_LIMITS, Faults, content, contents, held, put, put_parts

FULL = MEMORY_CAPABILITIES
NO_ETAGS = replace(FULL, content_etags=False)
BLIND = replace(FULL, content_etags=False, verifies_md5=False)
SIZES = {"empty": 0, "small": 10, "streamed": 90, "large": 1000, "exact": 100, "over": 101}


async def fill(bench, *, parts=True):
    for key, size in SIZES.items():
        await put(bench.source, key, content(size, key))
    if parts:
        await put_parts(bench.source, "parts", [content(70, "1"), content(70, "2"), content(3, "3")])
        await put_parts(bench.source, "one-part", [content(30)])
        await put_parts(bench.source, "no-bytes", [b""])


async def assert_in_step(bench):
    assert contents(await held(bench.target)) == contents(await held(bench.source))


async def test_a_weak_proof_is_flagged_counted_and_not_enough_where_proof_is_required(build):
    bench = await build(source=FULL, target=BLIND)
    await put(bench.source, "a", content(10))
    ran = await bench.sync()
    assert ran.outcomes["a"].proof is Proof.SIZE
    assert ran.result.counts.unprovable == 1
    ran = await bench.sync(Policy(require_proof=True))
    assert ran.keys(ActionKind.COPY) == ["a"]
    assert ran.outcomes["a"].proof is Proof.READ_BACK
    ran = await bench.sync(Policy(require_proof=True))
    assert ran.result.counts.skipped == 1


class LyingStore(ForwardingStore):
    """Answers and lists ETags that look like MD5s and are none, as a server with SSE-KMS does."""

    def _lie(self, info):
        if info.etag is None:
            return info
        lie = hashlib.md5(f"kms {info.key} {info.etag}".encode()).hexdigest()
        return info._replace(etag=lie + info.etag[32:])

    def _known(self, key, condition):
        """The condition as the store inside would need it."""
        stored = self.inner._objects.get(key)
        if condition.if_match is None or stored is None:
            return condition
        lie = self._lie(ObjectInfo(key, 0, stored.etag, 0)).etag
        return condition._replace(if_match=stored.etag if lie == condition.if_match else "0" * 32)

    async def list_page(self, prefix="", *, start_after="", cursor=None, limit=1000):
        page = await self.inner.list_page(prefix, start_after=start_after, cursor=cursor, limit=limit)
        return page._replace(entries=[self._lie(info) for info in page.entries])

    async def head(self, key, *, version_id=None):
        return self._lie(await self.inner.head(key))

    async def part_sizes(self, key, *, etag):
        return await self.inner.part_sizes(key, etag=self.inner._objects[key].etag)

    def get(self, key, *, byte_range=None, part=None, condition, version_id=None):
        from contextlib import asynccontextmanager

        @asynccontextmanager
        async def opened():
            known = self._known(key, condition)
            async with self.inner.get(key, byte_range=byte_range, part=part, condition=known) as reader:
                reader.info = self._lie(reader.info)
                yield reader

        return opened()

    async def put(self, key, body, **options):
        return self._lie(await self.inner.put(key, body, **options))

    async def complete_multipart(self, key, upload_id, parts, **options):
        return self._lie(await self.inner.complete_multipart(key, upload_id, parts, **options))


async def test_a_source_whose_etags_look_like_md5_and_are_none_is_found_out_and_copied_with_proof(bench):
    await fill(bench)
    source = LyingStore(bench.source)
    ran = await bench.sync(Policy(require_proof=True), source=source)
    assert ran.result.in_step, ran.outcomes
    assert all(not outcome.proof.is_weak and outcome.proof is not Proof.ETAG for outcome in ran.outcomes.values())
    await assert_in_step(bench)
    bench.clock.advance(100)
    ran = await bench.sync(source=source)
    assert ran.requests() == ran.requests("", "list_page")


@pytest.mark.parametrize("size", [10, 90])
async def test_a_single_object_is_enough_to_find_out(bench, size):
    await put(bench.source, "a", content(size))
    ran = await bench.sync(source=LyingStore(bench.source))
    assert ran.result.in_step, ran.outcomes
    assert ran.outcomes["a"].proof is Proof.MD5
    await assert_in_step(bench)


async def test_once_found_out_the_source_is_not_tried_again_in_that_run(bench):
    for number in range(50):
        await put(bench.source, f"{number:03}", content(20, str(number)))
    limits = replace(SMALL_LIMITS, transfers=1)
    ran = await bench.sync(source=LyingStore(bench.source), limits=limits, faults=Faults(retry=False))
    assert ran.requests("target", "put") == 52


async def test_one_object_with_a_false_etag_does_not_make_the_others_be_copied_again(bench):
    for number in range(3000):
        await put(bench.source, f"{number:04}", b"%d" % number)
        await put(bench.target, f"{number:04}", b"%d" % number)
    await put(bench.source, "0000-odd", b"odd")
    bench.source._objects["0000-odd"].etag = "0" * 32
    bench.clock.advance(100)
    ran = await bench.sync()
    assert ran.keys(ActionKind.COPY) == ["0000-odd"]
    assert ran.result.in_step


@pytest.mark.parametrize("size", [10, 90])
async def test_an_object_that_has_rotted_at_the_source_is_not_passed_off_as_another_kind_of_etag(bench, size):
    for key in ("a", "b", "c"):
        await put(bench.source, key, content(size, key))
    await put(bench.source, "rotten", content(size))
    bench.source._objects["rotten"].etag = "0" * 32
    ran = await bench.sync(limits=replace(SMALL_LIMITS, transfers=1))
    assert ran.result.counts.copied == 3
    assert "damaged at the source" in ran.outcomes["rotten"].error
    assert "rotten" not in await held(bench.target)


@pytest.mark.parametrize("size", [10, 90])
async def test_a_lone_rotten_object_is_told_where_the_store_is_known_to_keep_the_rule(build, size):
    bench = await build(source=replace(FULL, strict_etags=True), target=FULL)
    await put(bench.source, "rotten", content(size))
    bench.source._objects["rotten"].etag = "0" * 32
    ran = await bench.sync()
    assert "damaged at the source" in ran.outcomes["rotten"].error
    assert not await held(bench.target)


async def test_rotted_parts_are_not_passed_off_either(bench):
    for key in ("a", "b"):
        await put_parts(bench.source, key, [content(70, key), content(70, key), content(3, key)])
    await put_parts(bench.source, "rotten", [content(70), content(70), content(3)])
    bench.source._objects["rotten"].etag = "0" * 32 + "-3"
    ran = await bench.sync(limits=replace(SMALL_LIMITS, transfers=1))
    assert ran.result.counts.copied == 2
    assert "damaged at the source" in ran.outcomes["rotten"].error
    assert "rotten" not in await held(bench.target)
    assert not await bench.target.list_multiparts()


class FrankStore(LyingStore):
    """Says of its ETags that they are no digests, as S3 does by the headers of an encrypted object."""

    def _lie(self, info):
        return super()._lie(info)._replace(opaque_etag=True)


@pytest.mark.parametrize(("size", "puts"), [(10, 1), (90, 1)])
async def test_a_source_that_says_that_its_etags_are_no_digests_is_believed_at_once(bench, size, puts):
    await put(bench.source, "a", content(size))
    ran = await bench.sync(source=FrankStore(bench.source))
    assert ran.result.in_step, ran.outcomes
    assert ran.outcomes["a"].proof is Proof.MD5
    assert ran.requests("target", "put") == puts
    await assert_in_step(bench)


async def test_a_target_whose_etags_look_like_md5_and_are_none_is_read_back(bench):
    await fill(bench)
    target = LyingStore(bench.target)
    ran = await bench.sync(target=target)
    assert ran.result.in_step, ran.outcomes
    assert Proof.READ_BACK in {outcome.proof for outcome in ran.outcomes.values()}
    await assert_in_step(bench)
    bench.clock.advance(100)
    ran = await bench.sync(target=target)
    assert ran.requests() == ran.requests("", "list_page")


@pytest.mark.parametrize("leg", ["source", "target"])
@pytest.mark.parametrize("key", ["small", "streamed", "large", "parts"])
@pytest.mark.parametrize("target", [FULL, NO_ETAGS, replace(FULL, verifies_md5=False)])
async def test_a_bit_that_flips_on_the_way_is_caught(build, leg, key, target):
    bench = await build(target=target)
    await fill(bench)
    operation = "get" if leg == "source" else "put_part" if key == "parts" else "*"
    script = FaultScript(Fault(operation, FaultKind.FLIP_BIT, key=key, after_bytes=3))
    ran = await bench.sync(faults=Faults(**{leg: script}))
    script.assert_all_fired()
    assert ran.result.in_step, ran.outcomes
    await assert_in_step(bench)


@pytest.mark.parametrize("key", ["small", "streamed", "large", "parts"])
async def test_a_bit_that_flips_before_it_reaches_us_is_caught_for_a_blind_target_too(build, key):
    bench = await build(target=BLIND)
    await fill(bench)
    script = FaultScript(Fault("get", FaultKind.FLIP_BIT, key=key, after_bytes=3))
    ran = await bench.sync(faults=Faults(source=script))
    script.assert_all_fired()
    assert ran.result.in_step
    await assert_in_step(bench)


CUTS = {
    "larger parts": replace(FULL, min_part_bytes=90),
    "few parts": replace(FULL, max_parts=2),
    "no multipart": replace(FULL, multipart=False),
    "opaque": NO_ETAGS,
    "opaque, larger parts": replace(NO_ETAGS, min_part_bytes=90),
    "small puts": replace(FULL, max_put_bytes=50),
}


@pytest.mark.parametrize("part_reads", [True, False])
@pytest.mark.parametrize("call", range(1, 7))
@pytest.mark.parametrize("target", CUTS)
async def test_a_flipped_bit_is_caught_before_it_shows_also_where_the_cut_is_another_one(
    build, target, call, part_reads
):
    bench = await build(source=replace(FULL, part_reads=part_reads), target=CUTS[target])
    await put_parts(bench.source, "parts", [content(40, str(n)) for n in range(5)])
    await put_parts(bench.source, "tiny", [content(20, "1"), content(20, "2")])
    if target == "small puts":
        await put(bench.source, "large", content(230))
    seen = []

    class Watching(ForwardingStore):
        async def complete_multipart(self, key, upload_id, parts, **options):
            info = await self.inner.complete_multipart(key, upload_id, parts, **options)
            seen.append((key, self.inner._objects[key].data))
            return info

    script = FaultScript(Fault("get", FaultKind.FLIP_BIT, call=call, after_bytes=3))
    limits = replace(SMALL_LIMITS, transfers=1, streams=1, held_parts=1)
    ran = await bench.sync(faults=Faults(source=script), target=Watching(bench.target), limits=limits)
    assert ran.result.in_step
    await assert_in_step(bench)
    assert all(data == bench.source._objects[key].data for key, data in seen)


@pytest.mark.parametrize("key", ["small", "streamed"])
async def test_damaged_bytes_never_become_visible_when_they_come_damaged(build, key):
    bench = await build(target=replace(FULL, verifies_md5=False))
    await fill(bench)
    script = FaultScript(Fault("get", FaultKind.FLIP_BIT, key=key, after_bytes=3, times=99))
    ran = await bench.sync(faults=Faults(source=script), limits=replace(SMALL_LIMITS, attempts=1))
    assert ran.outcomes[key].error
    assert key not in await held(bench.target)
