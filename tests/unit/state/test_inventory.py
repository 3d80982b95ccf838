"""The inventory keeps what it is given, in byte order, and its generations keep their law."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from brigade.errors import StateError
from brigade.objects import Proof
from brigade.state.rows import InventoryRow
from brigade.state.schema import TAGGED, inventory
from brigade.state.state import State
from brigade.testing.clock import ManualClock

ODD_KEYS = [
    "a//b", "/lead", "trail/", "sp ace", "plus+", "per%cent", "\u00fc", "u\u0308", "😀", "tab\t", "q?&=#", "k" * 1024,
    "a", "a-b", "a.b", "a/b", "a0", "nul\0nul", "\udcff\udc80", "new\nline", "'; DROP TABLE runs", "\\x00", "%(keys)s",
]  # fmt: skip


def row(key: str, generation: int = 0, print_: str = "e:1:2") -> InventoryRow:
    return InventoryRow(key, print_, f"{print_}:t", Proof.ETAG, written=True, tagged=False, generation=generation)


def without_generation(rows: list[InventoryRow]) -> list[InventoryRow]:
    return [row._replace(generation=0) for row in rows]


@pytest.fixture
async def replication(state: State) -> int:
    return await state.replications.ensure("photos", "a → b")


async def test_every_key_comes_back_as_it_went_in(state: State, replication: int) -> None:
    rows = [row(key) for key in ODD_KEYS]
    await state.inventory.put(replication, rows)
    found = await state.inventory.get_many(replication, ODD_KEYS)
    assert without_generation([found[key] for key in ODD_KEYS]) == rows


async def test_rows_come_in_byte_order_page_by_page(state: State, replication: int) -> None:
    await state.inventory.put(replication, [row(key) for key in ODD_KEYS])
    seen: list[str] = []
    while page := await state.inventory.rows(replication, start_after=seen[-1] if seen else "", limit=5):
        assert len(page) <= 5
        seen += [row.key for row in page]
    assert seen == sorted(ODD_KEYS, key=lambda key: key.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("proof", list(Proof))
@pytest.mark.parametrize("flags", [(False, False), (True, False), (False, True), (True, True)])
async def test_proof_and_flags_survive(state: State, replication: int, proof: Proof, flags: tuple[bool, bool]) -> None:
    kept = InventoryRow("k", '"quoted" \\ ü', "", proof, *flags, generation=0)
    await state.inventory.put(replication, [kept])
    assert without_generation(await state.inventory.rows(replication)) == [kept]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 255, 256, 257, 341, 513, 1300])
async def test_batches_of_any_size_are_whole(state: State, replication: int, count: int) -> None:
    keys = [f"k{number:05d}" for number in range(count)]
    await state.inventory.put(replication, [row(key, print_=key) for key in keys])
    found = await state.inventory.get_many(replication, keys)
    assert {key: known.source_print for key, known in found.items()} == {key: key for key in keys}
    assert await state.inventory.count(replication) == count
    lost = await state.inventory.put_if(replication, [known._replace(source_print="new") for known in found.values()])
    assert lost == set()
    assert {known.source_print for known in await state.inventory.rows(replication, limit=2000)} <= {"new"}
    await state.inventory.remove(replication, keys)
    assert await state.inventory.is_empty(replication)


async def test_replications_do_not_see_each_other(state: State, replication: int) -> None:
    other = await state.replications.ensure("other", "a → c")
    await state.inventory.put(replication, [row("k")])
    assert await state.inventory.get_many(other, ["k"]) == {}
    assert await state.inventory.is_empty(other)
    await state.inventory.remove(other, ["k"])
    assert not await state.inventory.is_empty(replication)


async def test_whether_any_object_with_tags_is_known_follows_the_rows(state: State, replication: int) -> None:
    other = await state.replications.ensure("other", "a → c")
    await state.inventory.put(replication, [row(f"k{number}") for number in range(300)])
    assert not await state.inventory.any_tagged(replication)
    await state.inventory.put(replication, [row("k7")._replace(tagged=True)])
    assert await state.inventory.any_tagged(replication)
    assert not await state.inventory.any_tagged(other)
    await state.inventory.put(replication, [row("k7")])
    assert not await state.inventory.any_tagged(replication)


async def test_asking_for_tags_uses_the_index(tmp_path: Path) -> None:
    state = await State.open(f"sqlite:///{tmp_path}/brigade.db", clock=ManualClock(auto=False))
    query = select(inventory.c.flags).where(inventory.c.replication_id == 1, TAGGED).limit(1)
    plan = await state._database.read.run(
        lambda connection: connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {query.compile(connection, compile_kwargs={'literal_binds': True})}"
        ).all()
    )
    assert "INDEX inventory_tagged" in str(plan)
    await state.close()


async def test_put_if_of_an_absent_key_needs_generation_zero(state: State, replication: int) -> None:
    assert await state.inventory.put_if(replication, [row("a"), row("b", generation=7)]) == {"b"}
    assert list(await state.inventory.get_many(replication, ["a", "b"])) == ["a"]


async def test_put_if_loses_against_a_newer_row_and_leaves_it(state: State, replication: int) -> None:
    await state.inventory.put(replication, [row("a"), row("b")])
    seen = await state.inventory.get_many(replication, ["a", "b"])
    await state.inventory.put(replication, [row("a", print_="newer")])
    lost = await state.inventory.put_if(replication, [known._replace(source_print="late") for known in seen.values()])
    assert lost == {"a"}
    after = await state.inventory.get_many(replication, ["a", "b"])
    assert {key: known.source_print for key, known in after.items()} == {"a": "newer", "b": "late"}


async def test_put_if_loses_when_the_row_was_removed_and_came_back(state: State, replication: int) -> None:
    await state.inventory.put(replication, [row("a")])
    seen = (await state.inventory.get_many(replication, ["a"]))["a"]
    await state.inventory.remove(replication, ["a"])
    assert await state.inventory.put_if(replication, [seen]) == {"a"}
    await state.inventory.put(replication, [row("a")])
    assert await state.inventory.put_if(replication, [seen]) == {"a"}


async def test_a_clock_that_went_back_does_not_lower_a_generation(state: State, replication: int, url: str) -> None:
    await state.inventory.put(replication, [row("a")])
    before = (await state.inventory.get_many(replication, ["a"]))["a"].generation
    slow = ManualClock(auto=False)
    slow.advance(-3600)
    other = await State.open(url, clock=slow)
    await other.inventory.put(replication, [row("a")])
    assert (await state.inventory.get_many(replication, ["a"]))["a"].generation > before
    await other.close()


async def test_put_if_waits_for_a_writer_that_has_not_committed_and_then_loses(postgres_schema_url: str) -> None:
    """PostgreSQL only: SQLite has one writer at a time."""
    state = await State.open(postgres_schema_url, clock=ManualClock(auto=False))
    replication = await state.replications.ensure("photos", "a → b")
    await state.inventory.put(replication, [row("a")])
    seen = (await state.inventory.get_many(replication, ["a"]))["a"]
    with psycopg.connect(postgres_schema_url) as other:
        other.execute("UPDATE inventory SET generation = generation + 1, source_print = 'newer'")
        task = asyncio.ensure_future(state.inventory.put_if(replication, [seen]))
        await asyncio.sleep(0.2)
        assert not task.done()
    assert await task == {"a"}
    assert (await state.inventory.get_many(replication, ["a"]))["a"].source_print == "newer"
    await state.close()


async def test_of_two_that_read_the_same_row_one_wins(state: State, replication: int) -> None:
    await state.inventory.put(replication, [row("a")])
    seen = (await state.inventory.get_many(replication, ["a"]))["a"]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(state.inventory.put_if(replication, [seen])) for _ in range(20)]
    assert sorted(len(task.result()) for task in tasks) == [0] + [1] * 19


async def test_a_key_twice_in_a_batch_counts_as_its_last(state: State, replication: int) -> None:
    await state.inventory.put(replication, [row("a", print_="first"), row("a", print_="last")])
    assert [known.source_print for known in await state.inventory.rows(replication)] == ["last"]


async def test_half_a_surrogate_pair_is_refused_with_words(state: State, replication: int) -> None:
    with pytest.raises(StateError, match="surrogate"):
        await state.inventory.put(replication, [row("bad\ud83d")])
    with pytest.raises(StateError, match="not valid Unicode"):
        await state.inventory.put(replication, [row("k", print_="bad\ud83d")])


_keys = st.sampled_from(["a", "b", "c"])
_steps = st.lists(
    st.tuples(st.sampled_from(["put", "put_if", "put_if_stale", "remove"]), st.lists(_keys, min_size=1, max_size=3)),
    max_size=15,
)


@given(steps=_steps)
async def test_generations_only_rise_and_conditions_hold(state: State, steps: list[tuple[str, list[str]]]) -> None:
    replication = await state.replications.ensure("law", f"law {_fresh()}")
    stored: dict[str, int] = {}
    highest: dict[str, int] = {}
    for step, keys in steps:
        now = {key: stored.get(key, 0) for key in keys}
        losers: set[str] = set()
        if step == "put":
            await state.inventory.put(replication, [row(key) for key in keys])
        elif step == "remove":
            await state.inventory.remove(replication, keys)
        else:
            behind = 1 if step == "put_if_stale" else 0
            losers = await state.inventory.put_if(replication, [row(key, now[key] + behind) for key in keys])
            assert losers == (set(keys) if behind else set())
        after = {key: known.generation for key, known in (await state.inventory.get_many(replication, "abc")).items()}
        for key in "abc":
            if key not in keys or key in losers:
                assert after.get(key, 0) == stored.get(key, 0)
            elif step == "remove":
                assert key not in after
            else:
                assert after[key] > highest.get(key, 0)
        stored = after
        highest |= after


def _fresh() -> int:
    _fresh_numbers.append(0)
    return len(_fresh_numbers)


_fresh_numbers: list[int] = []
