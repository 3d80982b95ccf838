"""An upload is on record before it exists at the store, and until it is settled."""

from __future__ import annotations

import pytest

from brigade.errors import StateError
from brigade.state.rows import UploadRow
from brigade.state.state import State
from brigade.testing.clock import ManualClock

PLAN = [8, 8, 8, 3]


@pytest.fixture
async def replication(state: State) -> int:
    return await state.replications.ensure("photos", "a → b")


async def test_an_upload_is_followed_from_intention_to_its_end(
    state: State, replication: int, clock: ManualClock
) -> None:
    await state.uploads.intend(replication, "k", "print", PLAN)
    intended = UploadRow("k", None, "print", (8, 8, 8, 3), clock.now_ns())
    assert await state.uploads.get(replication, "k") == intended
    await state.uploads.began(replication, "k", "id-1")
    assert await state.uploads.all(replication) == [intended._replace(upload_id="id-1")]
    await state.uploads.forget(replication, "k")
    assert await state.uploads.get(replication, "k") is None
    await state.uploads.forget(replication, "k")


async def test_a_begun_upload_cannot_be_overwritten_by_a_new_intention(state: State, replication: int) -> None:
    await state.uploads.intend(replication, "k", "print", PLAN)
    await state.uploads.began(replication, "k", "id-1")
    with pytest.raises(StateError, match="on record already"):
        await state.uploads.intend(replication, "k", "other", PLAN)
    kept = await state.uploads.get(replication, "k")
    assert kept is not None
    assert kept.upload_id == "id-1"


async def test_an_intention_that_came_to_nothing_is_replaced(state: State, replication: int) -> None:
    await state.uploads.intend(replication, "k", "old", PLAN)
    await state.uploads.intend(replication, "k", "new", [5])
    kept = await state.uploads.get(replication, "k")
    assert kept is not None
    assert (kept.source_print, kept.part_sizes_bytes) == ("new", (5,))


async def test_what_was_never_intended_cannot_begin(state: State, replication: int) -> None:
    with pytest.raises(StateError, match="never intended"):
        await state.uploads.began(replication, "k", "id-1")


async def test_all_are_in_byte_order_and_of_this_replication(state: State, replication: int) -> None:
    other = await state.replications.ensure("other", "a → c")
    for key in ("a/b", "a-b", "ü", "z", "\udcff"):
        await state.uploads.intend(replication, key, "p", PLAN)
        await state.uploads.intend(other, "o", "p", PLAN)
    assert [row.key for row in await state.uploads.all(replication)] == ["a-b", "a/b", "z", "ü", "\udcff"]


async def test_a_plan_of_ten_thousand_parts_is_kept_exactly(state: State, replication: int) -> None:
    plan = [16 * 1024**2] * 9_999 + [1]
    await state.uploads.intend(replication, "k", "p", plan)
    kept = await state.uploads.get(replication, "k")
    assert kept is not None
    assert list(kept.part_sizes_bytes) == plan


async def test_a_replication_keeps_its_number_when_it_is_renamed(state: State, replication: int) -> None:
    assert await state.replications.ensure("renamed", "a → b") == replication
    assert await state.replications.ensure("renamed", "b → a") != replication


async def test_who_names_only_places_takes_no_name_away(state: State) -> None:
    async def name() -> str:
        (row,) = await state.replications.all()
        return row.name

    for asked, kept in (("old → new", "old → new"), ("photos", "photos"), ("old → new", "photos"), ("more", "more")):
        await state.replications.ensure(asked, "a → b")
        assert await name() == kept
