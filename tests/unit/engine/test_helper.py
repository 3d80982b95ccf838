"""What a helper process hands back for what it was ordered to do."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from brigade.decide.actions import Action, ActionKind
from brigade.decide.merge import Pair
from brigade.engine.frames import Order, encode, read_frame
from brigade.engine.helper import MovedBytes, RelayLedger, Service
from brigade.engine.settle import Task
from brigade.stores.memory import MEMORY_CAPABILITIES, MemoryStore
from brigade.testing.clock import ManualClock
from brigade.testing.workbench import contents, held, put

YEAR_SECONDS = 365 * 86400


async def carried_out(bench, key, *, followed):
    """The answer of a helper that was ordered to copy a key."""
    ledger = RelayLedger(bench.state, bench.replication_id, followed=followed)
    await ledger.load()
    job, _, _ = bench.job(ledger=ledger)
    orders, answers = asyncio.StreamReader(), asyncio.StreamReader()
    task = Task(Pair(key, await bench.source.head(key), None), Action(ActionKind.COPY, "missing"), None)
    async with asyncio.TaskGroup() as group:
        group.create_task(Service(job, ledger, MovedBytes(), answers.feed_data).serve(orders))
        orders.feed_data(encode([Order(7, task)]))
        report = await read_frame(answers)
        orders.feed_eof()
    (answer,) = report.answers
    return answer


@pytest.mark.parametrize("followed", [False, True])
async def test_where_others_work_on_the_same_keys_each_copy_comes_with_its_row(build, followed):
    etags = replace(MEMORY_CAPABILITIES, content_etags=True, modified_is_write_time=True)
    bench = await build(source=etags, target=etags)
    old = ManualClock()
    old.advance(-YEAR_SECONDS)
    bench.source = MemoryStore("source", "bucket", clock=old, capabilities=etags)
    await put(bench.source, "k", b"1")
    answer = await carried_out(bench, "k", followed=followed)
    assert (answer.number, answer.outcome.error) == (7, None)
    assert contents(await held(bench.target)) == {"k": b"1"}
    # An old object whose two ETags are equal needs no row, unless somebody else may copy it at the same time.
    assert (answer.row is not None) is followed
