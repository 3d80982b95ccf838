from __future__ import annotations

import pytest

from brigade.engine.attempts import Attempts
from brigade.errors import NotFound, Truncated, Unavailable
from brigade.testing.clock import ManualClock


async def test_what_may_pass_is_tried_again_after_growing_pauses():
    clock = ManualClock()
    attempts = Attempts(clock, 4)
    pauses = []
    for _ in range(3):
        before = clock.monotonic_seconds()
        await attempts.failed(Truncated("cut"))
        pauses.append(clock.monotonic_seconds() - before)
    assert 0 < pauses[0] < pauses[1] < pauses[2]
    with pytest.raises(Truncated):
        await attempts.failed(Truncated("cut"))


async def test_what_cannot_pass_is_raised_at_once():
    with pytest.raises(NotFound):
        await Attempts(ManualClock(), 4).failed(NotFound("gone"))


async def test_what_a_layer_below_has_tried_often_enough_is_not_tried_again():
    error = Unavailable("500")
    error.exhausted = True
    with pytest.raises(Unavailable):
        await Attempts(ManualClock(), 4).failed(error)
