from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from brigade.control.diff import diff
from brigade.control.sync import policy_as_json, sync
from brigade.control.work import Work
from brigade.engine.report import ActionKind, Difference, RunResult
from brigade.errors import AccessDenied, BucketMissing, UsageError
from brigade.replications import CompareMode, DeleteMode, FilterRule, MaxDelete, Policy
from brigade.state.rows import RunState
from brigade.state.state import State
from brigade.stores.memory import MEMORY_CAPABILITIES, MemoryStore
from brigade.testing.clock import ManualClock
from brigade.testing.observer import RecordingObserver
from brigade.testing.workbench import held, put


class Bench:
    """Two stores, a state, and what was told."""

    def __init__(self, state: State, clock: ManualClock) -> None:
        self.state = state
        self.clock = clock
        self.source = MemoryStore("source", "b", clock=clock)
        self.target = MemoryStore("target", "b", clock=clock)
        self.observer = RecordingObserver()
        self.told: list[str] = []

    def work(self, **changes: object) -> Work:
        work = Work("test", self.source, self.target, self.source.identity, self.target.identity)
        return replace(work, **changes)

    async def sync(self, *, dry_run: bool = False, **changes: object) -> RunResult:
        return await sync(
            self.work(**changes),
            state=self.state,
            clock=self.clock,
            observer=self.observer,
            tell=self.told.append,
            dry_run=dry_run,
        )


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    clock = ManualClock()
    state = await State.open(f"sqlite:///{tmp_path}/state.db", clock=clock)
    yield Bench(state, clock)
    await state.close()


async def last_run(bench: Bench):
    replication = await bench.state.replications.ensure("test", bench.work().identity)
    return await bench.state.runs.last(replication)


async def test_a_run_is_on_record_with_its_policy_and_counts(bench: Bench):
    await put(bench.source, "a", b"1")
    result = await bench.sync(policy=Policy(delete=DeleteMode.TRACKED))
    assert result.in_step
    run = await last_run(bench)
    assert (run.state, run.counts["copied"], run.policy["delete"]) == (RunState.DONE, 1, "tracked")


async def test_a_dry_run_leaves_no_trace(bench: Bench):
    await put(bench.source, "a", b"1")
    result = await bench.sync(dry_run=True)
    assert (result.counts.copied, result.in_step) == (1, False)
    assert await held(bench.target) == {}
    assert await last_run(bench) is None


async def test_overlapping_places_are_refused_before_anything_is_opened(bench: Bench):
    with pytest.raises(UsageError, match="same place"):
        await bench.sync(target=bench.source, target_place=bench.source.identity)


async def test_a_missing_bucket_is_an_error_with_its_mend(bench: Bench):
    missing = MemoryStore("target", "missing", clock=bench.clock, exists=False)
    with pytest.raises(BucketMissing) as caught:
        await bench.sync(target=missing)
    assert "bucket" in caught.value.hint


async def test_a_missing_directory_is_made(bench: Bench):
    await put(bench.source, "a", b"1")
    missing = MemoryStore("target", "missing", clock=bench.clock, exists=False)
    assert (await bench.sync(target=missing, make_target=True)).in_step
    assert list(await held(missing)) == ["a"]


async def test_a_plan_for_a_missing_directory_is_made_against_nothing(bench: Bench):
    await put(bench.source, "a", b"1")
    missing = MemoryStore("target", "missing", clock=bench.clock, exists=False)
    nothing = MemoryStore("nothing", "", clock=bench.clock)
    result = await bench.sync(dry_run=True, target=missing, make_target=True, stand_in=nothing)
    assert result.counts.copied == 1
    with pytest.raises(BucketMissing):
        await missing.open()


async def test_what_the_pair_cannot_carry_is_told_first_and_once(bench: Bench):
    poor = replace(MEMORY_CAPABILITIES, tags=False, storage_classes=False)
    target = MemoryStore("poor", "b", clock=bench.clock, capabilities=poor)
    await bench.sync(target=target)
    assert bench.told == ["poor:b cannot hold what source:b has: tags, storage class"]


async def test_what_a_listing_left_out_is_counted_and_told(bench: Bench):
    class Left:
        total = 3
        reasons = MappingProxyType({"symbolic link": 3})

        def __iter__(self):
            return iter([("link-1", "symbolic link"), ("link-2", "symbolic link")])

    result = await bench.sync(left_out=Left())
    assert (result.counts.skipped, result.counts.considered) == (3, 3)
    assert bench.observer.keys(ActionKind.SKIP) == ["link-1", "link-2"]
    assert (await last_run(bench)).counts["skipped"] == 3


async def test_a_source_that_cannot_be_opened_touches_no_target(bench: Bench):
    class Closed(MemoryStore):
        async def open(self) -> None:
            raise AccessDenied("no", store=self.name)

    class Untouched(MemoryStore):
        async def open(self) -> None:
            raise AssertionError("the target was opened")

    with pytest.raises(AccessDenied):
        await bench.sync(
            source=Closed("source", "b", clock=bench.clock), target=Untouched("target", "b", clock=bench.clock)
        )


async def test_a_diff_changes_nothing_and_tells_all(bench: Bench):
    await put(bench.source, "new", b"1")
    await put(bench.target, "old", b"1")
    found: list[Difference] = []
    result = await diff(
        bench.work(policy=Policy(delete=DeleteMode.MIRROR)),
        state=bench.state,
        clock=bench.clock,
        tell=found.append,
        failed=lambda key, reason: pytest.fail(f"{key}: {reason}"),
    )
    assert not result.in_step
    assert [(difference.key, difference.status) for difference in found] == [("new", "missing"), ("old", "extra")]
    assert list(await held(bench.target)) == ["old"]


def test_a_policy_is_plain_values_on_record():
    policy = Policy(
        delete=DeleteMode.MIRROR,
        max_delete=MaxDelete(5, is_percent=True),
        filters=(FilterRule(True, "a"), FilterRule(False, "b")),
    )
    values = policy_as_json(policy)
    assert (values["delete"], values["max_delete"], values["filters"]) == ("mirror", "5%", ["include a", "exclude b"])
    assert all(isinstance(value, str | int | float | bool | list | dict | None) for value in values.values())


async def test_a_comparison_by_size_and_a_required_proof_exclude_each_other(bench: Bench) -> None:
    with pytest.raises(UsageError, match="proves nothing"):
        await bench.sync(policy=Policy(compare=CompareMode.SIZE, require_proof=True))
