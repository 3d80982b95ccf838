"""Use cases: what keeps failing, and what a person decides about it. They work on the state alone, worker or not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from brigade.errors import UsageError
from brigade.state.backlog_reasons import KEY_MARK
from brigade.state.rows import FailedRow, ReasonRow, ReplicationRow
from brigade.state.state import State

_PAGE = 500
# So many rows are looked at for one page at most: what is rare among very many takes several.
_MOST_LOOKED = 20_000

MOST_COUNTED = 200_000
"""For a page: so many rows take a fifth of a second, and tell what goes wrong."""


class FailureState(StrEnum):
    """`PARKED`: given up until somebody decides or the key changes. `RETRYING`: it will be tried again by itself."""

    PARKED = "parked"
    RETRYING = "retrying"


class Failure(NamedTuple):
    """A key that cannot be made right so far. `since_ns` is when its change was noticed.

    `at_ns` is when it was parked, or when it is tried again.
    """

    replication: str
    key: str
    state: FailureState
    reason: str
    attempts: int
    since_ns: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class Which:
    """Which failures are meant: all, those of a replication, some keys of it, those whose reason holds a text."""

    replication: str | None = None
    keys: tuple[str, ...] = ()
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.keys and self.replication is None:
            raise UsageError("keys are those of a replication: name it first")


class Decided(NamedTuple):
    """How many failures a decision met, by replication, and the named keys that have not failed."""

    counts: dict[str, int]
    absent: tuple[str, ...]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


async def failures(state: State, which: Which) -> AsyncIterator[Failure]:
    """By replication, in key order. Raises `UsageError` for a replication that the state does not know."""
    for row in await _replications(state, which.replication):
        async for page in _pages(state, row, which):
            for failed in page:
                yield _failure(row, failed)


class Mark(NamedTuple):
    """A place among all failures: behind this key of this replication, before its first key if None."""

    replication_id: int
    key: str | None


async def failures_page(
    state: State, which: Which, limit: int, *, only: FailureState | None = None, after: Mark | None = None
) -> tuple[list[Failure], Mark | None]:
    """The next failures in that order, and where the page after them begins; None if these were the last.

    A page may hold fewer than `limit`, and still not be the last: one question looks at so many rows and no more.
    """
    rows = await _replications(state, which.replication)
    begin = 0 if after is None else next((n for n, row in enumerate(rows) if row.id == after.replication_id), None)
    if begin is None:
        raise UsageError("no page begins there", hint="ask again from the beginning")
    found: list[Failure] = []
    looked = 0
    for row in rows[begin:]:
        key = after.key if after is not None and row.id == after.replication_id else None
        if looked >= _MOST_LOOKED:
            return found, Mark(row.id, key)
        is_last = False
        while not is_last:
            if looked >= _MOST_LOOKED:
                return found, Mark(row.id, key)
            page = await state.backlog.failing(row.id, _PAGE, key, among=set(which.keys) or None)
            looked += len(page) + 1
            is_last = len(page) < _PAGE
            for failed in page:
                key = failed.key
                if _is_meant(failed, which, only):
                    found.append(_failure(row, failed))
                if len(found) == limit:
                    return found, Mark(row.id, key)
    return found, None


def _is_meant(failed: FailedRow, which: Which, only: FailureState | None) -> bool:
    if only is not None and failed.parked is not (only is FailureState.PARKED):
        return False
    return which.reason is None or which.reason in failed.error


async def retry(state: State, which: Which) -> Decided:
    """Try them again now, with all their attempts. Raises `UsageError` for an unknown replication."""
    counts: dict[str, int] = {}
    met: set[str] = set()
    for row in await _replications(state, which.replication):
        async for page in _pages(state, row, which):
            keys = [failed.key for failed in page]
            if which.keys:
                met.update(keys)
            counts[row.name] = counts.get(row.name, 0) + await state.backlog.try_again(row.id, keys)
    return Decided({name: count for name, count in counts.items() if count}, _absent(which, met))


async def dismiss(state: State, which: Which, note: str) -> Decided:
    """Leave parked ones as they are, with a note on why. Those that are still tried again are not met."""
    counts: dict[str, int] = {}
    met: set[str] = set()
    for row in await _replications(state, which.replication):
        async for page in _pages(state, row, which):
            keys = [failed.key for failed in page if failed.parked]
            met.update(keys)
            counts[row.name] = counts.get(row.name, 0) + await state.backlog.dismiss(row.id, keys, note)
    return Decided({name: count for name, count in counts.items() if count}, _absent(which, met))


class Dismissed(NamedTuple):
    """A failure that somebody decided to leave."""

    replication: str
    key: str
    reason: str
    note: str
    dismissed_ns: int


async def dismissed(state: State, which: Which, limit: int = 1000) -> list[Dismissed]:
    """The newest decisions to leave a key, of each replication newest first."""
    return [
        Dismissed(row.name, each.key, each.error, each.note, each.dismissed_ns)
        for row in await _replications(state, which.replication)
        for each in await state.backlog.dismissed(row.id, limit)
        if which.reason is None or which.reason in each.error
    ]


async def _pages(state: State, row: ReplicationRow, which: Which) -> AsyncIterator[list[FailedRow]]:
    after: str | None = None
    among = set(which.keys) or None
    while True:
        page = await state.backlog.failing(row.id, _PAGE, after, among=among)
        chosen = [failed for failed in page if _is_meant(failed, which, None)]
        if chosen:
            yield chosen
        if len(page) < _PAGE:
            return
        after = page[-1].key


async def _replications(state: State, name: str | None) -> list[ReplicationRow]:
    """Those of that name; `everything` also means `everything/bucket`, one bucket of a whole store."""
    known = await state.replications.all()
    if name is None:
        return known
    found = [row for row in known if _is_of(row, name)]
    if not found:
        names = ", ".join(dict.fromkeys(row.name for row in known)) or "none"
        raise UsageError(f"the state knows no replication {name!r}", hint=f"it knows: {names}")
    return found


def _is_of(row: ReplicationRow, name: str | None) -> bool:
    return name is None or row.name == name or row.name.startswith(f"{name}/")


def _failure(row: ReplicationRow, failed: FailedRow) -> Failure:
    state = FailureState.PARKED if failed.parked else FailureState.RETRYING
    return Failure(row.name, failed.key, state, failed.error, failed.attempts, failed.marked_ns, failed.at_ns)


def _absent(which: Which, met: set[str]) -> tuple[str, ...]:
    # With a reason, keys that failed for another one are passed over on purpose.
    return () if which.reason is not None else tuple(key for key in dict.fromkeys(which.keys) if key not in met)


class Group(NamedTuple):
    """Failures of one replication for one reason."""

    replication: str
    reason: str
    parked: int
    retrying: int
    examples: tuple[str, ...]


async def by_reason(state: State, which: Which, *, most: int | None = None, examples: int = 3) -> list[Group]:
    """The failures grouped, the largest group first, `most` of them at most. Reasons that differ in the key alone are one.

    Raises `UsageError` for a replication that the state does not know.
    """
    names = {row.id: row.name for row in await _replications(state, which.replication)}
    few = list(names) if which.replication is not None and len(names) <= _PAGE else None
    groups: dict[tuple[str, str], Group] = {}
    for row in await state.backlog.reasons(few, holding=which.reason, most=most):
        if row.replication_id in names:
            place = names[row.replication_id], _reason_of(row)
            groups[place] = _with(groups.get(place) or Group(*place, 0, 0, ()), row, examples)
    return sorted(
        groups.values(), key=lambda group: (-(group.parked + group.retrying), group.replication, group.reason)
    )


def _with(group: Group, row: ReasonRow, examples: int) -> Group:
    keys = {*group.examples, row.first_key, row.last_key}
    return group._replace(
        parked=group.parked + (row.number if row.parked else 0),
        retrying=group.retrying + (0 if row.parked else row.number),
        examples=tuple(sorted(keys)[:examples]),
    )


def _reason_of(row: ReasonRow) -> str:
    return reason_without_key(_without(row.reason, f"{KEY_MARK}'"), row.first_key)


def reason_without_key(reason: str, key: str) -> str:
    """The reason with `…` where it quotes the key; errors quote it with the prefix of its location."""
    return _without(reason, repr(key)[1:])


def _without(reason: str, quoted: str) -> str:
    end = reason.find(quoted)
    while end >= 0:
        begin = max(reason.rfind("'", 0, end), reason.rfind('"', 0, end))
        if begin < 0:
            return reason
        reason = f"{reason[:begin]}…{reason[end + len(quoted) :]}"
        end = reason.find(quoted, begin)
    return reason
