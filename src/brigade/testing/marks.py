"""A backlog that only remembers what it was told, for tests of change feeds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from brigade.errors import StateError


class RememberedMarks:
    """What was marked and rescanned, by replication; `broken` makes it refuse, `gate` makes it wait."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, list[str]]] = []
        self.rescanned: list[tuple[int, str]] = []
        self.broken = False
        self.gate: asyncio.Event | None = None

    async def mark(self, replication_id: int, keys: Sequence[str]) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.broken:
            raise StateError("the database is gone")
        self.calls.append((replication_id, list(keys)))

    async def rescan(self, replication_id: int, prefix: str) -> None:
        if self.broken:
            raise StateError("the database is gone")
        self.rescanned.append((replication_id, prefix))

    def marked(self, replication_id: int = 1) -> list[str]:
        return [key for one, keys in self.calls if one == replication_id for key in keys]


async def until(met: Callable[[], object], seconds: float = 80.0) -> None:
    """Wait until something holds that happens in another thread, or in another process."""
    async with asyncio.timeout(seconds):
        while not met():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
