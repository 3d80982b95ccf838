"""Counters that layers, engine and gateway feed, and progress, reports and metrics read. No I/O, no third party.

Nothing here has a label for each key, and what has one for each replication or store has an end: see `MOST_LABELS`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

MOST_LABELS = 1000
"""So many replications are told apart; further ones are counted together as `OTHER`."""

OTHER = "other"

AGE_BOUNDS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)
LATENCY_BOUNDS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)


class Histogram:
    """How many values fell up to each bound; `counts` has one place more, for those above all bounds."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def copy(self) -> Histogram:
        """As it is now."""
        copied = Histogram(self.bounds)
        copied.counts = self.counts.copy()
        copied.total = self.total
        return copied


def _ages() -> Histogram:
    return Histogram(AGE_BOUNDS_SECONDS)


@dataclass(slots=True)
class RunCounts:
    """How far the run under way is. `planned` grows while both sides are still being listed."""

    active: int = 0
    planned_objects: int = 0
    planned_bytes: int = 0
    copied_objects: int = 0
    moved_bytes: int = 0


@dataclass(slots=True)
class ReplicationCounts:
    """What was done for a replication. `objects` by (action, proof), `failed` by action, `ended` runs by result.

    `ages` are those of changes when they were settled: the recovery point that was really kept.
    """

    objects: Counter[tuple[str, str]] = field(default_factory=Counter)
    copied_bytes: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    ages: Histogram = field(default_factory=_ages)
    retried: int = 0
    parked: int = 0
    again: int = 0
    leases_lost: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    ended_ns: int = 0
    run: RunCounts = field(default_factory=RunCounts)

    def begin_run(self) -> None:
        """A run begins; runs at the same time under one label are counted together."""
        if not self.run.active:
            self.run = RunCounts()
        self.run.active += 1

    def end_run(self, result: str | None, now_ns: int) -> None:
        """A run has ended; None: there was nothing to be done."""
        self.run.active -= 1
        if result is None:
            return
        self.ended[result] += 1
        self.ended_ns = now_ns


@dataclass(slots=True)
class GatewayCounts:
    """What the gateway served. `requests` by (operation class, status class), a cut connection is `cut`."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: dict[str, Histogram] = field(default_factory=dict)
    received_bytes: int = 0
    sent_bytes: int = 0
    under_way: int = 0
    noted: int = 0
    note_failures: Counter[str] = field(default_factory=Counter)

    def count(self, kind: str, status: int, seconds: float) -> None:
        """One request has ended; `status` 0 means that its connection was cut."""
        self.requests[kind, f"{status // 100}xx" if status else "cut"] += 1
        histogram = self.seconds.get(kind)
        if histogram is None:
            histogram = self.seconds[kind] = Histogram(LATENCY_BOUNDS_SECONDS)
        histogram.observe(seconds)


@dataclass(slots=True)
class Telemetry:
    """Counts of one process. `requests` by (store, operation, outcome), bytes by store, `reloads` by result."""

    requests: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    retries: Counter[tuple[str, str]] = field(default_factory=Counter)
    read_bytes: Counter[str] = field(default_factory=Counter)
    written_bytes: Counter[str] = field(default_factory=Counter)
    replications: dict[str, ReplicationCounts] = field(default_factory=dict)
    gateway: GatewayCounts = field(default_factory=GatewayCounts)
    reloads: Counter[str] = field(default_factory=Counter)

    def count_request(self, store: str, operation: str, outcome: str) -> None:
        """One finished request; `outcome` is `ok` or the error's class name."""
        self.requests[store, operation, outcome] += 1

    def replication(self, name: str) -> ReplicationCounts:
        """The counts of a replication; the buckets of a wildcard share those of the wildcard."""
        label = label_of(name)
        counts = self.replications.get(label)
        if counts is None:
            if len(self.replications) >= MOST_LABELS:
                label = OTHER
            counts = self.replications.setdefault(label, ReplicationCounts())
        return counts


def label_of(name: str) -> str:
    """What a replication is counted under: a bucket of a wildcard (`all/photos`) under the wildcard."""
    return name.partition("/")[0]
