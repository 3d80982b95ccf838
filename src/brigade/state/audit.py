"""Who did what. Entries are added, and never changed."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import insert, select

from brigade.clock import Clock
from brigade.state.control_rows import AuditRow
from brigade.state.engine import Database
from brigade.state.schema import audit


class Audit:
    """The record of what people and programs changed through the API and the command line."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, actor: str, action: str, subject: str, detail: Mapping[str, object] | None = None) -> None:
        """Durable when it returns. `detail` holds no secret."""
        values = {"actor": actor, "action": action, "subject": subject, "detail": dict(detail or {})}
        query = insert(audit).values(at_ns=self._clock.now_ns(), **values)
        await self._database.write.run(lambda connection: connection.execute(query))

    async def page(
        self, limit: int, *, before: int | None = None, subject: str | None = None, actor: str | None = None
    ) -> list[AuditRow]:
        """The newest entries, newest first; the next page is what stands before the last id of this one."""
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(audit.c.id < before)
        if subject is not None:
            query = query.where(audit.c.subject == subject)
        if actor is not None:
            query = query.where(audit.c.actor == actor)
        rows = await self._database.read.run(lambda connection: connection.execute(query).all())
        return [AuditRow(*row) for row in rows]
