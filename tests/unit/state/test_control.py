"""What operators set up, order and watch, on both engines."""

from __future__ import annotations

import pytest

from brigade.errors import Exists, Missing, Stale
from brigade.state.activity import KEPT_ROWS, KEPT_SECONDS
from brigade.state.control_rows import Ask, DocumentKind, Order, Sample, TokenRow
from brigade.state.owner import Owner
from brigade.state.rows import Handover, RunKind, RunState, Trouble
from brigade.state.state import State
from brigade.testing.clock import ManualClock

STORE, REPLICATION = DocumentKind.STORE, DocumentKind.REPLICATION


async def test_a_document_is_made_once_and_changed_only_by_who_has_seen_it(state: State) -> None:
    documents = state.control.documents
    assert await documents.revision() == 0
    made = await documents.create(STORE, "disk", {"type": "file", "root": "/a"}, "ann")
    assert (made.version, await documents.find(STORE, "disk")) == (1, made)
    with pytest.raises(Exists, match="disk"):
        await documents.create(STORE, "disk", {}, "bob")
    await documents.create(REPLICATION, "disk", {"source": "x"}, "bob")
    changed = await documents.change(STORE, "disk", {"type": "file", "root": "/b"}, "bob", version=1)
    assert (changed.version, changed.settings["root"], changed.set_by) == (2, "/b", "bob")
    with pytest.raises(Stale, match="meanwhile"):
        await documents.change(STORE, "disk", {}, "ann", version=1)
    with pytest.raises(Missing):
        await documents.change(STORE, "tape", {}, "ann", version=1)
    assert await documents.revision() == 3
    assert [(each.kind, each.name) for each in await documents.all()] == [(REPLICATION, "disk"), (STORE, "disk")]


async def test_a_document_is_deleted_only_in_the_version_that_was_seen(state: State) -> None:
    documents = state.control.documents
    await documents.create(STORE, "disk", {}, "ann")
    await documents.change(STORE, "disk", {"a": 1}, "ann", version=1)
    with pytest.raises(Stale):
        await documents.delete(STORE, "disk", version=1)
    await documents.delete(STORE, "disk", version=2)
    with pytest.raises(Missing):
        await documents.delete(STORE, "disk")
    assert await documents.all() == []


async def test_orders_are_kept_by_name_and_told_by_the_revision(state: State, clock: ManualClock) -> None:
    orders = state.control.orders
    assert await orders.of("photos") == Order()
    await orders.pause("photos", "the disk is full")
    asked_ns = await orders.ask("photos", Ask.RECONCILE)
    clock.advance(1)
    verify_ns = await orders.ask("photos", Ask.VERIFY)
    assert await orders.of("photos") == Order(True, "the disk is full", asked_ns, verify_ns)
    await orders.resume("photos")
    assert await orders.of("photos") == Order(False, "", asked_ns, verify_ns)
    assert await orders.revision() == 4
    for at_ns in (asked_ns, asked_ns - 1):
        await orders.answer("photos", Ask.RECONCILE, at_ns)
    assert await orders.of("photos") == Order(False, "", asked_ns, verify_ns, asked_ns)
    assert await orders.revision() == 4
    await orders.answer("photos", Ask.VERIFY, 1)
    await orders.answer("photos", Ask.VERIFY, verify_ns)
    assert await orders.of("photos") == Order(False, "", asked_ns, verify_ns, asked_ns, verify_ns)
    await orders.forget("photos")
    assert await orders.of("photos") == Order()


async def test_tokens_are_found_until_they_are_revoked(state: State, clock: ManualClock) -> None:
    tokens = state.control.tokens
    token = TokenRow("0a", "ci", "read", b"digest", clock.now_ns(), None, None)
    await tokens.add(token)
    assert await tokens.find("0a") == token
    assert await tokens.find("0b") is None
    await tokens.used("0a")
    assert await tokens.all() == [token._replace(used_ns=clock.now_ns())]
    assert await tokens.revoke("0a")
    assert not await tokens.revoke("0a")
    assert await tokens.all() == []


async def test_the_audit_is_read_page_by_page_from_the_newest(state: State) -> None:
    audit = state.control.audit
    for number in range(5):
        await audit.add("ann" if number % 2 else "bob", "pause", f"replication r{number % 2}", {"number": number})
    page = await audit.page(2)
    assert [entry.detail["number"] for entry in page] == [4, 3]
    assert [entry.detail["number"] for entry in await audit.page(2, before=page[-1].id)] == [2, 1]
    assert [entry.detail["number"] for entry in await audit.page(9, actor="ann")] == [3, 1]
    assert [entry.detail["number"] for entry in await audit.page(9, subject="replication r0")] == [4, 2, 0]


async def _run(state: State, replication_id: int) -> int:
    run = await state.runs.begin(replication_id, RunKind.SYNC, {}, Owner.current(), 60)
    await state.runs.finish(run, RunState.DONE, {})
    return run.id


async def test_the_report_of_a_run_comes_back_in_order_and_old_ones_go(state: State) -> None:
    outcomes = state.control.outcomes
    photos = await state.replications.ensure("photos", "a → b")
    files = await state.replications.ensure("files", "c → d")
    runs = [await _run(state, photos) for _ in range(3)]
    other = await _run(state, files)
    for number in range(40):
        await outcomes.add(runs[0], 10, b"%d" % number)
    for run_id in (*runs[1:], other):
        await outcomes.add(run_id, 1, b"x")
    assert [block async for block in outcomes.blocks(runs[0])] == [b"%d" % number for number in range(40)]
    assert await outcomes.count(runs[0]) == 400
    assert await outcomes.keep(photos, 2) == 40
    assert [await outcomes.count(run_id) for run_id in (*runs, other)] == [0, 1, 1, 1]
    assert [block async for block in outcomes.blocks(runs[0])] == []


async def test_the_latest_outcomes_are_kept_and_no_more(state: State) -> None:
    activity = state.control.activity
    await activity.add(1, [{"key": f"{number}"} for number in range(KEPT_ROWS)])
    await activity.add(2, [{"key": "other"}])
    before = await activity.latest(1, replication_id=1)
    await activity.add(1, [{"key": "new"}, {"key": "newer"}])
    rows = await activity.latest(KEPT_ROWS * 2, replication_id=1)
    assert [row.outcome["key"] for row in rows] == [*(f"{number}" for number in range(2, KEPT_ROWS)), "new", "newer"]
    assert [row.outcome["key"] for row in await activity.latest(9, after=before[0].id)] == ["other", "new", "newer"]
    await activity.add(1, [])


async def test_workers_add_their_sums_to_one_interval_and_old_ones_go(state: State, clock: ManualClock) -> None:
    activity = state.control.activity
    at = clock.now_ns() // 1_000_000_000
    await activity.sample(Sample(1, at, 5, 500, 1, 7, 3))
    await activity.sample(Sample(1, at, 2, 50, 0, 4, 2))
    await activity.sample(Sample(2, at, 1, 1, 1, 1, 1))
    assert await activity.samples(1, at) == [Sample(1, at, 7, 550, 1, 4, 2)]
    clock.advance(KEPT_SECONDS + 1)
    later = at + KEPT_SECONDS + 1
    await activity.sample(Sample(1, later, 1, 1, 0, 0, 0))
    assert await activity.samples(1, 0) == [Sample(1, later, 1, 1, 0, 0, 0)]


async def test_what_was_done_is_read_of_several_replications_together(state: State, clock: ManualClock) -> None:
    activity = state.control.activity
    at = clock.now_ns() // 10**9
    for number in (1, 2, 3):
        await activity.add(number, [{"key": str(number)}])
        await activity.sample(Sample(number, at, number, 10 * number, 1, number, number))
    assert [row.outcome["key"] for row in await activity.latest(9, among=[1, 3])] == ["1", "3"]
    assert await activity.latest(9, among=[]) == []
    assert await activity.samples_together([2, 3], at) == [Sample(2, at, 5, 50, 2, 5, 3)]
    assert await activity.samples_together([], at) == []


async def test_the_newest_runs_of_all_replications_come_by_the_page(state: State) -> None:
    numbers = [await state.replications.ensure(name, name) for name in ("a", "b", "c")]
    runs = [await state.runs.begin(number, RunKind.SYNC, {}, Owner.current(), 30) for number in numbers]
    newest = await state.runs.latest(2)
    assert [run.id for run in newest] == [runs[2].id, runs[1].id]
    assert [run.id for run in await state.runs.latest(9, before_id=newest[-1].id)] == [runs[0].id]


async def test_handed_over_keys_are_counted_for_the_newest_run_that_had_any(state: State, clock: ManualClock) -> None:
    handovers = state.control.handovers
    assert await handovers.all() == {}
    await handovers.add(1, 5, 2)
    clock.advance(1)
    await handovers.add(1, 5, 3)
    await handovers.add(2, 4, 1)
    assert await handovers.all() == {1: Handover(5, 5, clock.now_ns()), 2: Handover(4, 1, clock.now_ns())}
    await handovers.add(1, 6, 1)
    await handovers.add(1, 5, 9)
    assert (await handovers.all())[1] == Handover(6, 1, clock.now_ns())


async def test_a_trouble_is_noted_as_of_its_beginning_until_it_is_over(state: State, clock: ManualClock) -> None:
    troubles, began_ns = state.control.troubles, clock.now_ns()
    await troubles.note("photos", "the source is away")
    clock.advance(5)
    await troubles.note("photos", "the target is away")
    await troubles.note("files", "no")
    assert (await troubles.all())["photos"] == Trouble("the target is away", began_ns, clock.now_ns())
    await troubles.clear(["photos", "nothing"])
    await troubles.clear([])
    assert set(await troubles.all()) == {"files"}
