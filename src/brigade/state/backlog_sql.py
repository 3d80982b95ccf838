"""What differs between the engines in the backlog's statements, as a protocol, and the values it passes."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, Protocol

from sqlalchemy import Connection


class Lane(IntEnum):
    """Which rows come first; the numbers are stored, and `schema.PARKED` knows them too."""

    LIVE = 0
    BACKFILL = 1
    PARKED = 2


class Mark(NamedTuple):
    """All marks of one key that share a commit. `holds` is how many holds they begin less those they end."""

    replication_id: int
    key: bytes
    lane: int
    ready_ns: int
    holds: int
    held_until_ns: int


class Due(NamedTuple):
    """A row that may be claimed."""

    key: bytes
    sequence: int
    fence: int
    attempts: int
    marked_ns: int


class Held(NamedTuple):
    """What of a row decides whose it is and whether it may go."""

    key: bytes
    sequence: int
    fence: int
    held_until_ns: int


class BacklogStatements(Protocol):
    """Each in the fastest form that its engine has, all but `any_due` inside a transaction.

    `look` locks the rows it gives; `due` too, and passes over what another process has locked.
    """

    def mark(self, connection: Connection, marks: list[Mark], now_ns: int, stamp: int) -> None:
        """Insert or raise. Each key stands in `marks` once."""

    def any_due(self, connection: Connection, replication_ids: list[int], now_ns: int) -> bool:
        """True if a claim may find something."""

    def due(
        self, connection: Connection, replication_ids: list[int], lane: int, now_ns: int, limit: int
    ) -> dict[int, list[Due]]:
        """Up to `limit` rows of each replication, those first that have been ready the longest."""

    def take(
        self, connection: Connection, replication_id: int, keys: list[bytes], owner: str, stamp: int, until_ns: int
    ) -> None:
        """Make the rows the owner's: the fence becomes the larger of the old one plus one and the stamp."""

    def look(self, connection: Connection, replication_id: int, keys: list[bytes]) -> list[Held]:
        """The rows of those keys that have one."""

    def extend(self, connection: Connection, replication_id: int, keys: list[bytes], until_ns: int) -> None:
        """Move the end of the lease."""

    def free(
        self, connection: Connection, replication_id: int, keys: list[bytes], ready_ns: int, *, looked: bool
    ) -> None:
        """End the claims but keep the rows. `looked`: what was marked before the claim is settled."""

    def remove(self, connection: Connection, replication_id: int, keys: list[bytes]) -> None:
        """Delete the rows."""
