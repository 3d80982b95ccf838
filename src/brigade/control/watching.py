"""Watching a run: several observers as one, and the failures that a person is shown."""

from __future__ import annotations

from collections.abc import Sequence

from brigade.engine.report import Observer, Outcome

SHOWN_FAILURES = 20


class Fanout:
    """Tells each observer in turn."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def outcome(self, outcome: Outcome) -> None:
        for observer in self._observers:
            observer.outcome(outcome)

    def planned(self, objects: int, size_bytes: int) -> None:
        for observer in self._observers:
            observer.planned(objects, size_bytes)

    def moved(self, size_bytes: int) -> None:
        for observer in self._observers:
            observer.moved(size_bytes)


class Failures:
    """Keeps the first failures with their reasons, and counts the rest."""

    def __init__(self) -> None:
        self.first: list[Outcome] = []
        self.more = 0

    def outcome(self, outcome: Outcome) -> None:
        if outcome.error is None:
            return
        if len(self.first) < SHOWN_FAILURES:
            self.first.append(outcome)
        else:
            self.more += 1

    def planned(self, objects: int, size_bytes: int) -> None:
        """Of no interest here."""

    def moved(self, size_bytes: int) -> None:
        """Of no interest here."""
