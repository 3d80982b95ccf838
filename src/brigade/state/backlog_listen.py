"""Hearing of marks that other processes made: LISTEN on a connection of its own, watched by the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from brigade.state.backlog_postgres import CHANNEL


class Listener:
    """Calls `wake` when another process, by its token, may have marked something. A lost connection is made again at the next `ensure`.

    Nothing depends on it: whoever waits also looks from time to time.
    """

    def __init__(self, engine: Engine, token: str, wake: Callable[[], None]) -> None:
        self._engine = engine
        self._token = token.encode()
        self._wake = wake
        self._connection: Connection | None = None
        self._protocol: Any = None
        self._descriptor = -1
        self._opening = False
        self._closed = False

    async def ensure(self) -> None:
        """Listen from now on, if the database can be reached."""
        if self._connection is not None or self._opening or self._closed:
            return
        self._opening = True
        try:
            with suppress(SQLAlchemyError):
                self._begin(await asyncio.to_thread(self._connect))
        finally:
            self._opening = False

    def close(self) -> None:
        """Listen no more. May be called twice."""
        self._closed = True
        self._drop()

    def _connect(self) -> Connection:
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            connection.exec_driver_sql(f"LISTEN {CHANNEL}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _begin(self, connection: Connection) -> None:
        if self._closed:
            connection.close()
            return
        self._connection = connection
        self._protocol = connection.connection.driver_connection.pgconn  # type: ignore[union-attr]
        self._descriptor = self._protocol.socket
        asyncio.get_running_loop().add_reader(self._descriptor, self._hear)
        self._wake()  # what was marked before the LISTEN was told to nobody

    def _hear(self) -> None:
        from psycopg import Error

        try:
            self._protocol.consume_input()
        except Error:
            self._drop()
            return
        while (word := self._protocol.notifies()) is not None:
            if word.extra != self._token:
                self._wake()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            connection.invalidate()
            connection.close()
