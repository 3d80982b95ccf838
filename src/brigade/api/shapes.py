"""The values that the API gives and takes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Path
from pydantic import BaseModel, Field

from brigade.api.texts import Key
from brigade.control.access import Scope
from brigade.control.setting_up import Origin, Shown
from brigade.control.status import Standing, Status
from brigade.state.control_rows import AuditRow, Order, TokenRow
from brigade.state.rows import KeyRange, RangeState, Run, RunKind, RunState

_SECOND_NS = 1_000_000_000

Name = Annotated[str, Path(min_length=1, max_length=400, description="Its name")]

Item = TypeVar("Item")


def moment(ns: int) -> datetime:
    """Nanoseconds since the epoch as the time in UTC."""
    return datetime.fromtimestamp(ns / _SECOND_NS, UTC)


def moment_or_none(ns: int | None) -> datetime | None:
    """The same of a moment that may not have been."""
    return None if ns is None else moment(ns)


class Page(BaseModel, Generic[Item]):
    """Some of many. `next`, where there is more, is given back as `before` or `after`."""

    items: list[Item]
    next: str | None = None


class RunShape(BaseModel):
    """One reconcile or verify."""

    id: int
    replication: str
    kind: RunKind
    state: RunState
    started: datetime
    finished: datetime | None
    counts: dict[str, int]
    owner: str

    @classmethod
    def of(cls, replication: str, run: Run) -> RunShape:
        return cls(
            id=run.id,
            replication=replication,
            kind=run.kind,
            state=run.state,
            started=moment(run.started_ns),
            finished=moment_or_none(run.finished_ns),
            counts=dict(run.counts),
            owner=run.owner.label,
        )


class RangeShape(BaseModel):
    """A part of a run: the keys behind `after` up to and including `upto`."""

    after: Key
    upto: Key | None = Field(description="Null: to the end")
    state: RangeState
    worker: str | None = Field(description="Who works on it, or did")
    counts: dict[str, int]

    @classmethod
    def of(cls, part: KeyRange) -> RangeShape:
        worker = None if part.owner is None else part.owner.label
        return cls(after=part.after, upto=part.upto, state=part.state, worker=worker, counts=dict(part.tally.counts))


class LineShape(BaseModel):
    """A line of a report: of a sync with action and proof, of a verify with a status."""

    key: Key
    action: str | None = None
    status: str | None = None
    reason: Key
    proof: str | None = None
    size_bytes: int | None = None
    error: Key | None


class StatusShape(BaseModel):
    """How a replication stands."""

    name: str
    standing: Standing
    backlog: int = Field(description="Keys that wait or are in work")
    lag_seconds: float = Field(description="Age of the oldest change that waits, 0 if none does")
    parked: int = Field(description="Keys that were given up until somebody decides")
    dismissed: int = Field(description="Keys that somebody decided to leave since the last run began")
    trouble: Key | None = Field(description="Why no run could begin since the last one")
    last_run: RunShape | None

    @classmethod
    def of(cls, status: Status) -> StatusShape:
        run = None if status.last_run is None else RunShape.of(status.name, status.last_run)
        if run is not None and status.result is not None:
            run.state = status.result
        return cls(
            name=status.name,
            standing=status.standing,
            backlog=status.backlog,
            lag_seconds=status.lag_seconds,
            parked=status.parked,
            dismissed=status.dismissed,
            trouble=status.trouble,
            last_run=run,
        )


class Settings(BaseModel):
    """Settings as they would stand in the configuration file."""

    settings: dict[str, Any]


class NewSettings(Settings):
    """The same under a name that is new."""

    name: str = Field(min_length=1, max_length=128)


class SettingsShape(Settings):
    """Settings as they may be shown: secrets are masked. A mask that is given back keeps the secret."""

    name: str
    origin: Origin
    version: int | None = Field(description="What a change names as If-Match; null for those of the file")
    set_at: datetime | None
    set_by: str | None
    problem: str | None = Field(description="Why they are not in force")

    @classmethod
    def of(cls, shown: Shown) -> SettingsShape:
        return cls(
            name=shown.name,
            settings=dict(shown.settings),
            origin=shown.origin,
            version=shown.version,
            set_at=moment_or_none(shown.set_ns),
            set_by=shown.set_by,
            problem=shown.problem,
        )


class OrderShape(BaseModel):
    """What was ordered of a replication."""

    paused: bool
    note: str
    reconcile_asked: datetime | None = Field(description="A reconcile that began before this moment does not count")
    verify_asked: datetime | None = Field(description="The same of verifies")
    reconcile_answered: datetime | None = Field(
        description="The newest such moment for which every bucket that the run covers has had it"
    )
    verify_answered: datetime | None = Field(description="The same of verifies")

    @classmethod
    def of(cls, order: Order) -> OrderShape:
        return cls(
            paused=order.paused,
            note=order.note,
            reconcile_asked=moment_or_none(order.reconcile_ns or None),
            verify_asked=moment_or_none(order.verify_ns or None),
            reconcile_answered=moment_or_none(order.reconciled_ns or None),
            verify_answered=moment_or_none(order.verified_ns or None),
        )


class ReplicationShape(SettingsShape):
    """A replication: what it is to do, what was ordered, and how it stands."""

    order: OrderShape
    status: list[StatusShape] = Field(description="One; of a whole store one for each bucket")


class Note(BaseModel):
    """Why somebody does something."""

    note: str = Field("", max_length=1000)


class Asked(BaseModel):
    """What was asked for begins after this moment."""

    at: datetime


class Ended(BaseModel):
    """The runs that were ended."""

    runs: list[int]


class NewToken(BaseModel):
    """A token to make."""

    name: str = Field(min_length=1, max_length=128, description="Whose it is, or what for")
    scope: Scope
    lifetime_seconds: float | None = Field(None, gt=0, le=10 * 365 * 86_400)


class MadeToken(BaseModel):
    """A new token. It is shown this once."""

    token: str


class TokenShape(BaseModel):
    """A token, without its secret."""

    id: str
    name: str
    scope: Scope
    created: datetime
    expires: datetime | None
    used: datetime | None

    @classmethod
    def of(cls, row: TokenRow) -> TokenShape:
        return cls(
            id=row.id,
            name=row.name,
            scope=Scope(row.scope),
            created=moment(row.created_ns),
            expires=moment_or_none(row.expires_ns),
            used=moment_or_none(row.used_ns),
        )


class AuditShape(BaseModel):
    """Who did what to which thing."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]

    @classmethod
    def of(cls, row: AuditRow) -> AuditShape:
        return cls(
            id=row.id,
            at=moment(row.at_ns),
            actor=row.actor,
            action=row.action,
            subject=row.subject,
            detail=dict(row.detail),
        )
