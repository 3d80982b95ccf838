"""The open state: one database and the tables in it, each behind a small typed face."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from brigade.clock import Clock
from brigade.state.backlog import Backlog
from brigade.state.engine import Database, Place, open_database
from brigade.state.gateway_uploads import GatewayUploads
from brigade.state.inventory import Inventory
from brigade.state.migrate import bring_up
from brigade.state.ranges import Ranges
from brigade.state.replications import Replications
from brigade.state.routes import RouteBook
from brigade.state.runs import Runs
from brigade.state.uploads import Uploads

if TYPE_CHECKING:
    from brigade.state.control import ControlState


class State:
    """What Brigade remembers. Every method that writes returns after its commit is durable.

    A write that was submitted is carried out even if its caller is cancelled; to also wait for it, use
    `brigade.state.shield.shielded`.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.replications = Replications(database, clock)
        self.inventory = Inventory(database, clock)
        self.backlog = Backlog(database, clock)
        self.runs = Runs(database, clock)
        self.ranges = Ranges(database, clock)
        self.uploads = Uploads(database, clock)
        self.routes = RouteBook(database, clock)
        self.gateway_uploads = GatewayUploads(database, clock)

    @classmethod
    async def open(cls, url: str, *, clock: Clock) -> State:
        """Open, make or migrate the database. Raises `ConfigError` for a bad URL, `StateError` for the rest."""
        database = open_database(Place.parse(url))
        try:
            await bring_up(database)
        except BaseException:
            await database.close()
            raise
        return cls(database, clock)

    @cached_property
    def control(self) -> ControlState:
        """What operators work with; a sync has no need of it, and does not load it."""
        from brigade.state.control import ControlState

        return ControlState(self._database, self._clock)

    async def ping(self) -> None:
        """Raises `StateError` if the database does not answer."""
        query = "SELECT id FROM replications LIMIT 1"
        await self._database.read.run(lambda connection: connection.exec_driver_sql(query).first())

    @property
    def commits(self) -> int:
        """How many transactions this process has written so far; fewer than writes where they shared one."""
        return self._database.write.transactions

    async def close(self) -> None:
        """Finish what was submitted and close. May be called twice."""
        await self.backlog.close()
        await self._database.close()
