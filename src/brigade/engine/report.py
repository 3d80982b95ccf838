"""What a run tells: one outcome for each object, counts, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from brigade.decide.actions import ActionKind as ActionKind
from brigade.objects import Proof


class Outcome(NamedTuple):
    """The line of the report for one object. `error` is None unless the action failed.

    `duration_seconds` is 0 for what was decided by the listings, or done together with others. `archived`: the source's
    object was deleted, its copy being proven.
    """

    key: str
    action: ActionKind
    reason: str
    proof: Proof
    size_bytes: int
    error: str | None = None
    duration_seconds: float = 0.0
    archived: bool = False


class DifferenceStatus(StrEnum):
    """The verdicts of a diff."""

    MISSING = "missing"
    EXTRA = "extra"
    DIFFERENT = "different"
    METADATA = "metadata"
    UNPROVABLE = "unprovable"


class Difference(NamedTuple):
    """One line of a diff."""

    key: str
    status: DifferenceStatus
    reason: str


@dataclass(slots=True)
class Counts:
    """The sums of a run. `unprovable` counts objects taken as the same or copied on a weak proof."""

    considered: int = 0
    copied: int = 0
    copied_bytes: int = 0
    metadata_updated: int = 0
    deleted: int = 0
    skipped: int = 0
    failed: int = 0
    conflicts: int = 0
    unprovable: int = 0
    archived: int = 0


def add_counts(total: Counts, more: Mapping[str, int]) -> None:
    """Add counts by their names."""
    for name, value in more.items():
        setattr(total, name, getattr(total, name) + value)


@dataclass(slots=True)
class RunResult:
    """How a run ended. `refusal` holds the guard's words when deletions were refused.

    `incomplete` says why not every object was considered (a listing that broke …), None if all were.
    `resumed_after` is the key behind which an interrupted run was taken up: what came before was settled by that run.
    `leftovers` names uploads of earlier runs that could not be aborted at the target. `here` is what this process did
    of a run that others took part in, None where there were none.
    """

    counts: Counts = field(default_factory=Counts)
    duration_seconds: float = 0.0
    refusal: str | None = None
    incomplete: str | None = None
    dry_run: bool = False
    leftovers: list[str] = field(default_factory=list)
    resumed_after: str | None = None
    here: Counts | None = None

    @property
    def in_step(self) -> bool:
        """True only if every object was considered, none failed and nothing was refused."""
        return not (self.incomplete or self.refusal or self.counts.failed or self.counts.conflicts or self.dry_run)


class Observer(Protocol):
    """Whoever watches a run: progress bar, report file, metrics. Calls must be quick and must not raise."""

    def outcome(self, outcome: Outcome) -> None:
        """One object is settled."""

    def planned(self, objects: int, size_bytes: int) -> None:
        """So many more objects and bytes are to be copied; called while the scan goes on."""

    def moved(self, size_bytes: int) -> None:
        """So many more bytes have reached the target."""
