"""What the listings of a directory left out, and why: kept for the report, bounded."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

REMEMBERED = 1000


class SkippedFiles:
    """The first thousand keys with their reasons, and how often each reason was met.

    Iterating gives `(key, reason)`. A key that is met again, by another listing, counts once while it is remembered.
    """

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self._lock = threading.Lock()

    def add(self, key: str, reason: str) -> None:
        """Count one key that was left out."""
        with self._lock:
            if key in self._first:
                return
            self.reasons[reason] += 1
            if len(self._first) < REMEMBERED:
                self._first[key] = reason

    @property
    def total(self) -> int:
        """How many were left out."""
        return self.reasons.total()

    def __len__(self) -> int:
        return len(self._first)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(list(self._first.items()))
