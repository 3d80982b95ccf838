"""The values of `/failures`."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime

from pydantic import BaseModel, Field

from brigade.api.failing import Refusal
from brigade.api.shapes import moment
from brigade.api.texts import Key
from brigade.control.failures import Decided, Dismissed, Failure, FailureState, Mark


class FailureShape(BaseModel):
    """A key that cannot be made right so far."""

    replication: str
    key: Key
    state: FailureState
    reason: Key
    attempts: int
    since: datetime = Field(description="When its change was noticed")
    parked_at: datetime | None
    again_at: datetime | None = Field(description="When it is tried again")

    @classmethod
    def of(cls, failure: Failure) -> FailureShape:
        is_parked, at = failure.state is FailureState.PARKED, moment(failure.at_ns)
        return cls(
            replication=failure.replication,
            key=failure.key,
            state=failure.state,
            reason=failure.reason,
            attempts=failure.attempts,
            since=moment(failure.since_ns),
            parked_at=at if is_parked else None,
            again_at=None if is_parked else at,
        )


class GroupShape(BaseModel):
    """Failures of one replication for one reason."""

    replication: str
    reason: Key
    parked: int
    retrying: int
    examples: list[Key] = Field(description="Some of the keys")


class DismissedShape(BaseModel):
    """A failure that somebody decided to leave."""

    replication: str
    key: Key
    reason: Key
    note: str
    dismissed_at: datetime

    @classmethod
    def of(cls, each: Dismissed) -> DismissedShape:
        return cls(
            replication=each.replication,
            key=each.key,
            reason=each.reason,
            note=each.note,
            dismissed_at=moment(each.dismissed_ns),
        )


class _Chosen(BaseModel):
    keys: list[Key] = Field([], max_length=1000, description="These keys of the replication alone")
    reason: str | None = Field(None, max_length=1000, description="Only where the reason holds this text")


class Retry(_Chosen):
    """What to try again."""

    replication: str | None = Field(None, max_length=600)
    all: bool = Field(False, description="Of every replication")


class Dismiss(_Chosen):
    """What to leave, and why."""

    replication: str = Field(max_length=600)
    note: str = Field(min_length=1, max_length=1000)


class DecidedShape(BaseModel):
    """What a decision met."""

    keys: int
    replications: dict[str, int] = Field(description="How many, by replication")
    absent: list[Key] = Field(description="Keys that were named and that it did not meet")

    @classmethod
    def of(cls, decided: Decided) -> DecidedShape:
        return cls(keys=decided.total, replications=decided.counts, absent=list(decided.absent))


def cursor_text(mark: Mark) -> str:
    """A place among the failures as a text that goes into a query."""
    return base64.urlsafe_b64encode(json.dumps(list(mark)).encode()).decode()


def cursor_of(text: str) -> Mark:
    """The place that such a text names. Raises 422 for any other."""
    try:
        replication_id, key = json.loads(base64.urlsafe_b64decode(text.encode()))
        if isinstance(replication_id, int) and (key is None or isinstance(key, str)):
            return Mark(replication_id, key)
    except (binascii.Error, ValueError, TypeError):
        pass
    raise Refusal(422, "invalid", "after: no page begins there", "give `next` of the page before")
