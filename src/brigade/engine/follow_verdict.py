"""What becomes of a claim when an attempt ends: done, again after a pause, or parked."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import NamedTuple

from brigade.decide.actions import ActionKind
from brigade.decide.backoff import Backoff, delay_seconds
from brigade.engine.follow_key import Settled
from brigade.errors import (
    AccessDenied,
    BucketMissing,
    InvalidKey,
    Retry,
    StorageFull,
    StoreError,
    Throttled,
    Unavailable,
    Unsupported,
)

_OF_THE_STORE = (Unavailable, Throttled, AccessDenied, BucketMissing, StorageFull)
"""What may be the store's trouble and not the object's."""

_FOR_GOOD = (InvalidKey, Unsupported)
"""What another attempt cannot mend."""

_MANY_KEYS = 3
"""So many keys that fail one after the other, and none that goes well, are a store that is out."""

_OUTAGE_PAUSE_SECONDS = 30.0
_MOST_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how slowly a key is tried again. Twelve attempts span about half an hour.

    `attempts_refused` is for what the store refuses: it may be mended by the next change of a policy, or never.
    `attempts_denied` is for a key that is denied while others go well, half a minute: it is the key, then.
    """

    attempts: int = 12
    attempts_refused: int = 3
    attempts_denied: int = 6
    base_seconds: float = 1.0
    cap_seconds: float = 300.0


class Verdict(NamedTuple):
    """`error` None: the key is right. `again_seconds` None: no further attempt, so it is done or parked."""

    error: str | None = None
    again_seconds: float | None = None
    counts: bool = False


DONE = Verdict()
LOST = Verdict("the lease was lost during the work")
"""The claim is somebody else's: its key is marked again, for the case that our last write came after theirs."""


class Health:
    """Tells a store that is out from objects that are bad: an outage uses up nobody's attempts."""

    def __init__(self) -> None:
        self._failing: set[str] = set()
        self._rounds = 0
        self._settled = 0
        self._settled_at_failure: dict[str, int] = {}

    @property
    def is_outage(self) -> bool:
        """True while nothing goes well at all."""
        return len(self._failing) >= _MANY_KEYS

    def well(self) -> None:
        """A key was settled."""
        self._failing.clear()
        self._rounds = 0
        self._settled += 1

    def others_go_well(self, key: str) -> bool:
        """True if something was settled since this key failed for the first time, as far as that is remembered."""
        return self._settled > self._settled_at_failure.get(key, self._settled)

    def failed(self, key: str, error: StoreError) -> None:
        """A key was not."""
        if key not in self._settled_at_failure and len(self._settled_at_failure) >= _MOST_REMEMBERED:
            del self._settled_at_failure[next(iter(self._settled_at_failure))]
        self._settled_at_failure.setdefault(key, self._settled)
        if isinstance(error, _OF_THE_STORE) and len(self._failing) < _MANY_KEYS:
            self._failing.add(key)

    def pause_seconds(self, random: float) -> float:
        """How long to leave the stores alone; longer each time."""
        self._rounds += 1
        return min(_OUTAGE_PAUSE_SECONDS, 2.0 ** min(self._rounds, 10)) * (0.5 + 0.5 * random)


def verdict_of_outcome(settled: Settled) -> Verdict:
    """The verdict on an attempt that raised nothing."""
    outcome = settled.outcome
    if outcome.action is ActionKind.CONFLICT:
        return Verdict(outcome.reason)
    if outcome.error is not None:
        return Verdict(outcome.error)
    return DONE


def verdict_of_error(
    error: StoreError, *, attempts: int, outage: bool, patience: Patience, random: float, alone: bool = False
) -> Verdict:
    """The verdict on an attempt that failed, after `attempts` failed ones before it. `alone`: others go well."""
    most = _most_attempts(error, patience, alone=alone)
    delay = delay_seconds(
        Backoff(sys.maxsize if outage else most, patience.base_seconds, patience.cap_seconds, math.inf),
        attempt=attempts + 1,
        waited_seconds=0.0,
        retry_after_seconds=error.retry_after_seconds,
        random=random,
    )
    return Verdict(str(error), delay, counts=not outage)


def _most_attempts(error: StoreError, patience: Patience, *, alone: bool) -> int:
    if isinstance(error, _FOR_GOOD):
        return 1
    if alone and isinstance(error, AccessDenied):
        return patience.attempts_denied
    if error.retry is Retry.NEVER and not isinstance(error, _OF_THE_STORE):
        return patience.attempts_refused
    return patience.attempts
