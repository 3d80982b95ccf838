"""Ranges of a run: which keys are whose. A run that several workers share begins as one range of all keys.

Whoever works on a range holds it by a lease; the fence tells a late owner that the range is his no more. Its owner
alone cuts a range in two, in one transaction, so that every key is in exactly one range at every moment. A claim takes
what was *seen* and only that: if the row has changed since, somebody was quicker, and the claim finds nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Update, insert, select, update

from brigade.clock import Clock
from brigade.errors import LeaseLost
from brigade.state.engine import Database
from brigade.state.keys import decode_key, encode_key
from brigade.state.owner import Owner
from brigade.state.rows import KeyRange, RangeState, RangeTally, Run, RunState
from brigade.state.runs import to_run
from brigade.state.schema import ranges, runs

_SECOND_NS = 1_000_000_000
_SPARE = 1 / 3
_NOT_HELD = {"owner": None, "lease_until_ns": 0}


class SharedRun(NamedTuple):
    """A run and all its ranges in key order."""

    run: Run
    ranges: list[KeyRange]


class Ranges:
    """Look, claim, keep, cut, hand in."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def look(self, run: Run) -> SharedRun:
        """The run as it is now."""
        return await self._database.read.run(lambda connection: _look(connection, run.id))

    def is_free(self, part: KeyRange) -> bool:
        """True if nobody works on it any more: it waits, its lease has ended, or its owner is certainly dead."""
        if part.state is RangeState.DONE:
            return False
        lapsed = part.lease_until_ns <= self._clock.now_ns()
        return part.state is RangeState.WAITING or lapsed or (part.owner is not None and part.owner.is_dead())

    async def claim(self, seen: KeyRange, owner: Owner, lease_seconds: float) -> KeyRange | None:
        """Make a free range ours, to be listed from its beginning; None if it has changed since it was seen."""
        until_ns = self._until_ns(lease_seconds)
        values = {
            "state": RangeState.RUNNING.value,
            "owner": str(owner),
            "lease_until_ns": until_ns,
            "fence": seen.fence + 1,
            **_columns(RangeTally({})),
        }
        query = _unchanged(seen).where(ranges.c.lease_until_ns == seen.lease_until_ns).values(values)
        if not await self._database.write.run(lambda connection: connection.execute(query).rowcount):
            return None
        return seen._replace(
            state=RangeState.RUNNING, owner=owner, lease_until_ns=until_ns, fence=seen.fence + 1, tally=RangeTally({})
        )

    async def renew(self, mine: Collection[KeyRange], lease_seconds: float) -> None:
        """The leases start anew, and the counts go on record. Raises `LeaseLost` if one of them is ours no more."""
        until_ns = self._until_ns(lease_seconds)

        def renew(connection: Connection) -> bool:
            return sum(_renew(connection, part, until_ns) for part in mine) == len(mine)

        if not await self._database.write.run(renew):
            raise _lost()

    async def split(self, mine: KeyRange, at: str) -> KeyRange:
        """Keep the keys up to `at`; the rest becomes a range that waits. Raises `LeaseLost`."""
        rest = {
            "run_id": mine.run_id,
            "after": encode_key(at),
            "upto": None if mine.upto is None else encode_key(mine.upto),
            "state": RangeState.WAITING.value,
            "wanted": False,
            "fence": 0,
            **_NOT_HELD,
            **_columns(RangeTally({})),
        }

        def split(connection: Connection) -> bool:
            kept = _unchanged(mine).values(upto=rest["after"], wanted=False)
            if not connection.execute(kept).rowcount:
                return False
            connection.execute(insert(ranges).values(rest))
            return True

        if not await self._database.write.run(split):
            raise _lost()
        return mine._replace(upto=at, wanted=False)

    async def hand_in(self, mine: KeyRange, state: RangeState, tally: RangeTally) -> KeyRange:
        """All of it is listed and copied (`SCANNED`), or nothing is left to do (`DONE`). Raises `LeaseLost`."""
        assert state in {RangeState.SCANNED, RangeState.DONE}
        values: dict[str, object] = {"state": state.value, "wanted": False, **_columns(tally)}
        query = _unchanged(mine).values(values)
        if not await self._database.write.run(lambda connection: connection.execute(query).rowcount):
            raise _lost()
        return mine._replace(state=state, wanted=False, tally=tally)

    async def give_back(self, mine: Collection[KeyRange]) -> None:
        """Let others begin these anew at once. What is ours no more is left alone."""
        if not mine:
            return

        def give_back(connection: Connection) -> None:
            for part in mine:
                values: dict[str, object] = {"state": RangeState.WAITING.value, "fence": part.fence + 1, **_NOT_HELD}
                connection.execute(_unchanged(part).values(values))

        await self._database.write.run(give_back)

    async def want(self, run: Run, owner: Owner) -> None:
        """Tell all others who list a range of this run that we are idle."""
        query = (
            update(ranges)
            .where(ranges.c.run_id == run.id, ranges.c.state == RangeState.RUNNING.value)
            .where(ranges.c.owner != str(owner), ranges.c.wanted.is_(False))
            .values(wanted=True)
        )
        await self._database.write.run(lambda connection: connection.execute(query).rowcount)

    async def preside(self, seen: Run, owner: Owner, counts: Mapping[str, int]) -> bool:
        """Hold the lease of the run itself, ours or left behind: who holds it ends the run. False: somebody else does.

        One that nobody renewed for long is taken before it ends: while anybody is at work the run shall not look dead.
        """
        now_ns = self._clock.now_ns()
        spare_ns = round(seen.lease_seconds * _SECOND_NS * _SPARE)
        if seen.owner != owner and seen.lease_until_ns > now_ns + spare_ns and not seen.owner.is_dead():
            return False
        values = {
            "owner": str(owner),
            "lease_until_ns": now_ns + round(seen.lease_seconds * _SECOND_NS),
            "counts": dict(counts),
        }
        query = (
            update(runs)
            .where(runs.c.id == seen.id, runs.c.state == RunState.RUNNING.value)
            .where(runs.c.owner == str(seen.owner), runs.c.lease_until_ns == seen.lease_until_ns)
            .values(values)
        )
        return bool(await self._database.write.run(lambda connection: connection.execute(query).rowcount))

    async def step_down(self, run: Run, owner: Owner) -> None:
        """Leave the run to another one who is at work on it. If there is none, nobody need wait for its lease."""
        others = (
            select(ranges.c.owner, ranges.c.lease_until_ns)
            .where(ranges.c.run_id == run.id, ranges.c.owner.is_not(None), ranges.c.owner != str(owner))
            .where(ranges.c.state.in_((RangeState.RUNNING.value, RangeState.SCANNED.value)))
            .order_by(ranges.c.lease_until_ns.desc())
        )

        def step_down(connection: Connection) -> None:
            heir = connection.execute(others.limit(1)).first()
            values = {"lease_until_ns": 0} if heir is None else {"owner": heir[0], "lease_until_ns": heir[1]}
            connection.execute(_presided(run, owner).values(values))

        await self._database.write.run(step_down)

    async def finish(self, run: Run, owner: Owner, state: RunState, counts: Mapping[str, int]) -> bool:
        """The run has ended, all its ranges being done. False if that was not for this owner to say any more."""
        values = {"state": state.value, "counts": dict(counts), "finished_ns": self._clock.now_ns()}
        query = _presided(run, owner).values(values)
        return bool(await self._database.write.run(lambda connection: connection.execute(query).rowcount))

    def _until_ns(self, lease_seconds: float) -> int:
        return self._clock.now_ns() + round(lease_seconds * _SECOND_NS)


def _look(connection: Connection, run_id: int) -> SharedRun:
    of_run = select(runs).where(runs.c.id == run_id)
    run = connection.execute(of_run).one()
    rows = connection.execute(select(ranges).where(ranges.c.run_id == run_id).order_by(ranges.c.after)).all()
    # Ranges outlive their run, until a newer one begins. Read in this order, those of an ended run are its last word.
    if not rows:
        run = connection.execute(of_run).one()
    return SharedRun(to_run(run), [_to_range(row) for row in rows])


def _unchanged(part: KeyRange) -> Update:
    return update(ranges).where(
        ranges.c.id == part.id, ranges.c.fence == part.fence, ranges.c.state == part.state.value
    )


def _presided(run: Run, owner: Owner) -> Update:
    return update(runs).where(runs.c.id == run.id, runs.c.state == RunState.RUNNING.value, runs.c.owner == str(owner))


def _renew(connection: Connection, part: KeyRange, until_ns: int) -> bool:
    values: dict[str, object] = {"lease_until_ns": until_ns, "counts": dict(part.tally.counts)}
    return bool(connection.execute(_unchanged(part).values(values)).rowcount)


def _columns(tally: RangeTally) -> dict[str, object]:
    return {**tally._asdict(), "counts": dict(tally.counts)}


def _lost() -> LeaseLost:
    return LeaseLost(
        "a part of the run was taken over by another process, or the run has ended",
        hint="nothing is lost: whoever took it over goes on",
    )


def _to_range(row: Row[Any]) -> KeyRange:
    return KeyRange(
        id=row.id,
        run_id=row.run_id,
        after=decode_key(row.after),
        upto=None if row.upto is None else decode_key(row.upto),
        state=RangeState(row.state),
        wanted=row.wanted,
        owner=None if row.owner is None else Owner.parse(row.owner),
        lease_until_ns=row.lease_until_ns,
        fence=row.fence,
        tally=RangeTally(row.counts, row.source_objects, row.target_objects, row.planned, row.incomplete, row.refusal),
    )
