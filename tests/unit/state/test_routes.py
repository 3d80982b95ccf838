"""Routes and blocks that are set at run time, and where uploads of clients began."""

from __future__ import annotations

import asyncio

from brigade.state.rows import BlockRow, RouteRow, Routing
from brigade.state.state import State
from brigade.testing.clock import ManualClock

DAY_SECONDS = 86_400


async def test_at_first_there_is_nothing(state: State) -> None:
    assert await state.routes.read() == Routing(0)
    assert await state.routes.revision() == 0


async def test_what_is_set_is_read_and_what_is_set_again_takes_its_place(state: State, clock: ManualClock) -> None:
    await state.routes.set(None, "photos", "one")
    await state.routes.set("ann", "photos", "two")
    await state.routes.set("ann", None, "three")
    clock.advance(1)
    await state.routes.set(None, "photos", "four")
    await state.routes.block(None, "photos", writes_only=True)
    await state.routes.block("ann", None, writes_only=True)
    await state.routes.block("ann", None, writes_only=False, note="moves on Friday")
    now_ns, before_ns = clock.now_ns(), clock.now_ns() - 1_000_000_000
    assert await state.routes.read() == Routing(
        7,
        (
            RouteRow("ann", None, "three", before_ns),
            RouteRow(None, "photos", "four", now_ns),
            RouteRow("ann", "photos", "two", before_ns),
        ),
        (BlockRow("ann", None, False, "moves on Friday", now_ns), BlockRow(None, "photos", True, "", now_ns)),
    )


async def test_what_is_removed_is_gone_and_nothing_else(state: State) -> None:
    await state.routes.set(None, "photos", "one")
    await state.routes.set("ann", "photos", "two")
    await state.routes.block(None, "photos", writes_only=True)
    assert not await state.routes.delete("ann", None)
    assert not await state.routes.unblock(None, "files")
    before = await state.routes.revision()
    assert await state.routes.delete(None, "photos")
    assert await state.routes.unblock(None, "photos")
    found = await state.routes.read()
    assert ([row.store for row in found.routes], found.blocks) == (["two"], ())
    assert found.revision > before


async def test_each_change_raises_the_revision_for_every_process(url: str, state: State) -> None:
    other = await State.open(url, clock=ManualClock(auto=False))
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task((state, other)[number % 2].routes.set(None, f"b{number % 3}", f"s{number}"))
    assert await state.routes.revision() == await other.routes.revision() == 20
    assert len((await state.routes.read()).routes) == 3
    await other.close()


async def test_where_an_upload_began_is_known_until_its_time_is_over(state: State, clock: ManualClock) -> None:
    uploads = state.gateway_uploads
    await uploads.began("photos", "u1", "one", keep_seconds=14 * DAY_SECONDS)
    await uploads.began("photos", "u2", "two", keep_seconds=14 * DAY_SECONDS)
    assert await uploads.store_of("photos", "u1") == "one"
    assert await uploads.store_of("files", "u1") is None
    await uploads.ended("photos", "u1", keep_seconds=3600)
    assert await uploads.store_of("photos", "u1") == "one"
    clock.advance(3600)
    assert await uploads.forget_old() == 1
    assert await uploads.store_of("photos", "u1") is None
    # One that ends late is kept no longer for that.
    clock.advance(14 * DAY_SECONDS - 3600 - 10)
    await uploads.ended("photos", "u2", keep_seconds=3600)
    assert await uploads.forget_old() == 0
    clock.advance(10)
    assert await uploads.forget_old() == 1


async def test_an_id_that_is_given_twice_is_of_the_newer_upload(state: State) -> None:
    for store in ("one", "two"):
        await state.gateway_uploads.began("photos", "u", store, keep_seconds=60)
    assert await state.gateway_uploads.store_of("photos", "u") == "two"
