"""Multipart uploads in flight: recorded before the store is asked, so that none is ever left over unseen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from brigade.clock import Clock
from brigade.errors import StateError
from brigade.state.engine import Database
from brigade.state.keys import decode_key, encode_key
from brigade.state.rows import UploadRow
from brigade.state.schema import uploads


class Uploads:
    """One upload a key at a time: intend, began, and forget once it is completed or aborted."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def intend(self, replication_id: int, key: str, source_print: str, part_sizes_bytes: Sequence[int]) -> None:
        """Durable before the upload is created: a crash right after leaves a trace to look for at the store.

        Raises `StateError` while another upload of this key is on record with its id: that one would be lost.
        """
        values = {
            "source_print": source_print,
            "parts": [[size, len(list(same))] for size, same in groupby(part_sizes_bytes)],
            "created_ns": self._clock.now_ns(),
        }
        data = encode_key(key)
        await self._database.write.run(lambda connection: _intend(connection, replication_id, data, values))

    async def began(self, replication_id: int, key: str, upload_id: str) -> None:
        """The store gave the upload its id. Raises `StateError` if it was not intended."""
        query = update(uploads).where(*_at(replication_id, encode_key(key))).values(upload_id=upload_id)
        if not await self._database.write.run(lambda connection: connection.execute(query).rowcount):
            raise StateError(f"an upload of {key!r} began that was never intended")

    async def forget(self, replication_id: int, key: str) -> None:
        """The upload was completed or aborted; fine if it is not on record."""
        query = delete(uploads).where(*_at(replication_id, encode_key(key)))
        await self._database.write.run(lambda connection: connection.execute(query).rowcount)

    async def get(self, replication_id: int, key: str) -> UploadRow | None:
        """The upload of this key that is not settled, if there is one."""
        query = select(uploads).where(*_at(replication_id, encode_key(key)))
        row = await self._database.read.run(lambda connection: connection.execute(query).first())
        return None if row is None else _to_upload(row)

    async def all(self, replication_id: int) -> list[UploadRow]:
        """Every upload that is not settled, in key order: what an earlier run left behind."""
        query = select(uploads).where(uploads.c.replication_id == replication_id).order_by(uploads.c.key)
        rows = await self._database.read.run(lambda connection: connection.execute(query).all())
        return [_to_upload(row) for row in rows]


def _at(replication_id: int, key: bytes) -> tuple[Any, Any]:
    return uploads.c.replication_id == replication_id, uploads.c.key == key


def _intend(connection: Connection, replication_id: int, key: bytes, values: dict[str, object]) -> None:
    standing = connection.execute(select(uploads.c.upload_id).where(*_at(replication_id, key))).first()
    if standing is None:
        connection.execute(insert(uploads).values(replication_id=replication_id, key=key, **values))
    elif standing.upload_id is None:
        connection.execute(update(uploads).where(*_at(replication_id, key)).values(values))
    else:
        raise StateError(
            f"an upload of {decode_key(key)!r} is on record already", hint="resume it, or abort it and forget it"
        )


def _to_upload(row: Row[Any]) -> UploadRow:
    sizes = tuple(size for size, count in row.parts for _ in range(count))
    return UploadRow(decode_key(row.key), row.upload_id, row.source_print, sizes, row.created_ns)
