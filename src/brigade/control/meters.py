"""What one process counts of itself, in one place: for the metrics, and for whoever else wants to know."""

from __future__ import annotations

from typing import Self

from brigade.changes.base import FeedCounts
from brigade.clock import Clock
from brigade.control.health import Health
from brigade.control.tracing import Traces
from brigade.engine.report import ActionKind, Outcome, RunResult
from brigade.errors import Refused
from brigade.state.rows import RunState
from brigade.telemetry import ReplicationCounts, RunCounts, Telemetry


class Meters:
    """The counts of a process and its health. They outlive the units, which come and go with the configuration."""

    def __init__(self, telemetry: Telemetry, clock: Clock) -> None:
        self.telemetry = telemetry
        self.health = Health(clock)
        self.feeds: dict[tuple[str, str], FeedCounts] = {}
        self.traces: Traces | None = None

    def feed(self, kind: str, name: str) -> FeedCounts:
        """The counts of a feed: `kind` is `watch`, `webhook` or `sqs`, `name` what it listens to."""
        return self.feeds.setdefault((kind, name), FeedCounts())


class Metered:
    """An observer that counts outcomes, and the progress of a `run`."""

    def __init__(self, counts: ReplicationCounts) -> None:
        self._counts = counts
        self.run: RunCounts | None = None

    def outcome(self, outcome: Outcome) -> None:
        counts, action = self._counts, outcome.action
        if outcome.error is not None:
            counts.failed[action] += 1
            return
        counts.objects[action, outcome.proof] += 1
        if action is ActionKind.COPY:
            counts.copied_bytes[outcome.proof] += outcome.size_bytes
            if self.run is not None:
                self.run.copied_objects += 1

    def planned(self, objects: int, size_bytes: int) -> None:
        if self.run is not None:
            self.run.planned_objects += objects
            self.run.planned_bytes += size_bytes

    def moved(self, size_bytes: int) -> None:
        if self.run is not None:
            self.run.moved_bytes += size_bytes


class MeteredRun:
    """A run of which this process has a part, or all. `observer` counts its progress, `result` is how it ended.

    One that found nothing left to do has no result, and counts for nothing.
    """

    def __init__(self, counts: ReplicationCounts, clock: Clock) -> None:
        self.observer = Metered(counts)
        self.result: RunResult | None = None
        self._counts = counts
        self._clock = clock

    def __enter__(self) -> Self:
        self._counts.begin_run()
        self.observer.run = self._counts.run
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        self._counts.end_run(self._ended(error), self._clock.now_ns())

    def _ended(self, error: BaseException | None) -> str | None:
        if isinstance(error, Refused):
            return None
        if error is not None:
            return RunState.FAILED if isinstance(error, Exception) else RunState.INTERRUPTED
        result = self.result
        if result is None:
            return None
        return RunState.REFUSED if result.refusal else RunState.DONE if result.in_step else RunState.FAILED
