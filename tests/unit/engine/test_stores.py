"""Stores that can do less, or lie: the bytes arrive, the proof says how, and the second sync is free where it can be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brigade.engine.job import Limits
from brigade.engine.report import ActionKind
from brigade.objects import Attributes, Proof
from brigade.replications import CompareMode, DeleteMode, Policy
from brigade.stores.base import ListingOrder
from brigade.stores.layers.forward import ForwardingStore
from brigade.stores.memory import MEMORY_CAPABILITIES
from brigade.testing.workbench import SMALL_LIMITS, content, contents, held, put, put_parts

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


PAIRS = {
    "full to full": (FULL, FULL),
    "no etags at the source": (NO_ETAGS, FULL),
    "no etags at the target": (FULL, NO_ETAGS),
    "no etags at all": (NO_ETAGS, NO_ETAGS),
    "no digests at the target": (FULL, replace(FULL, verifies_md5=False)),
    "neither etags nor digests at the target": (FULL, BLIND),
    "blind on both sides": (BLIND, BLIND),
    "no part reads": (replace(FULL, part_reads=False), FULL),
    "no conditional reads": (replace(FULL, conditional_reads=False), FULL),
    "no multipart at the target": (FULL, replace(FULL, multipart=False)),
    "large parts only at the target": (FULL, replace(FULL, min_part_bytes=80)),
    "small puts only at the target": (FULL, replace(FULL, max_put_bytes=80)),
    "few parts only": (FULL, replace(FULL, max_parts=5)),
    "no server copy": (FULL, replace(FULL, server_copy=False)),
    "bare": (
        FULL,
        replace(FULL, tags=False, metadata=False, content_headers=False, storage_classes=False, acl=False,
                object_lock=False, server_copy=False, multipart=False, content_etags=False),
    ),
    "near source": (replace(NO_ETAGS, local_reads=True), FULL),
    "near target": (FULL, replace(NO_ETAGS, local_reads=True, modified_is_write_time=False)),
    "sorted by components": (replace(FULL, listing_order=ListingOrder.COMPONENTS), FULL),
    "no order at all": (FULL, replace(FULL, listing_order=ListingOrder.NONE)),
}  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("age_seconds", [0.0, 10_000.0])
async def test_every_pair_of_stores_gets_in_step_and_the_second_sync_is_free(build, pair, age_seconds):
    source, target = PAIRS[pair]
    bench = await build(source=source, target=target)
    await fill(bench)
    bench.clock.advance(age_seconds)
    ran = await bench.sync()
    assert ran.result.in_step, ran.outcomes
    await assert_in_step(bench)
    assert await bench.target.list_multiparts() == []
    bench.clock.advance(10_000)
    again = await bench.sync()
    assert again.result.in_step
    assert again.result.counts.copied == 0
    assert again.requests() == again.requests("", "list_page"), again.telemetry.requests


@pytest.mark.parametrize("pair", PAIRS)
async def test_every_pair_of_stores_with_proof_required_has_no_weak_one(build, pair):
    source, target = PAIRS[pair]
    bench = await build(source=source, target=target)
    await fill(bench)
    ran = await bench.sync(Policy(require_proof=True))
    assert ran.result.in_step
    assert not any(outcome.proof.is_weak for outcome in ran.outcomes.values())


@pytest.mark.parametrize("pair", PAIRS)
async def test_every_pair_of_stores_notices_a_change_of_content(build, pair):
    source, target = PAIRS[pair]
    bench = await build(source=source, target=target)
    await fill(bench)
    await bench.sync()
    bench.clock.advance(100)
    for key, size in SIZES.items():
        await put(bench.source, key, content(size, key + "new"))
    ran = await bench.sync()
    assert set(ran.keys(ActionKind.COPY)) >= set(SIZES) - {"empty"}
    await assert_in_step(bench)


async def test_a_multipart_object_keeps_its_cut_and_its_etag(bench):
    await put_parts(bench.source, "told", [content(70, "1"), content(33, "2"), content(3, "3")])
    ran = await bench.sync()
    assert (await bench.target.head("told")).etag == (await bench.source.head("told")).etag
    assert ran.outcomes["told"].proof is Proof.ETAG
    assert await bench.target.part_sizes("told", etag=(await bench.target.head("told")).etag) == [70, 33, 3]


MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize(("sizes", "proof"), [((5, 5, 1), Proof.ETAG), ((3, 7, 1), Proof.MD5)])
async def test_without_part_reads_the_cut_is_guessed_and_a_wrong_guess_is_proven_otherwise(build, sizes, proof):
    bench = await build(source=replace(FULL, part_reads=False))
    await put_parts(bench.source, "a", [content(MEBIBYTE * size, str(size)) for size in sizes])
    ran = await bench.sync(limits=Limits())
    assert ran.outcomes["a"].proof is proof
    assert ran.result.in_step
    await assert_in_step(bench)
    assert await bench.target.list_multiparts() == []


async def test_a_target_that_wants_larger_parts_gets_a_cut_of_its_own(build):
    bench = await build(target=replace(FULL, min_part_bytes=90))
    await put_parts(bench.source, "a", [content(40, str(n)) for n in range(9)])
    ran = await bench.sync()
    assert ran.outcomes["a"].proof is Proof.MD5
    await assert_in_step(bench)
    bench.clock.advance(100)
    assert (await bench.sync()).result.counts.copied == 0


async def test_an_object_that_no_upload_can_hold_fails_with_its_reason(build):
    bench = await build(source=NO_ETAGS, target=replace(FULL, max_parts=3, max_part_bytes=100))
    await put(bench.source, "huge", content(1000))
    ran = await bench.sync()
    assert "3 parts" in ran.outcomes["huge"].error


@pytest.mark.parametrize("source_order", ListingOrder)
@pytest.mark.parametrize("target_order", ListingOrder)
@pytest.mark.parametrize("sort_entries", [1, 7, 100_000])
async def test_listings_in_any_two_orders_are_paired(build, source_order, target_order, sort_entries):
    bench = await build(
        source=replace(FULL, listing_order=source_order), target=replace(FULL, listing_order=target_order)
    )
    keys = [f"{a}{b}{c}" for a in ("a", "b", "ü") for b in ("", "/", "-", ".", "0") for c in ("", "x", "/y")]
    for key in keys:
        await put(bench.source, key, b"1")
    for key in keys[::2]:
        await put(bench.target, key, b"1")
    await put(bench.target, "extra", b"1")
    bench.clock.advance(100)
    ran = await bench.sync(Policy(delete=DeleteMode.MIRROR), limits=replace(SMALL_LIMITS, sort_entries=sort_entries))
    assert ran.result.in_step, ran.result
    assert sorted(ran.keys(ActionKind.COPY)) == sorted(keys[1::2])
    assert ran.keys(ActionKind.DELETE) == ["extra"]


async def test_a_store_that_lists_out_of_the_order_it_declares_is_not_trusted(build):
    bench = await build(target=replace(FULL, listing_order=ListingOrder.COMPONENTS))
    for key in ("a", "a/b", "a-b", "c"):
        await put(bench.source, key, b"1")
        await put(bench.target, key, b"1")
    await put(bench.target, "zextra", b"1")
    bench.target.capabilities = replace(FULL, listing_order=ListingOrder.COMPONENTS)

    class Claims(ForwardingStore):
        capabilities = FULL

    ran = await bench.sync(Policy(delete=DeleteMode.MIRROR), target=Claims(bench.target))
    assert "listing_order: none" in ran.result.incomplete
    assert ran.result.counts.deleted == 0
    assert "zextra" in await held(bench.target)


async def test_a_listing_without_order_may_show_a_key_twice(build):
    bench = await build(source=replace(FULL, listing_order=ListingOrder.NONE))
    for key in ("b", "a"):
        await put(bench.source, key, b"1")

    class Twice(ForwardingStore):
        async def list_page(self, *args, **options):
            page = await self.inner.list_page(*args, **options)
            return page._replace(entries=page.entries * 2)

    ran = await bench.sync(source=Twice(bench.source))
    assert ran.result.in_step
    assert ran.result.counts.copied == 2


async def test_metadata_of_an_object_too_large_for_a_server_side_copy_is_written_with_its_bytes(build):
    bench = await build(target=replace(FULL, max_copy_bytes=50))
    await put(bench.source, "a", content(60), Attributes(metadata={"v": "1"}))
    await bench.sync()
    bench.clock.advance(100)
    await put(bench.source, "a", content(60), Attributes(metadata={"v": "2"}))
    ran = await bench.sync()
    assert ran.result.in_step, ran.outcomes
    assert (await bench.target.head("a")).attributes.metadata == {"v": "2"}


async def test_a_target_without_server_side_copy_gets_metadata_with_the_bytes(build):
    bench = await build(target=replace(FULL, server_copy=False))
    await put(bench.source, "a", b"1", Attributes(metadata={"v": "1"}))
    await bench.sync()
    bench.clock.advance(100)
    await put(bench.source, "a", b"1", Attributes(metadata={"v": "2"}))
    ran = await bench.sync()
    assert ran.keys(ActionKind.COPY) == ["a"]
    assert (await bench.target.head("a")).attributes.metadata == {"v": "2"}


async def test_a_target_without_headers_is_not_rewritten_for_its_missing_headers(build):
    from brigade.replications import AttributesMode

    bench = await build(target=replace(FULL, content_headers=False))
    await put(bench.source, "a.txt", b"1", Attributes(content_type="text/plain", metadata={"v": "1"}))
    await bench.sync()
    ran = await bench.sync(Policy(attributes=AttributesMode.EACH))
    assert ran.result.counts.metadata_updated == 0


async def test_near_content_is_compared_by_reading_it_where_nothing_is_remembered(build):
    bench = await build(source=replace(NO_ETAGS, local_reads=True))
    await fill(bench)
    await bench.sync()
    other = await build(source=replace(NO_ETAGS, local_reads=True))
    bench.clock.advance(100)
    job, observer, telemetry = other.job(source=bench.source, target=bench.target)
    from brigade.engine.reconcile import reconcile

    result = await reconcile(job)
    assert result.in_step
    assert result.counts.copied == 0
    assert {outcome.proof for outcome in observer.outcomes} <= {Proof.MD5, Proof.READ_BACK}
    assert telemetry.requests["target:bucket", "put", "ok"] == 0


async def test_comparing_by_checksum_reads_both_sides_and_finds_what_etags_hide(bench):
    await put(bench.source, "a", b"1")
    await put(bench.target, "a", b"2")
    bench.target._objects["a"].etag = bench.source._objects["a"].etag
    bench.clock.advance(100)
    assert (await bench.sync()).result.counts.copied == 0
    ran = await bench.sync(Policy(compare=CompareMode.CHECKSUM))
    assert ran.keys(ActionKind.COPY) == ["a"]
    await assert_in_step(bench)
