"""Use case: a change feed runs until it is asked to stop, and its troubles and counts are told in lines."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from brigade.changes.base import FeedCounts, Intake
from brigade.clock import Clock
from brigade.control.following import Tell, until
from brigade.engine.groups import first_error

QUIET_SECONDS = 60.0
"""Trouble that comes again after so long has begun anew."""

_LOOK_SECONDS = 1.0


async def hear(
    feed: Coroutine[Any, Any, None], intakes: Mapping[str, Intake], *, clock: Clock, tell: Tell, stop: asyncio.Event
) -> None:
    """Run a feed until `stop`. Its intakes have the names that their troubles are told by; they may change meanwhile."""
    with first_error():
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(_tell_troubles(intakes, tell, clock))
            await until(stop, feed)
            telling.cancel()


def counted(counts: FeedCounts) -> str:
    """What became of the changes, in words."""
    words = f"{counts.received} changes received, {counts.marked} marked, {counts.ignored} ignored"
    if counts.failed:
        words += f", {counts.failed} failed"
    if counts.rescans:
        words += f", {counts.rescans} rescans"
    if counts.refused:
        words += f"; {counts.refused} requests turned away"
    return words


@dataclass(slots=True)
class Trouble:
    """What was told of one intake's troubles."""

    seen: int = 0
    words: str = ""
    latest_seconds: float = float("-inf")

    def news(self, counts: FeedCounts, now_seconds: float) -> str:
        """The trouble, if it has begun since the last look: other words, or the same after a quiet time."""
        if counts.troubles == self.seen:
            return ""
        begun = counts.last_error != self.words or now_seconds - self.latest_seconds >= QUIET_SECONDS
        self.seen, self.words, self.latest_seconds = counts.troubles, counts.last_error, now_seconds
        return self.words if begun else ""


async def _tell_troubles(intakes: Mapping[str, Intake], tell: Tell, clock: Clock) -> None:
    troubles: dict[str, Trouble] = {}
    while True:
        for name, intake in list(intakes.items()):
            if words := troubles.setdefault(name, Trouble()).news(intake.counts, clock.monotonic_seconds()):
                tell(name, words)
        await clock.sleep(_LOOK_SECONDS)
