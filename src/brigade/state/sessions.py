"""The sessions of browsers: which token each has shown, and until when. Only digests of their ids are kept."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from brigade.clock import Clock
from brigade.state.engine import Database
from brigade.state.schema import sessions


class SessionRow(NamedTuple):
    """One browser's. `digest` is the SHA-256 of its id."""

    digest: bytes
    token_id: str
    until_ns: int


class Sessions:
    """Begun, found, ended. A session whose token was revoked goes with the token."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, session: SessionRow, *, most: int) -> None:
        """Keep a new one, and sweep out those that are over; beyond `most` those that end first go too."""
        now_ns = self._clock.now_ns()

        def work(connection: Connection) -> None:
            connection.execute(delete(sessions).where(sessions.c.until_ns <= now_ns))
            connection.execute(insert(sessions).values(**session._asdict()))
            too_many = (connection.execute(select(func.count()).select_from(sessions)).scalar() or 0) - most
            if too_many > 0:
                first = select(sessions.c.digest).order_by(sessions.c.until_ns).limit(too_many)
                connection.execute(delete(sessions).where(sessions.c.digest.in_(first)))

        await self._database.write.run(work)

    async def find(self, digest: bytes) -> SessionRow | None:
        """The session with this digest, over or not."""
        query = select(sessions).where(sessions.c.digest == digest)
        row = await self._database.read.run(lambda connection: connection.execute(query).first())
        return SessionRow(*row) if row is not None else None

    async def end(self, digest: bytes) -> None:
        """It opens nothing any more."""
        query = delete(sessions).where(sessions.c.digest == digest)
        await self._database.write.run(lambda connection: connection.execute(query))
