"""Ends holds, many at a time: the store has the changes already, so nobody waits for that."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from typing import Any

from brigade.engine.groups import first_error
from brigade.errors import StateError

GATHER_SECONDS = 0.005
"""So long an end waits for others, to share a commit with them."""

Settle = Callable[[int, Collection[str]], Coroutine[Any, Any, None]]
Keys = Mapping[int, Sequence[str]]

log = logging.getLogger("brigade.gateway")


class Settlements:
    """The holds that are over and whose end is not yet written. What cannot be written is told: those holds run out."""

    def __init__(self, settle: Settle) -> None:
        self._settle = settle
        self._ended: list[tuple[Keys, int]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writing: set[asyncio.Task[None]] = set()

    def add(self, keys: Keys, holds: int) -> None:
        """So many holds on each of the keys, by replication, are over."""
        self._ended.append((keys, holds))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self.write)

    def write(self) -> None:
        """Begin to write now. What is marked right after this shares the commit."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ended:
            ended, self._ended = self._ended, []
            task = asyncio.get_running_loop().create_task(self._write(ended))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def close(self) -> None:
        """Write all."""
        self.write()
        if self._writing:
            await asyncio.wait(self._writing)

    async def _write(self, ended: Sequence[tuple[Keys, int]]) -> None:
        try:
            await together([self._settle(*each) for each in _calls(ended)])
        except StateError as error:
            log.warning("%d changes could not be settled, they follow when their holds end: %s", len(ended), error)


async def together(marks: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Marks of several replications share a commit if none waits for another."""
    if len(marks) == 1:
        await marks[0]
        return
    with first_error():
        async with asyncio.TaskGroup() as group:
            for mark in marks:
                group.create_task(mark)


def _calls(ended: Sequence[tuple[Keys, int]]) -> Iterator[tuple[int, list[str]]]:
    """A key stands once in a call: a renewed hold, or another writer's, does not take the place of the first."""
    found: dict[int, Counter[str]] = {}
    for keys, holds in ended:
        for replication_id, named in keys.items():
            counts = found.setdefault(replication_id, Counter())
            for key in named:
                counts[key] += holds
    for replication_id, counts in found.items():
        for done in range(max(counts.values())):
            yield replication_id, [key for key, count in counts.items() if count > done]
