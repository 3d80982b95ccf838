"""What people have ordered of replications: kept, so that it also holds for processes that start later."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from brigade.clock import Clock
from brigade.state.control_rows import Ask, Order
from brigade.state.engine import Database
from brigade.state.revisions import change_or_insert, insert_unless_there, raise_revision, revision_of
from brigade.state.schema import answers, orders

_NAME = "orders"
_NONE = {"paused": False, "note": "", "reconcile_ns": 0, "verify_ns": 0}


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
        return await self._database.read.run(_all)

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

    async def answer(self, name: str, ask: Ask, asked_ns: int) -> None:
        """The run that was asked for at this moment was seen through. Told by no revision: nobody acts on it."""
        await self._database.write.run(lambda connection: _answer(connection, name, ask, asked_ns))

    async def forget(self, name: str) -> None:
        """Another replication that gets this name begins without orders."""

        def work(connection: Connection) -> None:
            connection.execute(delete(answers).where(answers.c.name == name))
            _set(connection, name, _NONE)

        await self._database.write.run(work)

    async def _set(self, name: str, values: dict[str, object]) -> None:
        await self._database.write.run(lambda connection: _set(connection, name, values))


def _all(connection: Connection) -> dict[str, Order]:
    answered = {(row.name, row.ask): row.asked_ns for row in connection.execute(select(answers))}
    return {
        row.name: Order(
            row.paused,
            row.note,
            row.reconcile_ns,
            row.verify_ns,
            answered.get((row.name, Ask.RECONCILE.value), 0),
            answered.get((row.name, Ask.VERIFY.value), 0),
        )
        for row in connection.execute(select(orders))
    }


def _answer(connection: Connection, name: str, ask: Ask, asked_ns: int) -> None:
    place = {"name": name, "ask": ask.value}
    if not insert_unless_there(connection, insert(answers).values(**place, asked_ns=asked_ns)):
        newer = update(answers).filter_by(**place).where(answers.c.asked_ns < asked_ns)
        connection.execute(newer.values(asked_ns=asked_ns))


def _set(connection: Connection, name: str, values: dict[str, object]) -> None:
    change = update(orders).where(orders.c.name == name).values(**values)
    change_or_insert(connection, change, insert(orders).values(name=name, **{**_NONE, **values}))
    raise_revision(connection, _NAME)
