"""Files that may still be written: each rests for a while before it is marked, and none waits for another. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Stat(NamedTuple):
    """What must not move while a file rests."""

    size_bytes: int
    modified_ns: int


class _Resting(NamedTuple):
    stat: Stat
    due_seconds: float


class Settling:
    """Keys with what they looked like, in the order in which they will have rested long enough."""

    def __init__(self, settle_seconds: float) -> None:
        self._settle_seconds = settle_seconds
        self._resting: dict[str, _Resting] = {}

    def __len__(self) -> int:
        return len(self._resting)

    def __iter__(self) -> Iterator[str]:
        return iter(self._resting)

    def see(self, key: str, stat: Stat, now_seconds: float) -> None:
        """A file was seen: its rest begins, or begins anew if it looks different."""
        known = self._resting.get(key)
        if known is None or known.stat != stat:
            # Taken out and put in again, it stands last, where the latest due time belongs.
            self._resting.pop(key, None)
            self._resting[key] = _Resting(stat, now_seconds + self._settle_seconds)

    def forget(self, key: str) -> None:
        """The file is gone."""
        self._resting.pop(key, None)

    def clear(self) -> None:
        """Forget all."""
        self._resting.clear()

    def due(self, now_seconds: float) -> dict[str, Stat]:
        """Take out those whose time has passed. Whoever takes them looks whether they still look the same."""
        found: dict[str, Stat] = {}
        for key, resting in self._resting.items():
            if resting.due_seconds > now_seconds:
                break
            found[key] = resting.stat
        for key in found:
            del self._resting[key]
        return found
