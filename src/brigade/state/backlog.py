"""The backlog: the durable set of keys that may differ, one row a key.

A mark says "this key may differ" and raises the row's sequence. Whoever claims a row makes the key right and reports
`done`, which removes the row only if its sequence is still the claimed one; else it stays, to be looked at again. A
claim is a lease: when it ends, the row may be claimed by anybody, and the fence keeps the late owner from changing it.

A *hold* begins before a change is made and ends after it (`settle`). While a key is held its row is never removed: it
outlives a process that dies between the change and its word of it. A row whose only mark is held is not claimed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from secrets import token_hex
from typing import Any

from sqlalchemy import Select, Update, case, select, update

from brigade.clock import Clock
from brigade.state import backlog_claims, backlog_dismissals, backlog_lag, backlog_orphans, backlog_reasons
from brigade.state.backlog_claims import Ending, Request
from brigade.state.backlog_due import DuePage, due_page
from brigade.state.backlog_listen import Listener
from brigade.state.backlog_marks import Marker
from brigade.state.backlog_postgres import PostgresBacklog
from brigade.state.backlog_sql import BacklogStatements, Lane, Mark
from brigade.state.backlog_sqlite import SqliteBacklog
from brigade.state.engine import Database
from brigade.state.keys import decode_key, encode_key, encode_keys
from brigade.state.rows import Claim, DismissedRow, FailedRow, Lag, ParkedRow, ReasonRow
from brigade.state.schema import PARKED, backlog

_SECOND_NS = 1_000_000_000

_POLL_SECONDS = 0.05
"""How soon marks of another process are seen on SQLite, which tells nobody; one look costs 0.1 ms."""

_MOST_KEYS = 500
"""In one condition; of statements that are rarely made."""

_HEARING_POLL_SECONDS = 2.0
"""The same on PostgreSQL, which tells: only for the case that the connection broke."""


class Backlog:
    """Marks, claims, and how claims end. Batches of some hundred keys are what it is made for."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        is_sqlite = database.place.is_sqlite
        token = token_hex(8)
        self._statements: BacklogStatements = SqliteBacklog() if is_sqlite else PostgresBacklog(token)
        self._listener = None if is_sqlite else Listener(database.engine, token, self.wake)
        self._marker = Marker(database, self._statements, clock, self.wake)
        self._waiting: set[asyncio.Future[None]] = set()
        self._missed = False
        self._turn = 0

    async def mark(self, replication_id: int, keys: Collection[str], *, live: bool, hold_until_ns: int = 0) -> None:
        """These keys may differ. Durable when it returns; marks of many callers share a commit.

        Of a row that is there already the sequence rises, the attempts begin anew, the oldest time of marking stays;
        a live mark makes it live, a parked row is parked no more. `hold_until_ns` begins a hold on each key.
        """
        now_ns = self._clock.now_ns()
        held = hold_until_ns > now_ns
        lane = Lane.LIVE if live else Lane.BACKFILL
        ready_ns = hold_until_ns if held else now_ns
        await self._mark(replication_id, keys, lane, ready_ns, int(held), hold_until_ns if held else 0)

    async def settle(self, replication_id: int, keys: Collection[str]) -> None:
        """A change that was held for is made, or was not: ends one hold on each key and marks it, live, as of now."""
        await self._mark(replication_id, keys, Lane.LIVE, self._clock.now_ns(), -1, 0)

    async def _mark(
        self, replication_id: int, keys: Collection[str], lane: Lane, ready_ns: int, holds: int, held_until_ns: int
    ) -> None:
        if keys:
            data = dict.fromkeys(encode_keys(keys))
            await self._marker.mark(
                Mark(replication_id, key, int(lane), ready_ns, holds, held_until_ns) for key in data
            )

    async def claim(
        self,
        replication_ids: Collection[int],
        owner: str,
        limit: int,
        lease_seconds: float,
        *,
        most: Mapping[int, int] | None = None,
    ) -> list[Claim]:
        """Up to `limit` keys, fairly shared by the replications, of each live ones first, longest ready first.

        `most` bounds single replications further. A key is claimed by one owner at a time.
        """
        ids = backlog_claims.rotated(sorted(set(replication_ids)), self._turn % max(1, len(replication_ids)))
        self._turn += 1
        now_ns = self._clock.now_ns()
        if not ids or limit <= 0:
            return []
        if self._database.place.is_sqlite:
            # A look costs no write lock, and most looks find nothing.
            statements = self._statements
            if not await self._database.read.run(lambda connection: statements.any_due(connection, ids, now_ns)):
                return []
        until_ns = now_ns + round(lease_seconds * _SECOND_NS)
        request = Request(ids, owner, limit, lease_seconds, most or {}, now_ns, until_ns, self._marker.stamp())
        return await self._database.write.run(
            lambda connection: backlog_claims.claim(connection, self._statements, request)
        )

    async def due_replications(self, start_after: int = 0, most: int = 256) -> DuePage:
        """Replications, whichever they are, that have something to claim; those without rows cost nothing.

        Looks at `most` that have rows; the cursor of the page is where to go on.
        """
        now_ns = self._clock.now_ns()
        return await self._database.read.run(lambda connection: due_page(connection, now_ns, start_after, most))

    async def done(self, claims: Sequence[Claim]) -> int:
        """These keys are right. Removes the rows that were not marked again meanwhile and frees the rest.

        Returns how many were removed. Claims that somebody else has taken over are passed over.
        """
        return await self._end(claims, Ending(self._clock.now_ns(), looked=True))

    async def release(self, claims: Sequence[Claim], delay_seconds: float = 0.0) -> None:
        """Give claims back as they were, to be claimed again after the delay, or at once where a mark has come."""
        await self._end(claims, Ending(self._clock.now_ns(), looked=False, delay_ns=round(delay_seconds * _SECOND_NS)))

    async def _end(self, claims: Sequence[Claim], ending: Ending) -> int:
        if not claims:
            return 0
        removed = await self._database.write.run(
            lambda connection: backlog_claims.end(connection, self._statements, claims, ending)
        )
        if removed < len(claims):
            self.wake()
        return removed

    async def free_orphans(self, replication_id: int) -> int:
        """Give back the claims of processes of this machine that are certainly dead; returns how many there were."""
        now_ns = self._clock.now_ns()
        freed = await self._database.write.run(
            partial(backlog_orphans.free_orphans, replication_id=replication_id, now_ns=now_ns)
        )
        if freed:
            self.wake()
        return freed

    async def renew(self, claims: Sequence[Claim]) -> list[Claim]:
        """The leases start anew. Returns the claims that are still ours; of the others leave everything as it is."""
        if not claims:
            return []
        until_ns = self._clock.now_ns() + round(max(claim.lease_seconds for claim in claims) * _SECOND_NS)
        return await self._database.write.run(
            lambda connection: backlog_claims.renew(connection, self._statements, claims, until_ns)
        )

    async def retry(self, claim: Claim, delay_seconds: float, error: str, *, counts: bool = True) -> None:
        """An attempt failed: again after the delay. `counts` False: not the key's fault, it loses no attempt.

        Where a mark has come meanwhile the key may be another one: it is claimable at once, with all its attempts.
        """
        await self._fail(claim, None, round(delay_seconds * _SECOND_NS), error, int(counts))
        self.wake()

    async def park(self, claim: Claim, error: str) -> None:
        """The last attempt failed: kept with its reason, and claimed no more until marked or unparked.

        Where a mark has come meanwhile, or a hold stands, it is not parked, but claimed again.
        """
        await self._fail(claim, Lane.PARKED, 0, error, 1)
        self.wake()

    async def _fail(self, claim: Claim, lane: Lane | None, delay_ns: int, error: str, counts: int) -> None:
        columns = backlog.c
        now_ns = self._clock.now_ns()
        same = columns.sequence == claim.sequence
        ready = case((same, now_ns + delay_ns), else_=now_ns)
        values = {
            "owner": None,
            "fence": columns.fence + 1,
            "ready_ns": case((columns.held_until_ns > ready, columns.held_until_ns), else_=ready),
            "attempts": columns.attempts + case((same, counts), else_=0),
            "error": error.encode("utf-8", "replace").decode().replace("\0", "\\0"),
        }
        if lane is not None:
            values["lane"] = case((same & (columns.held_until_ns <= now_ns), int(lane)), else_=columns.lane)
        query = (
            update(backlog)
            .where(
                columns.replication_id == claim.replication_id,
                columns.key == encode_key(claim.key),
                columns.fence == claim.fence,
            )
            .values(values)
        )
        await self._write(query)

    async def _write(self, query: Update) -> int:
        # A function of its own: rowcount is gone once the transaction has ended.
        return await self._database.write.run(lambda connection: connection.execute(query).rowcount)

    async def lag(self, replication_id: int) -> Lag:
        """How far this replication is behind. Reads all its rows: once in a while, not for every object."""
        now_ns = self._clock.now_ns()
        return await self._database.read.run(partial(backlog_lag.lag, replication_id=replication_id, now_ns=now_ns))

    async def lags(self) -> dict[int, Lag]:
        """How far each replication is behind that has rows. Reads them all, so more seldom still."""
        return await self._database.read.run(partial(backlog_lag.lags, now_ns=self._clock.now_ns()))

    async def parked(self, replication_id: int, limit: int = 1000, start_after: str | None = None) -> list[ParkedRow]:
        """The next parked keys in byte order; fewer than `limit` means that these were the last."""
        columns = backlog.c
        query = select(columns.key, columns.marked_ns, columns.ready_ns, columns.attempts, columns.error)
        query = query.where(columns.replication_id == replication_id, PARKED).order_by(columns.key).limit(limit)
        if start_after is not None:
            query = query.where(columns.key > encode_key(start_after))
        rows = await self._database.read.run(lambda connection: connection.execute(query).all())
        return [
            ParkedRow(decode_key(key), marked_ns, at, attempts, error) for key, marked_ns, at, attempts, error in rows
        ]

    async def failing(
        self,
        replication_id: int,
        limit: int = 1000,
        start_after: str | None = None,
        *,
        among: Collection[str] | None = None,
    ) -> list[FailedRow]:
        """The next keys in byte order whose last attempt failed: parked, or to be tried again.

        Fewer than `limit` means that these were the last. `among` looks at these keys alone. Passes all rows of the
        replication: for a person who asks, not for every object.
        """
        columns = backlog.c
        is_parked = (columns.lane == int(Lane.PARKED)).label("parked")
        query = (
            select(columns.key, is_parked, columns.marked_ns, columns.ready_ns, columns.attempts, columns.error)
            .where(columns.replication_id == replication_id, columns.error.is_not(None))
            .order_by(columns.key)
            .limit(limit)
        )
        if start_after is not None:
            query = query.where(columns.key > encode_key(start_after))
        if among is None:
            return await self._failed(query)
        found = [await self._failed(query.where(columns.key.in_(part))) for part in _parts(among)]
        return sorted((row for rows in found for row in rows), key=lambda row: encode_key(row.key))[:limit]

    async def reasons(
        self, replication_ids: Collection[int] | None = None, *, holding: str | None = None, most: int | None = None
    ) -> list[ReasonRow]:
        """What keys fail for, and how many, of all replications or of these: see `brigade.state.backlog_reasons`."""
        ask = partial(backlog_reasons.reasons, replication_ids=replication_ids, holding=holding, most=most)
        return await self._database.read.run(ask)

    async def _failed(self, query: Select[Any]) -> list[FailedRow]:
        rows = await self._database.read.run(lambda connection: connection.execute(query).all())
        return [FailedRow(decode_key(key), bool(parked), *rest) for key, parked, *rest in rows]

    async def try_again(self, replication_id: int, keys: Collection[str] | None = None) -> int:
        """Try failed keys again now, all or these, with all their attempts. Returns how many there were.

        Parked ones become live; of the others the pause ends, unless somebody is at work on them.
        """
        now_ns = self._clock.now_ns()
        columns = backlog.c
        values = {
            "lane": case((PARKED, int(Lane.LIVE)), else_=columns.lane),
            "ready_ns": case((columns.held_until_ns > now_ns, columns.held_until_ns), else_=now_ns),
            "attempts": 0,
        }
        failed = (columns.error.is_not(None), columns.owner.is_(None))
        counts = [
            await self._write(update(backlog).where(*where, *failed).values(values))
            for where in _where(replication_id, keys)
        ]
        self.wake()
        return sum(counts)

    async def wake_resting(self, replication_id: int) -> int:
        """Have what was seen to, and rests before it is looked at once more, looked at now. How many keys."""
        now_ns = self._clock.now_ns()
        rest = backlog.c.replication_id == replication_id, backlog_lag.rests(now_ns), backlog.c.lane != int(Lane.PARKED)
        count = await self._write(update(backlog).where(*rest).values(ready_ns=now_ns))
        self.wake()
        return count

    async def unpark(self, replication_id: int, keys: Collection[str] | None = None) -> int:
        """Try parked keys again, all or these, with all their attempts. Returns how many there were."""
        values = {"lane": int(Lane.LIVE), "ready_ns": self._clock.now_ns(), "attempts": 0}
        counts = [
            await self._write(update(backlog).where(*where).values(values))
            for where in _where(replication_id, keys, PARKED)
        ]
        self.wake()
        return sum(counts)

    async def dismiss(self, replication_id: int, keys: Collection[str] | None = None, note: str = "") -> int:
        """Forget parked keys, all or these, and keep on record that somebody decided so. Returns how many there were."""
        now_ns = self._clock.now_ns()
        jobs = [
            partial(backlog_dismissals.dismiss, where=where, note=note, now_ns=now_ns)
            for where in _where(replication_id, keys, PARKED)
        ]
        return sum([await self._database.write.run(job) for job in jobs])

    async def dismissed(self, replication_id: int, limit: int = 1000) -> list[DismissedRow]:
        """The newest decisions to leave a key, newest first."""
        return await self._database.read.run(
            partial(backlog_dismissals.dismissed, replication_id=replication_id, limit=limit)
        )

    async def dismissed_lately(self) -> dict[int, int]:
        """How many keys were left by decision since the newest run of their replication began, where there are any."""
        return await self._database.read.run(backlog_dismissals.dismissed_lately)

    async def claimed(self, replication_id: int, keys: Collection[str]) -> set[str]:
        """Those of the keys that somebody is at work on."""
        columns = backlog.c
        found: set[str] = set()
        for part in _parts(keys):
            query = select(columns.key).where(
                columns.replication_id == replication_id,
                columns.key.in_(part),
                columns.owner.is_not(None),
                columns.ready_ns > self._clock.now_ns(),
            )
            found.update(await self._keys(query))
        return found

    async def _keys(self, query: Select[Any]) -> list[str]:
        rows = await self._database.read.run(lambda connection: connection.execute(query).scalars().all())
        return [decode_key(key) for key in rows]

    async def wait(self, seconds: float) -> None:
        """Return when there may be something to claim, at the latest after so many seconds; it may be for nothing."""
        poll_seconds = _POLL_SECONDS
        if self._listener is not None:
            await self._listener.ensure()
            poll_seconds = _HEARING_POLL_SECONDS
        if self._missed:
            self._missed = False
            return
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        self._waiting.add(woken)
        timer = loop.create_task(self._clock.sleep(min(seconds, poll_seconds)))
        try:
            await asyncio.wait((woken, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            self._waiting.discard(woken)

    def wake(self) -> None:
        """End every `wait` of this process, or the next one if there is none."""
        self._missed = not self._waiting
        waiting, self._waiting = self._waiting, set()
        for woken in waiting:
            if not woken.done():
                woken.set_result(None)

    async def close(self) -> None:
        """Write the marks that were handed over and listen no more. May be called twice."""
        await self._marker.close()
        if self._listener is not None:
            self._listener.close()


def _where(replication_id: int, keys: Collection[str] | None, *more: Any) -> Iterator[tuple[Any, ...]]:
    which = (backlog.c.replication_id == replication_id, *more)
    if keys is None:
        yield which
        return
    for part in _parts(keys):
        yield (*which, backlog.c.key.in_(part))


def _parts(keys: Collection[str]) -> Iterator[list[bytes]]:
    data = encode_keys(keys)
    for first in range(0, len(data), _MOST_KEYS):
        yield data[first : first + _MOST_KEYS]
