"""Where others work on the same keys, a ledger marks what it cannot vouch for."""

from __future__ import annotations

from brigade.engine.ledger import Ledger
from brigade.objects import Proof
from brigade.state.rows import InventoryRow


def row(print_, generation=0):
    return InventoryRow("k", print_, "t", Proof.ETAG, True, False, generation)


async def marked(bench):
    return [claim.key for claim in await bench.state.backlog.claim([bench.replication_id], "test", 10, 60)]


async def loaded(bench, **options):
    ledger = Ledger(bench.state, bench.replication_id, **options)
    await ledger.load()
    return ledger


async def test_a_row_that_somebody_else_wrote_meanwhile_is_doubted_and_its_key_marked(bench):
    slow, quick = await loaded(bench, followed=True), await loaded(bench, followed=True)
    await quick.remember(row("newer"))
    await quick.flush()
    await slow.remember(row("stale"))
    await slow.flush()
    known = (await slow.known(["k"]))["k"]
    assert known.source_print == known.target_print == ""
    assert known.written
    assert await marked(bench) == ["k"]


async def test_what_is_deleted_is_marked_unless_its_claim_is_held(bench):
    ledger = await loaded(bench, followed=True)
    await ledger.forget(["k"], look_again=False)
    assert await marked(bench) == []
    await ledger.forget(["k"])
    assert await marked(bench) == ["k"]


async def test_where_nobody_follows_nothing_is_marked(bench):
    first, second = await loaded(bench), await loaded(bench)
    for ledger in (first, second):
        await ledger.remember(row("any"))
        await ledger.flush()
    await first.forget(["k"])
    assert await marked(bench) == []
