"""The one error tree. Each error says what happened, where, and what to do about it.

    BrigadeError
    ├── UsageError                 wrong command line or wrong locations              exit 2
    │   └── ConfigError            wrong brigade.yaml                                 exit 2
    ├── Refused                    a guard said no                                    exit 3
    ├── Exists                     something of this name is there already            exit 2
    ├── Missing                    nothing of this name is there                      exit 2
    ├── Stale                      somebody else has changed it meanwhile             exit 1
    ├── Cancelled                  a person has ended it                              exit 1
    ├── StateError                 the state database
    │   ├── Unstorable             it cannot hold this text
    │   └── LeaseLost              somebody else owns the work now
    └── StoreError                 something a store answered, or did not
        ├── NotFound               the object is not there (a confirmed 404)
        ├── BucketMissing          the bucket or root directory is not there
        ├── AccessDenied           the credentials are wrong or may not do this
        ├── PreconditionFailed     a condition did not hold: the object is another one by now
        ├── SourceChanged          the source changed while it was read
        ├── InvalidKey             this store cannot hold this key
        ├── Unsupported            this store does not have this operation
        ├── Rejected               the store refused the request for good
        ├── StorageFull            the store has no room left
        ├── Corrupt                the bytes are not the bytes that were promised
        ├── Truncated              fewer bytes came than were promised
        ├── ListingBroken          a listing that cannot be trusted: never an end
        │   └── ListingOutOfOrder  keys came in another order than declared
        ├── Throttled              slow down (503 SlowDown, 429)
        └── Unavailable            a 5xx, a reset, a timeout: maybe next time

Whether a retry makes sense is a property of the class (`retry`); unknown errors are permanent.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class Retry(Enum):
    """Whether the same call may succeed later."""

    NEVER = "never"
    MAYBE = "maybe"


class BrigadeError(Exception):
    """Base of all: `message` is one sentence for a person, `hint` the mend (may be empty)."""

    exit_code: ClassVar[int] = 1
    retry: ClassVar[Retry] = Retry.NEVER

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(BrigadeError):
    """The command or its locations make no sense as given."""

    exit_code = 2


class ConfigError(UsageError):
    """The configuration file is wrong; the message names the place in it."""


class Refused(BrigadeError):
    """A guard refused to go on, to protect data."""

    exit_code = 3


class Exists(BrigadeError):
    """Something of this name is there already."""

    exit_code = 2


class Missing(BrigadeError):
    """Nothing of this name is there."""

    exit_code = 2


class Stale(BrigadeError):
    """What was to be changed is not what it was when it was looked at."""


class Cancelled(BrigadeError):
    """Somebody who may do so has ended it before its end."""


class StateError(BrigadeError):
    """The state database cannot be used."""


class Unstorable(StateError):
    """The state database cannot hold a text: it is not valid Unicode, or holds what the database refuses."""


class LeaseLost(StateError):
    """The lease on a run ended and somebody else may own it: stop writing."""


class StoreError(BrigadeError):
    """Something a store answered, or failed to answer.

    `store` names it, `operation` is the contract's verb, `code` the store's own word (`SlowDown`),
    `status` the HTTP status (0: none), `retry_after_seconds` what the store asked for. `exhausted` is set by whoever has
    tried again often enough, so that nobody above multiplies the attempts.
    """

    def __init__(
        self,
        message: str,
        *,
        store: str = "",
        operation: str = "",
        key: str | None = None,
        code: str = "",
        status: int = 0,
        retry_after_seconds: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.store = store
        self.operation = operation
        self.key = key
        self.code = code
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.exhausted = False

    def __str__(self) -> str:
        where = " ".join(part for part in (self.store, self.operation) if part)
        if self.key is not None:
            where = f"{where} {self.key!r}".strip()
        text = f"{where}: {self.message}" if where else self.message
        return f"{text} ({self.hint})" if self.hint else text


class NotFound(StoreError):
    """The store says that the object is not there."""


class BucketMissing(StoreError):
    """The store says that the bucket, container or root directory is not there."""


class AccessDenied(StoreError):
    """The credentials are missing, wrong, expired, or may not do this."""


class PreconditionFailed(StoreError):
    """If-Match or If-None-Match did not hold."""


class SourceChanged(StoreError):
    """The object changed between being seen and being read to its end."""

    retry = Retry.MAYBE


class InvalidKey(StoreError):
    """This store cannot hold this key; the message says why."""


class Unsupported(StoreError):
    """This store does not have this operation or feature."""


class Rejected(StoreError):
    """The store refused the request, and would again."""


class StorageFull(StoreError):
    """No room left: disk full, quota reached."""


class Corrupt(StoreError):
    """A digest did not match: the bytes were damaged or the store lies."""

    retry = Retry.MAYBE


class Truncated(StoreError):
    """The body ended early."""

    retry = Retry.MAYBE


class ListingBroken(StoreError):
    """A listing that cannot be trusted; whoever needs it whole must stop."""


class ListingOutOfOrder(ListingBroken):
    """Keys came in another order than the store declares."""


class Throttled(StoreError):
    """The store asks for less."""

    retry = Retry.MAYBE


class Unavailable(StoreError):
    """A 5xx, a reset, a refused connection, a timeout."""

    retry = Retry.MAYBE
