"""Claims inside one transaction, the same on both engines: whose turn it is, and what a claim that ends may change."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import Connection

from brigade.state.backlog_sql import BacklogStatements, Due, Held, Lane
from brigade.state.keys import decode_key, encode_keys
from brigade.state.rows import Claim


class Request(NamedTuple):
    """Who claims how much. `most` bounds single replications below `limit`."""

    replication_ids: Sequence[int]
    owner: str
    limit: int
    lease_seconds: float
    most: Mapping[int, int]
    now_ns: int
    until_ns: int
    stamp: int


class Ending(NamedTuple):
    """Claims that end: `looked` if what they stood for is right now, `delay_ns` before they may be claimed again."""

    now_ns: int
    looked: bool
    delay_ns: int = 0


def claim(connection: Connection, statements: BacklogStatements, request: Request) -> list[Claim]:
    """Equal shares for all replications that have work, and what some leave over for the others."""
    claims: list[Claim] = []
    rooms = {each: min(request.most.get(each, request.limit), request.limit) for each in request.replication_ids}
    open_ids = [each for each in request.replication_ids if rooms[each] > 0]
    while open_ids and len(claims) < request.limit:
        share = -(-(request.limit - len(claims)) // len(open_ids))
        found = _due(connection, statements, open_ids, share, request.now_ns)
        asked, open_ids = open_ids, []
        for each in asked:
            fair = min(share, rooms[each], request.limit - len(claims))
            chosen = found[each][:fair]
            claims += _take(connection, statements, each, chosen, request)
            rooms[each] -= len(chosen)
            # Fewer than asked for means that there are no more.
            if len(found[each]) >= share and rooms[each] > 0:
                open_ids.append(each)
    return claims


_Found = list[tuple[Lane, Due]]


def _due(
    connection: Connection, statements: BacklogStatements, replication_ids: list[int], share: int, now_ns: int
) -> dict[int, _Found]:
    """Live rows first, then backfill where they do not fill the share."""
    found: dict[int, _Found] = {each: [] for each in replication_ids}
    hungry = replication_ids
    for lane in (Lane.LIVE, Lane.BACKFILL):
        rows = statements.due(connection, hungry, lane, now_ns, share)
        for each in hungry:
            found[each] += [(lane, row) for row in rows[each]]
        hungry = [each for each in hungry if len(found[each]) < share]
        if not hungry:
            break
    return found


def _take(
    connection: Connection, statements: BacklogStatements, replication_id: int, rows: _Found, request: Request
) -> Iterator[Claim]:
    if not rows:
        return iter(())
    keys = [row.key for _, row in rows]
    statements.take(connection, replication_id, keys, request.owner, request.stamp, request.until_ns)
    return (
        Claim(
            replication_id,
            decode_key(row.key),
            row.sequence,
            max(row.fence + 1, request.stamp),
            lane is Lane.LIVE,
            row.attempts,
            row.marked_ns,
            request.lease_seconds,
        )
        for lane, row in rows
    )


def end(connection: Connection, statements: BacklogStatements, claims: Sequence[Claim], ending: Ending) -> int:
    """Remove what is settled and free the rest; the number of rows removed. Claims that are ours no more are passed over."""
    removed = 0
    for replication_id, ours in _still_ours(connection, statements, claims):
        gone: list[bytes] = []
        stay: list[bytes] = []
        again: list[bytes] = []
        for mine, row in ours:
            if mine.sequence != row.sequence:
                again.append(row.key)
            elif ending.looked and row.held_until_ns <= ending.now_ns:
                gone.append(row.key)
            else:
                stay.append(row.key)
        if gone:
            statements.remove(connection, replication_id, gone)
        # What was marked during the claim may be claimed at once, whatever becomes of the claim.
        for keys, ready_ns in ((again, ending.now_ns), (stay, ending.now_ns + ending.delay_ns)):
            if keys:
                statements.free(connection, replication_id, keys, ready_ns, looked=ending.looked)
        removed += len(gone)
    return removed


def renew(connection: Connection, statements: BacklogStatements, claims: Sequence[Claim], until_ns: int) -> list[Claim]:
    """Extend the leases that are still ours, and give those back."""
    held: list[Claim] = []
    for replication_id, ours in _still_ours(connection, statements, claims):
        if ours:
            statements.extend(connection, replication_id, [row.key for _, row in ours], until_ns)
            held += [mine for mine, _ in ours]
    return held


def _still_ours(
    connection: Connection, statements: BacklogStatements, claims: Iterable[Claim]
) -> Iterator[tuple[int, list[tuple[Claim, Held]]]]:
    by_replication = attrgetter("replication_id")
    for replication_id, group in groupby(sorted(claims, key=by_replication), by_replication):
        mine = list(group)
        keys = encode_keys(claim.key for claim in mine)
        rows = {row.key: row for row in statements.look(connection, replication_id, keys)}
        pairs = ((claim, rows.get(key)) for claim, key in zip(mine, keys, strict=True))
        yield replication_id, [(claim, row) for claim, row in pairs if row is not None and row.fence == claim.fence]


def rotated(replication_ids: Sequence[int], turn: int) -> list[int]:
    """The same replications, another one first each turn: where there is not one row for each, all get theirs in turn."""
    ids = deque(replication_ids)
    ids.rotate(-turn)
    return list(ids)
