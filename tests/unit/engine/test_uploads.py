"""Multipart uploads survive a crash at any moment: the next run uploads the rest only and leaves nothing astray."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brigade.engine.ledger import Ledger
from brigade.errors import AccessDenied
from brigade.objects import Attributes
from brigade.replications import Policy
from brigade.stores.base import BytesBody
from brigade.stores.layers.fault_script import Fault, FaultKind, FaultScript
from brigade.stores.layers.faults import FaultyStore
from brigade.stores.layers.forward import ForwardingStore
from brigade.stores.memory import MEMORY_CAPABILITIES
from brigade.testing.workbench import SMALL_LIMITS, Faults, content, contents, held, put, put_parts

ONE_BY_ONE = replace(SMALL_LIMITS, streams=1, held_parts=1, transfers=1)
PARTS = [content(80, str(number)) for number in range(6)]
NO_ETAGS = replace(MEMORY_CAPABILITIES, content_etags=False)
SURE = replace(NO_ETAGS, proves_writes=True)


class Killed(BaseException):
    """What SIGKILL is to a process: nothing below catches it."""


class Dying(ForwardingStore):
    """Dies at the n-th call of an operation, before or after it was carried out, and at every call after that."""

    def __init__(self, inner, operation, call, *, after=False):
        super().__init__(inner)
        self.operation, self.left, self.after, self.dead = operation, call, after, False

    async def _guarded(self, operation, call):
        if self.dead:
            raise Killed
        if operation == self.operation:
            self.left -= 1
            if not self.left:
                self.dead = True
                if self.after:
                    await call
                else:
                    call.close()
                raise Killed
        return await call


def _dying(operation):
    async def method(self, *args, **options):
        return await self._guarded(operation, getattr(self.inner, operation)(*args, **options))

    return method


for _operation in (
    "put", "copy", "delete", "head", "create_multipart", "put_part", "list_parts", "complete_multipart",
    "abort_multipart", "list_multiparts", "write_tags",
):  # fmt: skip
    setattr(Dying, _operation, _dying(_operation))


class LosingLedger(Ledger):
    """What was not yet written when the process died is lost."""

    async def flush(self):
        """Never comes to it."""


async def crash(bench, operation, call, *, after=False, source=None, policy=None):
    ledger = LosingLedger(bench.state, bench.replication_id)
    target = Dying(bench.target, operation, call, after=after)
    with pytest.raises(Killed):
        await bench.sync(
            policy, target=target, ledger=ledger, limits=ONE_BY_ONE, faults=Faults(retry=False), source=source
        )


async def assert_clean(bench):
    assert contents(await held(bench.target)) == contents(await held(bench.source))
    assert await bench.target.list_multiparts() == []
    assert await bench.ledger().uploads() == []


@pytest.mark.parametrize("killed_at", range(1, 7))
async def test_the_next_run_uploads_only_the_missing_parts(bench, killed_at):
    await put_parts(bench.source, "a", PARTS)
    await crash(bench, "put_part", killed_at)
    assert await held(bench.target) == {}
    assert len(await bench.target.list_multiparts()) == 1
    ran = await bench.sync()
    assert ran.result.in_step
    assert ran.requests("target", "put_part") == len(PARTS) - killed_at + 1
    assert ran.requests("source", "get") == len(PARTS) - killed_at + 1
    await assert_clean(bench)
    assert (await bench.target.head("a")).etag == (await bench.source.head("a")).etag


@pytest.mark.parametrize("killed_at", [1, 3])
async def test_a_cut_of_our_own_is_resumed_too(build, killed_at):
    bench = await build(source=NO_ETAGS)
    await put(bench.source, "a", content(550))
    await crash(bench, "put_part", killed_at)
    ran = await bench.sync()
    assert ran.result.in_step
    assert ran.requests("target", "put_part") == 6 - killed_at + 1
    await assert_clean(bench)


@pytest.mark.parametrize(
    ("operation", "after"),
    [("create_multipart", False), ("create_multipart", True), ("complete_multipart", False),
     ("complete_multipart", True), ("put_part", True)],
)  # fmt: skip
async def test_a_crash_around_any_step_of_an_upload_leaves_nothing_astray(bench, operation, after):
    await put_parts(bench.source, "a", PARTS)
    await crash(bench, operation, 1, after=after)
    ran = await bench.sync()
    assert ran.result.in_step
    await assert_clean(bench)


async def test_an_upload_of_what_shall_expire_is_resumed_though_the_time_goes_on(build):
    bench = await build(target=replace(MEMORY_CAPABILITIES, delete_at=True))
    policy = Policy(expire_after_seconds=1000)
    await put_parts(bench.source, "a", PARTS)
    await crash(bench, "put_part", 4, policy=policy)
    bench.clock.advance(100)
    ran = await bench.sync(policy)
    assert ran.requests("target", "put_part") == 3
    await assert_clean(bench)


async def test_an_upload_of_a_source_that_changed_is_begun_anew(bench):
    await put_parts(bench.source, "a", PARTS)
    await crash(bench, "put_part", 4)
    bench.clock.advance(10)
    await put_parts(bench.source, "a", [*PARTS[:5], content(80, "other")])
    ran = await bench.sync()
    assert ran.result.in_step
    assert ran.requests("target", "put_part") == 6
    await assert_clean(bench)


async def test_an_upload_of_a_source_that_is_gone_is_aborted(bench):
    await put_parts(bench.source, "a", PARTS)
    await put(bench.source, "b", b"1")
    await crash(bench, "put_part", 4)
    await bench.source.delete(["a"])
    await bench.sync()
    await assert_clean(bench)


async def test_an_upload_of_a_source_that_became_small_is_aborted(bench):
    await put_parts(bench.source, "a", PARTS)
    await crash(bench, "put_part", 4)
    bench.clock.advance(10)
    await put(bench.source, "a", b"small")
    await bench.sync()
    await assert_clean(bench)


async def test_an_upload_that_the_target_has_forgotten_is_begun_anew(bench):
    await put_parts(bench.source, "a", PARTS)
    await crash(bench, "put_part", 4)
    bench.target._uploads.clear()
    ran = await bench.sync()
    assert ran.result.in_step
    assert ran.requests("target", "put_part") == 6
    await assert_clean(bench)


@pytest.mark.parametrize("target", [MEMORY_CAPABILITIES, SURE], ids=["digests", "tells nothing of parts"])
async def test_a_damaged_part_of_an_earlier_run_never_becomes_visible(build, target):
    bench = await build(target=target)
    await put_parts(bench.source, "a", PARTS)
    await crash(bench, "put_part", 4)
    (info,) = await bench.target.list_multiparts()
    # As a part that was damaged on its way, whose sender died before it heard what the server has.
    await bench.target.put_part("a", info.upload_id, 2, BytesBody(content(80, "damage")))
    ran = await bench.sync()
    assert ran.result.in_step
    await assert_clean(bench)


class TellsWhatItChecked(ForwardingStore):
    """Part ETags are no digests, but it tells of a part what its content was checked against."""

    def __init__(self, inner):
        super().__init__(inner)
        self._checked = {}

    def _told(self, part):
        return part._replace(checksum=self._checked.get(part.number))

    async def put_part(self, key, upload_id, number, body, *, expect=None):
        part = await self.inner.put_part(key, upload_id, number, body, expect=expect)
        self._checked[number] = expect
        return self._told(part)

    async def list_parts(self, key, upload_id):
        return [self._told(part) for part in await self.inner.list_parts(key, upload_id)]


@pytest.mark.parametrize("leg", ["whole", "damaged when it was read"])
async def test_parts_that_the_target_has_checked_are_resumed_and_held_to_the_source_once_more(build, leg):
    bench = await build(target=SURE)
    bench.target = TellsWhatItChecked(bench.target)
    await put_parts(bench.source, "a", PARTS)
    source = None
    if leg != "whole":
        script = FaultScript(Fault("get", FaultKind.FLIP_BIT, call=2, after_bytes=3))
        source = FaultyStore(bench.source, script, clock=bench.clock)
    await crash(bench, "put_part", 4, source=source)
    ran = await bench.sync()
    assert ran.result.in_step, ran.outcomes
    if leg == "whole":
        assert ran.requests("target", "put_part") == 3
        assert ran.requests("source", "get") == 3
    await assert_clean(bench)


@pytest.mark.parametrize("change", ["tags", "removed"])
async def test_tags_that_changed_between_two_runs_arrive_with_a_resumed_upload(bench, change):
    await put_parts(bench.source, "a", PARTS, Attributes(tags={"v": "1"}))
    await crash(bench, "put_part", 4)
    await bench.source.write_tags("a", {"v": "2"} if change == "tags" else {})
    await bench.sync()
    assert await bench.target.read_tags("a") == await bench.source.read_tags("a")
    await assert_clean(bench)


async def test_somebody_elses_uploads_stay(bench):
    await put_parts(bench.source, "a", PARTS)
    theirs = await bench.target.create_multipart("a", attributes=Attributes())
    also_theirs = await bench.target.create_multipart("ab", attributes=Attributes())
    bench.clock.advance(1000)
    await crash(bench, "create_multipart", 1, after=True)
    await bench.sync()
    assert {upload.upload_id for upload in await bench.target.list_multiparts()} == {theirs, also_theirs}


async def test_an_upload_that_cannot_be_aborted_is_told_and_stays_on_record(bench):
    await put_parts(bench.source, "a", PARTS)
    await crash(bench, "put_part", 4)
    await bench.source.delete(["a"])
    await put(bench.source, "b", b"1")
    script = FaultScript(Fault("abort_multipart", times=99, error=lambda: AccessDenied("not you")))
    ran = await bench.sync(faults=Faults(target=script))
    assert "not you" in ran.result.leftovers[0]
    assert len(await bench.ledger().uploads()) == 1
    await bench.sync()
    await assert_clean(bench)


@pytest.mark.parametrize("retry", [True, False])
@pytest.mark.parametrize("operation", ["create_multipart", "put_part", "complete_multipart"])
async def test_a_lost_answer_leaves_no_stray_upload(bench, operation, retry):
    await put_parts(bench.source, "a", PARTS)
    script = FaultScript(Fault(operation, FaultKind.LOSE_ANSWER))
    ran = await bench.sync(faults=Faults(target=script, retry=retry))
    script.assert_all_fired()
    assert ran.result.in_step
    await assert_clean(bench)


async def test_parts_of_two_versions_are_never_mixed_by_a_store_that_ignores_conditions(build):
    bench = await build(
        source=replace(NO_ETAGS, conditional_reads=False), target=replace(MEMORY_CAPABILITIES, content_etags=False)
    )
    await put(bench.source, "a", content(550, "old"))
    bench.clock.advance(10)

    async def change(store):
        await put(store, "a", content(550, "new"))

    script = FaultScript(Fault("get", FaultKind.CHANGE, call=4, change=change))
    await bench.sync(faults=Faults(source=script), limits=ONE_BY_ONE)
    script.assert_all_fired()
    assert contents(await held(bench.target)) == {"a": content(550, "new")}


TAGS_LATER = replace(MEMORY_CAPABILITIES, multipart_tags=False)


class TagsLater(ForwardingStore):
    """A target whose uploads in parts take no tags, as Ceph's do not."""

    async def create_multipart(self, key, *, attributes):
        return await self.inner.create_multipart(key, attributes=attributes.with_tags(None))


async def test_tags_arrive_where_an_upload_in_parts_takes_none(build):
    bench = await build(target=TAGS_LATER)
    await put_parts(bench.source, "a", PARTS, Attributes(tags={"colour": "red"}))
    assert (await bench.sync(target=TagsLater(bench.target))).result.in_step
    assert (await held(bench.target))["a"].attributes.tags == {"colour": "red"}


async def test_tags_that_a_crash_kept_from_being_written_are_written_by_the_next_run(build):
    bench = await build(target=TAGS_LATER)
    await put_parts(bench.source, "a", PARTS, Attributes(tags={"colour": "red"}))
    # The target's object is younger by more than any clock can be off, so no listing shows that it lacks something.
    bench.clock.advance(3600)
    ledger = LosingLedger(bench.state, bench.replication_id)
    dying = Dying(TagsLater(bench.target), "write_tags", 1)
    with pytest.raises(Killed):
        await bench.sync(target=dying, ledger=ledger, limits=ONE_BY_ONE, faults=Faults(retry=False))
    assert (await held(bench.target))["a"].attributes.tags == {}
    bench.clock.advance(3600)
    ran = await bench.sync(target=TagsLater(bench.target))
    assert ran.result.counts.metadata_updated == 1
    assert (await held(bench.target))["a"].attributes.tags == {"colour": "red"}
    await assert_clean(bench)
