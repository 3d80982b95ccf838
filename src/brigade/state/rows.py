"""What the state hands out and takes in. Plain values: importing this costs no SQLAlchemy."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from brigade.objects import Proof
from brigade.state.owner import Owner


class InventoryRow(NamedTuple):
    """What is known of a key: the prints of both sides when they were last proven in step.

    `written`: this replication wrote the target's object. `tagged`: the object carried tags. `generation` is
    the number the stored row had when it was read (0: no row); the store chooses the next one itself.
    """

    key: str
    source_print: str
    target_print: str
    proof: Proof
    written: bool
    tagged: bool
    generation: int


class ReplicationRow(NamedTuple):
    """A replication that the state knows. Several may share a name: `identity` says which places it connects."""

    id: int
    name: str
    identity: str


def is_given(name: str) -> bool:
    """False for what a replication is called to which nobody gave a name: `source → target`."""
    return " → " not in name


class RunKind(StrEnum):
    """What a run does."""

    SYNC = "sync"
    VERIFY = "verify"


class RunState(StrEnum):
    """The life of a run: `RUNNING`, then one of the others for good."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class Run(NamedTuple):
    """One reconcile or verify. `fence` rises with every run of a replication: a higher one has taken over.

    `cursor` is whatever the last checkpoint left. The lease is as of the moment this value was made.
    """

    id: int
    replication_id: int
    kind: RunKind
    state: RunState
    policy: Mapping[str, object]
    counts: Mapping[str, int]
    cursor: bytes | None
    started_ns: int
    finished_ns: int | None
    owner: Owner
    lease_seconds: float
    lease_until_ns: int
    fence: int


class Handover(NamedTuple):
    """How many failed keys of a run went to the backlog, and when the last of them did."""

    run_id: int
    keys: int
    at_ns: int


class Trouble(NamedTuple):
    """Why a replication could not be compared: since when, and when that was last tried."""

    words: str
    since_ns: int
    at_ns: int


class RangeState(StrEnum):
    """The life of a range: it waits for a worker, is being listed and copied, is listed, has nothing left to do."""

    WAITING = "waiting"
    RUNNING = "running"
    SCANNED = "scanned"
    DONE = "done"


class RangeTally(NamedTuple):
    """What a worker tells of a range: what it did, what both listings held within the filters, what it would delete.

    `incomplete` says why not every key was considered, `refusal` holds the guard's words.
    """

    counts: Mapping[str, int]
    source_objects: int = 0
    target_objects: int = 0
    planned: int = 0
    incomplete: str | None = None
    refusal: str | None = None


class KeyRange(NamedTuple):
    """The keys behind `after` up to and including `upto` (None: to the end) of one run.

    `fence` rises with each new owner; `wanted` says that a worker is idle and would take a part. The rest is as of the moment this value was
    made.
    """

    id: int
    run_id: int
    after: str
    upto: str | None
    state: RangeState
    wanted: bool
    owner: Owner | None
    lease_until_ns: int
    fence: int
    tally: RangeTally


class ReasonRow(NamedTuple):
    """How many keys of a replication fail for one reason, and the first and the last of them.

    `KEY_MARK` of `brigade.state.backlog_reasons` stands in `reason` where each one has its own key.
    """

    replication_id: int
    parked: bool
    reason: str
    number: int
    first_key: str
    last_key: str


class UploadRow(NamedTuple):
    """A multipart upload that was intended and is not yet settled; `upload_id` is None until the store gave one.

    `part_sizes_bytes` is the plan: part n has the n-th size.
    """

    key: str
    upload_id: str | None
    source_print: str
    part_sizes_bytes: tuple[int, ...]
    created_ns: int


class Claim(NamedTuple):
    """One key of the backlog, ours to make right until the lease ends.

    `sequence` is the mark that was seen, `fence` says whose the row is, `attempts` how many failed since that mark.
    """

    replication_id: int
    key: str
    sequence: int
    fence: int
    live: bool
    attempts: int
    marked_ns: int
    lease_seconds: float


class ParkedRow(NamedTuple):
    """A key that failed its last attempt; `error` is its reason."""

    key: str
    marked_ns: int
    parked_ns: int
    attempts: int
    error: str


class FailedRow(NamedTuple):
    """A key whose last attempt failed: parked, or to be tried again. `at_ns` is when it was parked, or the next attempt."""

    key: str
    parked: bool
    marked_ns: int
    at_ns: int
    attempts: int
    error: str


class RouteRow(NamedTuple):
    """A route of the gateways that was set at run time. None stands for every user, every bucket."""

    user: str | None
    bucket: str | None
    store: str
    set_ns: int


class BlockRow(NamedTuple):
    """A block of the gateways that was set at run time. None stands for every user, every bucket."""

    user: str | None
    bucket: str | None
    writes_only: bool
    note: str
    set_ns: int


class Routing(NamedTuple):
    """All of it. The revision rises with each change."""

    revision: int
    routes: tuple[RouteRow, ...] = ()
    blocks: tuple[BlockRow, ...] = ()


class DismissedRow(NamedTuple):
    """A failed key that somebody decided to leave, with the reason of its failure and the note on the decision."""

    key: str
    error: str
    note: str
    dismissed_ns: int


class Lag(NamedTuple):
    """How far a replication is behind: rows that wait or are in work, the oldest mark among those that are late, and
    rows parked. Not late is what was seen to and rests, to be looked at once more.
    """

    length: int
    oldest_marked_ns: int | None
    parked: int
