"""What a process of `brigade run` consists of: parts that run side by side, and are exchanged while it goes on."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from brigade.errors import BrigadeError


class Unit(ABC):
    """One part. `key` says what it is; a part with another `spec` under the same key takes its place."""

    def __init__(self, key: str, spec: object) -> None:
        self.key = key
        self.spec = spec

    @abstractmethod
    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`, then end in good order. Cancelled, end at once and lose nothing."""

    async def refresh(self, newer: Unit) -> None:  # noqa: B027  (most have nothing to take over)
        """Take over what is new about a unit with this key and this spec, while running."""


@dataclass(slots=True)
class _Running:
    unit: Unit
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Units:
    """Runs units in a task group, and makes what runs be what is wanted.

    The failure of a unit that was wanted from the start fails the group; one that came later is only told to
    `trouble`, by its key, for the others were well without it.
    """

    def __init__(self, group: asyncio.TaskGroup, trouble: Callable[[str, BrigadeError], None]) -> None:
        self._group = group
        self._trouble = trouble
        self._running: dict[str, _Running] = {}
        self._is_first = True
        self._stopping = False

    @property
    def keys(self) -> set[str]:
        """What runs, or has run to its end, and is still wanted."""
        return set(self._running)

    async def apply(self, wanted: Iterable[Unit]) -> None:
        """End what is wanted no more or differently, then begin what is new. What has not changed is not touched."""
        units = {unit.key: unit for unit in wanted}
        leaving = [each for key, each in self._running.items() if key not in units or units[key].spec != each.unit.spec]
        for each in leaving:
            each.stop.set()
            del self._running[each.unit.key]
        for each in leaving:
            await each.ended.wait()
        if self._stopping:
            return
        for key, unit in units.items():
            if (known := self._running.get(key)) is not None:
                await known.unit.refresh(unit)
            else:
                self._running[key] = running = _Running(unit)
                self._group.create_task(self._run(running, is_first=self._is_first), name=key)
        self._is_first = False

    def stop(self) -> None:
        """Ask all of them to end; the group ends when they have."""
        self._stopping = True
        for each in self._running.values():
            each.stop.set()

    async def _run(self, running: _Running, *, is_first: bool) -> None:
        try:
            await running.unit.run(running.stop)
        except BrigadeError as error:
            if is_first:
                raise
            self._trouble(running.unit.key, error)
            self._forget(running)
        finally:
            running.ended.set()

    def _forget(self, running: _Running) -> None:
        """What failed is begun anew when it is wanted again."""
        if self._running.get(running.unit.key) is running:
            del self._running[running.unit.key]
