"""The tokens of the API. Only digests of their secrets are kept."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from brigade.clock import Clock
from brigade.state.control_rows import TokenRow
from brigade.state.engine import Database
from brigade.state.schema import sessions, tokens


class Tokens:
    """Made, found, revoked."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, token: TokenRow) -> None:
        """Keep a new token; its id is random, so it is new."""
        await self._database.write.run(lambda connection: connection.execute(insert(tokens).values(**token._asdict())))

    async def find(self, token_id: str) -> TokenRow | None:
        """The token with this id, expired or not."""
        query = select(tokens).where(tokens.c.id == token_id)
        row = await self._database.read.run(lambda connection: connection.execute(query).first())
        return TokenRow(*row) if row is not None else None

    async def all(self) -> list[TokenRow]:
        """Every token, oldest first."""
        query = select(tokens).order_by(tokens.c.created_ns, tokens.c.id)
        rows = await self._database.read.run(lambda connection: connection.execute(query).all())
        return [TokenRow(*row) for row in rows]

    async def revoke(self, token_id: str) -> bool:
        """From now on it opens nothing, and what browsers have opened with it is closed. True if it was there."""

        def work(connection: Connection) -> bool:
            connection.execute(delete(sessions).where(sessions.c.token_id == token_id))
            return connection.execute(delete(tokens).where(tokens.c.id == token_id)).rowcount > 0

        return await self._database.write.run(work)

    async def used(self, token_id: str) -> None:
        """Note that it was used now."""
        query = update(tokens).where(tokens.c.id == token_id).values(used_ns=self._clock.now_ns())
        await self._database.write.run(lambda connection: connection.execute(query))
