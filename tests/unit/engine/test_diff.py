"""Diff: each status, nothing written, nothing left out in silence."""

from __future__ import annotations

from dataclasses import replace

from brigade.engine.report import DifferenceStatus
from brigade.errors import AccessDenied
from brigade.objects import Attributes
from brigade.replications import AttributesMode, CompareMode, DeleteMode, FilterRule, Policy
from brigade.stores.layers.forward import ForwardingStore
from brigade.stores.memory import MEMORY_CAPABILITIES
from brigade.testing.workbench import content, held, put, put_parts

MIRROR = Policy(delete=DeleteMode.MIRROR)


async def test_every_status_is_told(bench):
    for key in ("same", "different", "metadata", "missing"):
        await put(bench.source, key, b"1", Attributes(metadata={"v": "1"}))
    bench.clock.advance(10)
    await put(bench.target, "same", b"1", Attributes(metadata={"v": "1"}))
    await put(bench.target, "different", b"2")
    await put(bench.target, "metadata", b"1", Attributes(metadata={"v": "2"}))
    await put(bench.target, "extra", b"1")
    before = await held(bench.target)
    result, found = await bench.diff(Policy(delete=DeleteMode.MIRROR, attributes=AttributesMode.EACH))
    assert {key: difference.status for key, difference in found.items()} == {
        "different": DifferenceStatus.DIFFERENT,
        "metadata": DifferenceStatus.METADATA,
        "missing": DifferenceStatus.MISSING,
        "extra": DifferenceStatus.EXTRA,
    }
    assert all(difference.reason for difference in found.values())
    assert (result.compared, result.same, result.differences, result.in_step) == (5, 1, 4, False)
    assert await held(bench.target) == before
    assert await bench.state.inventory.count(bench.replication_id) == 0


async def test_what_is_the_same_only_by_size_is_unprovable(bench):
    await put(bench.source, "a", b"1")
    await put(bench.target, "a", b"2")
    result, found = await bench.diff(Policy(delete=DeleteMode.MIRROR, compare=CompareMode.SIZE))
    assert found["a"].status is DifferenceStatus.UNPROVABLE
    assert not result.in_step


async def test_a_sync_leaves_no_difference(bench):
    for number in range(20):
        await put(bench.source, f"{number}", content(number * 20, str(number)), Attributes(tags={"n": str(number)}))
    await bench.sync(MIRROR)
    result, found = await bench.diff(MIRROR)
    assert not found
    assert result.in_step
    assert result.same == 20


async def test_comparing_by_checksum_finds_damage_under_an_equal_etag(bench):
    await put(bench.source, "a", b"1")
    await bench.sync()
    bench.target._objects["a"].data = b"2"
    assert (await bench.diff(MIRROR))[0].in_step
    result, found = await bench.diff(Policy(delete=DeleteMode.MIRROR, compare=CompareMode.CHECKSUM))
    assert found["a"].status is DifferenceStatus.DIFFERENT
    assert not result.in_step


async def test_excluded_keys_are_no_difference(bench):
    await put(bench.source, "tmp/a", b"1")
    await put(bench.target, "tmp/b", b"1")
    result, found = await bench.diff(Policy(delete=DeleteMode.MIRROR, filters=(FilterRule(False, "tmp/**"),)))
    assert not found
    assert (result.excluded, result.in_step) == (2, True)


async def test_a_key_that_cannot_be_compared_is_told_and_the_rest_is_compared(build):
    bench = await build(source=replace(MEMORY_CAPABILITIES, local_reads=True, content_etags=False))
    for key in ("a", "b"):
        await put(bench.source, key, b"1")
        await put(bench.target, key, b"1")

    class Forbidden(ForwardingStore):
        def get(self, key, **options):
            if key == "a":
                raise AccessDenied("no", key=key)
            return self.inner.get(key, **options)

    from brigade.engine.verify import diff

    job, _, _ = bench.job(MIRROR, source=Forbidden(bench.source), dry_run=True)
    failed = {}
    result = await diff(job, lambda _: None, failed.__setitem__)
    assert list(failed) == ["a"]
    assert (result.failed, result.same, result.in_step) == (1, 1, False)


async def test_a_listing_that_breaks_makes_a_diff_incomplete(bench):
    bench.source._exists = False
    result, _ = await bench.diff(MIRROR)
    assert result.incomplete
    assert not result.in_step


async def test_etags_of_different_kinds_are_no_difference_but_unprovable(bench):
    await put(bench.source, "a", content(120))
    await put_parts(bench.target, "a", [content(120)[:100], content(120)[100:]])
    result, differences = await bench.diff()
    assert differences["a"].status is DifferenceStatus.UNPROVABLE
    assert not result.in_step
