"""Use cases: what a person decides about failures, put on record."""

from __future__ import annotations

from brigade.control import failures
from brigade.control.desk import Desk
from brigade.control.failures import Decided, Which
from brigade.errors import UsageError

_KEYS_ON_RECORD = 20


async def retry(desk: Desk, which: Which, *, everything: bool = False) -> Decided:
    """Try them again now. Raises `UsageError` where nothing is named and `everything` is not meant."""
    if everything and which.replication is not None:
        raise UsageError("all is for every replication, and one is named", hint="drop one of the two")
    if not everything and which.replication is None and which.reason is None:
        raise UsageError("nothing is named to be tried again", hint="name a replication, a reason, or all")
    decided = await failures.retry(desk.state, which)
    await desk.record("retry", _subject(which), _detail(which, decided))
    return decided


async def dismiss(desk: Desk, which: Which, note: str) -> Decided:
    """Leave parked ones as they are. Raises `UsageError` where nothing is named, and without a note."""
    if not which.keys and which.reason is None:
        raise UsageError("nothing is named to be dismissed", hint="name keys, or a reason")
    if not note.strip():
        raise UsageError("an empty note tells nobody why")
    decided = await failures.dismiss(desk.state, which, note)
    await desk.record("dismiss", _subject(which), {**_detail(which, decided), "note": note})
    return decided


def _subject(which: Which) -> str:
    return "failures" if which.replication is None else f"failures of {which.replication}"


def _detail(which: Which, decided: Decided) -> dict[str, object]:
    detail: dict[str, object] = {"count": decided.total}
    if which.keys:
        # What of a key no text can hold is written out: the record is for people to read.
        detail["keys"] = [key.encode("utf-8", "backslashreplace").decode() for key in which.keys[:_KEYS_ON_RECORD]]
    return detail if which.reason is None else {**detail, "reason": which.reason}
