"""What is remembered: by generation, in batches, and never by a dry run."""

from __future__ import annotations

from brigade.decide.actions import Known
from brigade.objects import Proof
from brigade.state.rows import InventoryRow


def row(key="k", print_="s", generation=0, *, tagged=False):
    return InventoryRow(key, print_, "t", Proof.ETAG, True, tagged, generation)


async def loaded(bench, **options):
    ledger = bench.ledger(**options)
    await ledger.load()
    return ledger


async def test_what_was_flushed_is_known_to_the_next_run(bench):
    ledger = await loaded(bench)
    await ledger.remember(row())
    await ledger.flush()
    known = (await (await loaded(bench)).known(["k", "other"]))["k"]
    assert known == Known("s", "t", Proof.ETAG, True, False, known.generation)
    assert known.generation > 0


async def test_a_row_that_has_moved_on_is_not_overwritten(bench):
    first = await loaded(bench)
    await first.remember(row())
    await first.flush()
    slow, quick = await loaded(bench), await loaded(bench)
    old = (await slow.known(["k"]))["k"].generation
    await quick.remember(row(print_="newer", generation=old))
    await quick.flush()
    await slow.remember(row(print_="stale", generation=old))
    await slow.flush()
    assert (await (await loaded(bench)).known(["k"]))["k"].source_print == "newer"


async def test_a_removed_row_does_not_come_back_by_a_slow_writer(bench):
    first = await loaded(bench)
    await first.remember(row())
    await first.flush()
    slow, quick = await loaded(bench), await loaded(bench)
    old = (await slow.known(["k"]))["k"].generation
    await quick.forget(["k"])
    await slow.remember(row(print_="stale", generation=old))
    await slow.flush()
    assert await (await loaded(bench)).known(["k"]) == {}


async def test_rows_are_written_in_batches(bench):
    ledger = await loaded(bench)
    before = bench.state.commits
    for number in range(1000):
        await ledger.remember(row(f"{number}"))
    await ledger.flush()
    assert bench.state.commits - before <= 5
    assert await bench.state.inventory.count(bench.replication_id) == 1000


async def test_a_dry_run_remembers_and_forgets_nothing(bench):
    ledger = await loaded(bench)
    await ledger.remember(row())
    await ledger.flush()
    dry = await loaded(bench, read_only=True)
    await dry.remember(row("other"))
    await dry.forget(["k"])
    await dry.flush()
    assert await bench.state.inventory.count(bench.replication_id) == 1


async def test_an_empty_inventory_is_asked_once_and_not_for_keys(bench):
    ledger = await loaded(bench)
    assert not ledger.has_rows
    assert await ledger.known(["k"]) == {}
    await ledger.remember(row(tagged=True))
    await ledger.flush()
    assert (await loaded(bench)).has_tagged
