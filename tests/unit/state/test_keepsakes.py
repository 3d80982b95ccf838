"""Values that are made once: whoever comes later gets what is there."""

from __future__ import annotations

import asyncio

from brigade.state.state import State
from brigade.testing.clock import ManualClock


async def test_of_many_who_are_first_one_is_and_all_get_its_value(state: State, url: str, clock: ManualClock) -> None:
    other = await State.open(url, clock=clock)
    asking = [
        each.control.keepsakes.get_or_keep("x", f"{number}".encode()) for number in range(10) for each in (state, other)
    ]
    values = set(await asyncio.gather(*asking))
    assert len(values) == 1
    await other.close()
    assert {await state.control.keepsakes.get_or_keep("x", b"later")} == values
    assert await state.control.keepsakes.get_or_keep("y", b"another") == b"another"


async def test_what_was_kept_outlives_the_process(url: str, clock: ManualClock) -> None:
    for made in (b"first", b"second"):
        state = await State.open(url, clock=clock)
        assert await state.control.keepsakes.get_or_keep("x", made) == b"first"
        await state.close()
