"""What shall go wrong, and when: a script of faults that can be replayed and that knows which of them happened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any

from brigade.errors import StoreError, Throttled, Unavailable
from brigade.stores.base import Store


class FaultKind(StrEnum):
    """The ways in which a call goes wrong.

    `RAISE`: the error instead of the call. `LOSE_ANSWER`: the call is carried out, then the error comes.
    `HANG`: nothing comes, ever. `DELAY`: the call comes late.
    Of a body, read or written: `BREAK_BODY` raises the error after `after_bytes`, `CUT_BODY` ends there without one,
    `FLIP_BIT` changes the byte at `after_bytes`.
    `WRONG_SIZE` and `WRONG_ETAG` make the answer lie. Of a listing: `BREAK_LISTING` raises the error after
    `after_entries` of the page, `CUT_LISTING` ends it there as if it were complete.
    `CHANGE` runs `change` on the store inside: before the call, for an open object after `after_bytes`.
    """

    RAISE = "raise"
    LOSE_ANSWER = "lose-answer"
    HANG = "hang"
    DELAY = "delay"
    BREAK_BODY = "break-body"
    CUT_BODY = "cut-body"
    FLIP_BIT = "flip-bit"
    WRONG_SIZE = "wrong-size"
    WRONG_ETAG = "wrong-etag"
    BREAK_LISTING = "break-listing"
    CUT_LISTING = "cut-listing"
    CHANGE = "change"


def reset() -> StoreError:
    """The connection broke."""
    return Unavailable("the connection was reset (scripted)")


def server_error() -> StoreError:
    """The store answered 500."""
    return Unavailable("the store answered 500 (scripted)", status=500, code="InternalError")


def slow_down(retry_after_seconds: float | None = None) -> Callable[[], StoreError]:
    """The store answered 503 and asks for a pause."""
    return lambda: Throttled(
        "the store asks for less (scripted)",
        status=503,
        code="SlowDown",
        retry_after_seconds=retry_after_seconds,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Fault:
    """One fault: at the `call`-th call of `operation` (`*`: any) on `key` (None: any), for `times` calls."""

    operation: str
    kind: FaultKind = FaultKind.RAISE
    call: int = 1
    times: int = 1
    key: str | None = None
    error: Callable[[], StoreError] = reset
    after_bytes: int = 0
    after_entries: int = 0
    delay_seconds: float = 0.0
    change: Callable[[Store], Awaitable[object]] | None = None


class FaultScript:
    """Hands out each fault when its call comes. A fault counts as fired when it really changed something."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        self._seen = [0] * len(faults)
        self._fired: set[int] = set()

    def take(self, operation: str, key: str | None) -> Fault | None:
        """The fault for this call, if any; each fault counts the calls that it could mean."""
        taken = None
        for index, fault in enumerate(self.faults):
            if fault.operation in (operation, "*") and fault.key in (None, key):
                self._seen[index] += 1
                if taken is None and fault.call <= self._seen[index] < fault.call + fault.times:
                    taken = fault
        return taken

    def note_fired(self, fault: Fault) -> None:
        """The fault had its effect."""
        self._fired.add(self.faults.index(fault))

    @property
    def fired(self) -> list[Fault]:
        """The faults that had their effect at least once."""
        return [self.faults[index] for index in sorted(self._fired)]

    def assert_all_fired(self) -> None:
        """Raise unless each fault had its effect: a fault that never came tests nothing."""
        silent = [fault for index, fault in enumerate(self.faults) if index not in self._fired]
        if silent:
            words = ", ".join(f"{fault.kind} at call {fault.call} of {fault.operation}" for fault in silent)
            raise AssertionError(f"faults that never fired: {words}")


def sweep(operation: str, kind: FaultKind = FaultKind.RAISE, **details: Any) -> Iterator[FaultScript]:
    """Scripts that fail call 1, then 2, then 3 … and one last that meets no fault, which ends the sweep."""
    for call in count(1):
        script = FaultScript(Fault(operation, kind, call=call, **details))
        yield script
        if not script.fired:
            return
