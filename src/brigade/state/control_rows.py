"""What the state hands out about control. Plain values: importing this costs no SQLAlchemy."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class DocumentKind(StrEnum):
    """What can be set up at run time."""

    STORE = "store"
    USER = "user"
    REPLICATION = "replication"


class Document(NamedTuple):
    """Settings made at run time, as they would stand in the file. `version` rises with each change."""

    kind: DocumentKind
    name: str
    settings: Mapping[str, object]
    version: int
    set_ns: int
    set_by: str


class Order(NamedTuple):
    """What a person wants of a replication.

    A run is due if the newest one of its kind began before `reconcile_ns`, or `verify_ns`. `reconciled_ns` and
    `verified_ns` are the newest of these moments that somebody has seen through, of a whole store for each bucket.
    """

    paused: bool = False
    note: str = ""
    reconcile_ns: int = 0
    verify_ns: int = 0
    reconciled_ns: int = 0
    verified_ns: int = 0


class Ask(StrEnum):
    """The runs that a person can ask for."""

    RECONCILE = "reconcile"
    VERIFY = "verify"


class TokenRow(NamedTuple):
    """A token, without its secret: `digest` is the SHA-256 of that."""

    id: str
    name: str
    scope: str
    digest: bytes
    created_ns: int
    expires_ns: int | None
    used_ns: int | None


class AuditRow(NamedTuple):
    """Who did what to which thing. `id` rises with time."""

    id: int
    at_ns: int
    actor: str
    action: str
    subject: str
    detail: Mapping[str, object]


class ActivityRow(NamedTuple):
    """What was done to one object. `id` rises with time; `outcome` is a line of a report."""

    id: int
    replication_id: int
    at_ns: int
    outcome: Mapping[str, object]


class Sample(NamedTuple):
    """The sums of one interval that begins at `at_seconds`, and the backlog as it was in it."""

    replication_id: int
    at_seconds: int
    settled: int
    settled_bytes: int
    failed: int
    backlog: int
    lag_seconds: int


class Sums(NamedTuple):
    """What was done since some moment, the first of it in the interval that begins at `first_seconds`."""

    first_seconds: int
    settled: int
    settled_bytes: int
    failed: int
