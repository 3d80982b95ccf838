"""Nothing that the source holds is deleted, and nothing is deleted on the word of a listing that broke."""

from __future__ import annotations

import tracemalloc

import pytest

from brigade.engine.deletions import Deletions
from brigade.engine.report import ActionKind
from brigade.errors import AccessDenied, StateError, Unavailable
from brigade.objects import ObjectInfo
from brigade.replications import DeleteMode, FilterRule, MaxDelete, Policy
from brigade.stores.base import ALWAYS
from brigade.stores.layers.fault_script import Fault, FaultKind, FaultScript, reset
from brigade.testing.workbench import Faults, Workbench, held, put

MIRROR = Policy(delete=DeleteMode.MIRROR)
TRACKED = Policy(delete=DeleteMode.TRACKED)
ANY_NUMBER = MaxDelete(100, is_percent=True)


async def fill(bench, extras=1, shared=20):
    for number in range(shared):
        await put(bench.source, f"shared{number:04}", b"s")
        await put(bench.target, f"shared{number:04}", b"s")
    for number in range(extras):
        await put(bench.target, f"zextra{number:04}", b"x")
    bench.clock.advance(100)


async def keys(store):
    return set(await held(store))


async def test_without_a_delete_mode_extra_objects_stay(bench):
    await fill(bench)
    ran = await bench.sync()
    assert ran.result.in_step
    assert "zextra0000" in await keys(bench.target)


async def test_mirror_deletes_what_is_extra_and_nothing_else(bench):
    await fill(bench, extras=2)
    ran = await bench.sync(MIRROR)
    assert ran.keys(ActionKind.DELETE) == ["zextra0000", "zextra0001"]
    assert ran.result.counts.deleted == 2
    assert ran.result.in_step
    assert await keys(bench.target) == await keys(bench.source)


async def test_tracked_deletes_only_what_this_replication_wrote(bench):
    await fill(bench)
    await put(bench.source, "mine", b"1")
    bench.clock.advance(10_000)
    await bench.sync(TRACKED)
    bench.clock.advance(100)
    await bench.source.delete(["mine", "shared0000"])
    ran = await bench.sync(TRACKED)
    assert ran.keys(ActionKind.DELETE) == ["mine"]
    assert {"zextra0000", "shared0000"} <= await keys(bench.target)
    assert await bench.ledger().known(["mine"]) == {}


async def test_tracked_leaves_what_somebody_else_changed_and_says_so(bench):
    await fill(bench)
    await put(bench.source, "mine", b"1")
    await bench.sync(TRACKED)
    bench.clock.advance(100)
    await bench.source.delete(["mine"])
    await put(bench.target, "mine", b"theirs")
    ran = await bench.sync(TRACKED)
    assert ran.result.counts.conflicts == 1
    assert not ran.result.in_step
    assert (await held(bench.target))["mine"].data == b"theirs"
    result, found = await bench.diff(TRACKED)
    assert found["mine"].status == "extra"
    assert not result.in_step


async def test_tracked_leaves_what_somebody_else_writes_while_the_run_goes_on(bench):
    await fill(bench)
    await put(bench.source, "mine", b"1")
    await put(bench.source, "mine too", b"2")
    bench.clock.advance(10_000)
    await bench.sync(TRACKED)
    bench.clock.advance(100)
    await bench.source.delete(["mine", "mine too"])

    async def write(_):
        await put(bench.target, "mine", b"somebody else's")

    # After both listings, while the source is asked whether the keys are really gone.
    script = FaultScript(Fault("head", FaultKind.CHANGE, key="mine", change=write))
    ran = await bench.sync(TRACKED, faults=Faults(source=script))
    script.assert_all_fired()
    assert ran.keys(ActionKind.DELETE) == ["mine too"]
    assert ran.keys(ActionKind.CONFLICT) == ["mine"]
    assert (await held(bench.target))["mine"].data == b"somebody else's"


async def test_tracked_deletes_nothing_that_it_cannot_look_at(bench):
    await fill(bench)
    await put(bench.source, "mine", b"1")
    bench.clock.advance(10_000)
    await bench.sync(TRACKED)
    bench.clock.advance(100)
    await bench.source.delete(["mine"])
    script = FaultScript(Fault("head", error=lambda: AccessDenied("no"), times=99))
    ran = await bench.sync(TRACKED, faults=Faults(target=script))
    assert "no" in ran.outcomes["mine"].error
    assert "mine" in await keys(bench.target)


async def test_the_guard_refuses_too_many(bench):
    await fill(bench, extras=10)
    ran = await bench.sync(MIRROR)
    assert "10 of 30 objects" in ran.result.refusal
    assert ran.result.counts.deleted == 0
    assert not ran.result.in_step
    assert len(await keys(bench.target)) == 30
    ran = await bench.sync(Policy(delete=DeleteMode.MIRROR, max_delete=MaxDelete(10, is_percent=False)))
    assert ran.result.counts.deleted == 10


async def test_an_empty_source_deletes_nothing(bench):
    await fill(bench, shared=0, extras=5)
    ran = await bench.sync(Policy(delete=DeleteMode.MIRROR, max_delete=ANY_NUMBER))
    assert "the source is empty" in ran.result.refusal
    assert len(await keys(bench.target)) == 5


async def test_a_source_whose_bucket_is_gone_deletes_nothing(bench):
    await fill(bench)
    bench.source._exists = False
    ran = await bench.sync(MIRROR)
    assert "no such bucket" in ran.result.incomplete
    assert ran.result.counts.deleted == 0


class Paged:
    """A store whose listing comes in pages of ten."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)

    async def list_page(self, prefix="", *, start_after="", cursor=None, limit=1000):
        return await self._inner.list_page(prefix, start_after=start_after, cursor=cursor, limit=10)


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("page", [1, 2, 3])
async def test_a_listing_that_breaks_deletes_nothing_and_the_run_says_so(bench, side, page):
    await fill(bench, shared=40)
    await put(bench.source, "a-first", b"1")
    await put(bench.target, "a-extra", b"planned before the listing breaks")
    script = FaultScript(Fault("list_page", call=page, times=99, error=lambda: AccessDenied("no")))
    ran = await bench.sync(
        MIRROR, faults=Faults(**{side: script}), source=Paged(bench.source), target=Paged(bench.target)
    )
    script.assert_all_fired()
    assert "no" in ran.result.incomplete
    assert not ran.result.in_step
    assert ran.result.counts.deleted == 0
    assert {"a-extra", "zextra0000"} <= await keys(bench.target)
    if (side, page) == ("source", 3):
        assert "a-first" in await keys(bench.target), "what was decided is still carried out"


@pytest.mark.parametrize("entries", [1, 5, 39])
async def test_a_source_listing_that_ends_early_without_an_error_deletes_nothing(bench, entries):
    await fill(bench, shared=40, extras=1)
    script = FaultScript(Fault("list_page", FaultKind.CUT_LISTING, after_entries=entries))
    policy = Policy(delete=DeleteMode.MIRROR, max_delete=ANY_NUMBER)
    ran = await bench.sync(policy, faults=Faults(source=script))
    script.assert_all_fired()
    assert "left out" in ran.result.incomplete
    assert not ran.result.in_step
    assert len(await keys(bench.target)) == 41


async def test_a_tracked_run_over_a_cut_listing_deletes_nothing(bench):
    for number in range(30):
        await put(bench.source, f"{number:03}", b"1")
    await bench.sync(TRACKED)
    bench.clock.advance(100)
    script = FaultScript(Fault("list_page", FaultKind.CUT_LISTING, after_entries=28))
    ran = await bench.sync(TRACKED, faults=Faults(source=script))
    assert ran.result.incomplete
    assert len(await keys(bench.target)) == 30


@pytest.mark.parametrize("error", [lambda: AccessDenied("403"), lambda: Unavailable("500"), reset])
async def test_only_a_confirmed_absence_is_an_absence(bench, error):
    await fill(bench, extras=2)
    script = FaultScript(Fault("head", key="zextra0001", times=99, error=error))
    ran = await bench.sync(MIRROR, faults=Faults(source=script))
    script.assert_all_fired()
    assert ran.result.incomplete
    assert ran.result.counts.deleted == 0
    assert {"zextra0000", "zextra0001"} <= await keys(bench.target)


async def test_an_object_that_came_back_since_the_listing_is_kept_and_told(bench):
    await fill(bench, extras=2)

    async def change(store):
        await put(store, "zextra0000", b"back")

    script = FaultScript(Fault("head", FaultKind.CHANGE, change=change))
    ran = await bench.sync(MIRROR, faults=Faults(source=script))
    script.assert_all_fired()
    assert ran.keys(ActionKind.DELETE) == ["zextra0001"]
    assert ran.outcomes["zextra0000"].action is ActionKind.SKIP
    assert "zextra0000" in await keys(bench.target)
    assert ran.result.counts.considered == 22


async def test_no_request_is_made_for_an_empty_batch_of_deletions(bench):
    await fill(bench, extras=1)

    async def change(store):
        await put(store, "zextra0000", b"back")

    script = FaultScript(Fault("head", FaultKind.CHANGE, change=change))
    ran = await bench.sync(MIRROR, faults=Faults(source=script))
    assert ran.requests("target", "delete") == 0


async def test_excluded_keys_are_not_deleted(bench):
    await fill(bench)
    await put(bench.target, "tmp/old", b"1")
    await put(bench.target, "tmp/there", b"1")
    await put(bench.source, "tmp/there", b"1")
    filters = (FilterRule(False, "tmp/**"),)
    ran = await bench.sync(Policy(delete=DeleteMode.MIRROR, filters=filters))
    assert ran.keys(ActionKind.DELETE) == ["zextra0000"]
    policy = Policy(delete=DeleteMode.MIRROR, filters=filters, delete_excluded=True, max_delete=ANY_NUMBER)
    ran = await bench.sync(policy)
    assert ran.keys(ActionKind.DELETE) == ["tmp/old", "tmp/there"]
    assert ran.result.in_step


async def test_what_is_excluded_by_size_at_the_source_is_not_deleted(bench):
    await fill(bench, extras=0)
    await put(bench.source, "large", b"1234567890")
    await put(bench.target, "large", b"123")
    ran = await bench.sync(Policy(delete=DeleteMode.MIRROR, max_size_bytes=5))
    assert ran.result.counts.deleted == 0


async def test_a_failed_deletion_is_told_and_leaves_the_run_out_of_step(bench):
    await fill(bench, extras=2)

    class Stubborn:
        def __getattr__(self, name):
            return getattr(bench.target, name)

        async def delete(self, keys, *, condition=ALWAYS):
            answers = await bench.target.delete([key for key in keys if key != "zextra0000"])
            return {**answers, "zextra0000": AccessDenied("locked")}

    ran = await bench.sync(MIRROR, target=Stubborn())
    assert ran.result.counts.failed == 1
    assert "locked" in ran.outcomes["zextra0000"].error
    assert ran.keys(ActionKind.DELETE) == ["zextra0001"]
    assert not ran.result.in_step


async def test_many_deletions_go_in_batches_and_through_a_file(bench, monkeypatch):
    monkeypatch.setattr("brigade.engine.deletions._IN_MEMORY_BYTES", 2000)
    await fill(bench, shared=2100, extras=2050)
    ran = await bench.sync(Policy(delete=DeleteMode.MIRROR, max_delete=ANY_NUMBER))
    assert ran.result.counts.deleted == 2050
    assert ran.requests("target", "delete") == 3
    assert await keys(bench.target) == await keys(bench.source)


async def test_a_hundred_thousand_planned_deletions_take_no_memory(bench):
    job, _, _ = bench.job(MIRROR)
    deletions = Deletions(job, lambda _: None)
    deletions.plan("warm", "up", ObjectInfo("warm", 1, None, 0))
    tracemalloc.start()
    try:
        for number in range(100_000):
            key = f"some/longer/key/{number:030}"
            deletions.plan(key, "not at the source", ObjectInfo(key, 1, None, 0))
        used_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        deletions.close()
    assert deletions.count == 100_001
    assert used_bytes < 6 * 1024 * 1024, "what is beyond the spool's 4 MiB lies on disk"


async def test_a_full_disk_stops_the_run_with_words_and_deletes_nothing(bench, monkeypatch):
    await fill(bench, shared=40, extras=2)

    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr("tempfile.SpooledTemporaryFile", lambda *_, **__: Full())
    with pytest.raises(StateError, match="No space left"):
        await bench.sync(MIRROR)
    assert len(await keys(bench.target)) == 42


async def test_odd_keys_are_deleted_under_their_own_names(bench):
    await fill(bench, extras=0)
    odd = ["line\nbreak", "ü", "u\u0308", "😀", "quote\"'\\", "nul\0", "a//b"]
    for key in odd:
        await put(bench.target, key, b"1")
    ran = await bench.sync(Policy(delete=DeleteMode.MIRROR, max_delete=ANY_NUMBER))
    assert ran.keys(ActionKind.DELETE) == sorted(odd)
    assert await keys(bench.target) == await keys(bench.source)


async def test_a_dry_run_passes_the_guard_and_deletes_nothing(bench):
    await fill(bench, extras=10)
    ran = await bench.sync(MIRROR, dry_run=True)
    assert ran.result.refusal
    policy = Policy(delete=DeleteMode.MIRROR, max_delete=ANY_NUMBER)
    ran = await bench.sync(policy, dry_run=True)
    assert len(ran.keys(ActionKind.DELETE)) == 10
    assert len(await keys(bench.target)) == 30


async def test_a_source_object_that_vanishes_is_skipped_and_never_said_to_be_deleted(tmp_path):
    from dataclasses import replace

    from brigade.stores.memory import MEMORY_CAPABILITIES

    near = replace(MEMORY_CAPABILITIES, local_reads=True, content_etags=False)
    async with Workbench(tmp_path, source=near) as bench:
        await fill(bench, extras=0, shared=10)

        async def change(store):
            await store.delete(["shared0003"])

        script = FaultScript(Fault("get", FaultKind.CHANGE, key="shared0003", change=change))
        ran = await bench.sync(MIRROR, faults=Faults(source=script))
        script.assert_all_fired()
        assert ran.result.counts.deleted == 0
        assert ran.outcomes["shared0003"].action is ActionKind.SKIP
        assert "shared0003" in await keys(bench.target)
        ran = await bench.sync(MIRROR)
        assert ran.keys(ActionKind.DELETE) == ["shared0003"]
