"""What people have ordered of replications: kept, so that it also holds for processes that start later."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from brigade.clock import Clock
from brigade.state.control_rows import Ask, Order
from brigade.state.engine import Database
from brigade.state.revisions import change_or_insert, raise_revision, revision_of
from brigade.state.schema import orders

_NAME = "orders"
_NONE = Order()._asdict()


class Orders:
    """Orders go by the name of a replication, for what the name stands for may change its places."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def revision(self) -> int:
        """The number of the newest order, 0 before the first."""
        return await self._database.read.run(lambda connection: revision_of(connection, _NAME))

    async def all(self) -> dict[str, Order]:
        """The orders of each replication that ever had one."""
        rows = await self._database.read.run(lambda connection: connection.execute(select(orders)).all())
        return {row.name: Order(row.paused, row.note, row.reconcile_ns, row.verify_ns) for row in rows}

    async def of(self, name: str) -> Order:
        """The orders of one replication."""
        return (await self.all()).get(name, Order())

    async def pause(self, name: str, note: str = "") -> None:
        """Nothing is to be done for it until `resume`; its changes are noted all the same."""
        await self._set(name, {"paused": True, "note": note})

    async def resume(self, name: str) -> None:
        """Go on."""
        await self._set(name, {"paused": False, "note": ""})

    async def ask(self, name: str, ask: Ask) -> int:
        """Ask for a run that begins after this moment, in nanoseconds."""
        now_ns = self._clock.now_ns()
        await self._set(name, {f"{ask.value}_ns": now_ns})
        return now_ns

    async def forget(self, name: str) -> None:
        """Another replication that gets this name begins without orders."""
        await self._set(name, _NONE)

    async def _set(self, name: str, values: dict[str, object]) -> None:
        await self._database.write.run(lambda connection: _set(connection, name, values))


def _set(connection: Connection, name: str, values: dict[str, object]) -> None:
    change = update(orders).where(orders.c.name == name).values(**values)
    change_or_insert(connection, change, insert(orders).values(name=name, **{**_NONE, **values}))
    raise_revision(connection, _NAME)
