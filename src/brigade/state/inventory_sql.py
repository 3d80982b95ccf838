"""What differs between the engines in the inventory's statements, as a protocol, and the values it passes."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from sqlalchemy import Connection

Stored = tuple[bytes, str, str, str, int, int]
"""A row as the engines take and give it: key, source print, target print, proof, flags, generation."""


class Batch(NamedTuple):
    """Rows to write, each key once; `stamp` is the least generation that they get."""

    replication_id: int
    rows: list[Stored]
    stamp: int


class InventoryStatements(Protocol):
    """Each in the fastest form that its engine has. Writes run inside a transaction."""

    def get(self, connection: Connection, replication_id: int, keys: list[bytes]) -> list[Stored]:
        """The rows of those keys that have one, in any order."""

    def page(self, connection: Connection, replication_id: int, start_after: bytes, limit: int) -> list[Stored]:
        """The next rows in byte order."""

    def put(self, connection: Connection, batch: Batch) -> None:
        """Insert or replace."""

    def put_if(self, connection: Connection, batch: Batch) -> set[bytes]:
        """Write where the stored generation is the row's (0: absent). The keys that were not written."""

    def remove(self, connection: Connection, replication_id: int, keys: list[bytes]) -> None:
        """Delete the rows that are there."""
