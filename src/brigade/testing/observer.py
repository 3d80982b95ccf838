"""An observer of runs that keeps what it was told."""

from __future__ import annotations

from brigade.engine.report import ActionKind, Outcome


class RecordingObserver:
    """Implements `brigade.engine.report.Observer`."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.planned_objects = 0
        self.planned_bytes = 0
        self.moved_bytes = 0

    def outcome(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def planned(self, objects: int, size_bytes: int) -> None:
        self.planned_objects += objects
        self.planned_bytes += size_bytes

    def moved(self, size_bytes: int) -> None:
        self.moved_bytes += size_bytes

    def by_key(self) -> dict[str, Outcome]:
        """The last outcome of each key."""
        return {outcome.key: outcome for outcome in self.outcomes}

    def keys(self, action: ActionKind) -> list[str]:
        """The keys for which this was done without an error, in byte order."""
        done = (outcome for outcome in self.outcomes if outcome.action is action and outcome.error is None)
        return sorted(outcome.key for outcome in done)
