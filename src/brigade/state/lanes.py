"""Database work off the event loop: threads that serve a bounded queue, and the group commit of writers.

A lane is one queue and its threads, each with a connection of its own. A writing lane takes everything that
has arrived (up to `group`) into one transaction: what comes while one commit is under way shares the next.
A job is a function of the connection. **It may run more than once**: when a group fails it is rolled back
and its jobs run again one by one, so that an error meets only the caller it belongs to.

A job that was submitted is carried out even if its caller is cancelled meanwhile.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from brigade.errors import StateError
from brigade.state.trouble import is_transient, translate

T = TypeVar("T")
Job = Callable[[Connection], T]

QUEUE_LIMIT = 1024
"""Jobs waiting or running in one lane; whoever comes then waits for a place. A job holds at most a batch of rows."""

GROUP_LIMIT = 256
"""Jobs in one transaction: above that a commit's price is spread thin enough, and latency counts."""

ATTEMPTS = 3
"""For a job that deadlocked or lost its connection."""


class _Task(NamedTuple):
    job: Job[Any]
    future: asyncio.Future[Any]


class _Result(NamedTuple):
    task: _Task
    value: object
    error: Exception | None


class _NoTransaction(Exception):
    """No connection, or no transaction on it: no job is to blame, and running them one by one is no use."""


class Lane:
    """One queue, `threads` threads. `writes` makes transactions; a reading lane runs each job by itself."""

    def __init__(self, engine: Engine, *, place: str, threads: int, writes: bool) -> None:
        self._place = place
        self._writes = writes
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(QUEUE_LIMIT)
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._closed = False
        if not writes:
            engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._sessions = [_Session(engine) for _ in range(threads)]
        name = "state-writer" if writes else "state-reader"
        self._threads = [
            threading.Thread(target=self._serve, args=(session,), name=name, daemon=True) for session in self._sessions
        ]
        for thread in self._threads:
            thread.start()

    @property
    def transactions(self) -> int:
        """How many have ended well so far."""
        return sum(session.transactions for session in self._sessions)

    async def run(self, job: Job[T]) -> T:
        """The job's value, for a writing lane after its commit."""
        await self._slots.acquire()
        if self._closed:
            self._slots.release()
            raise StateError(f"the state {self._place} is closed already")
        future: asyncio.Future[T] = self._loop.create_future()
        self._tasks.put(_Task(job, future))
        return await future

    async def close(self) -> None:
        """Finish what was submitted, then end the threads. May be called twice."""
        if not self._closed:
            self._closed = True
            for _ in self._threads:
                self._tasks.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _serve(self, session: _Session) -> None:
        try:
            while (first := self._tasks.get()) is not None:
                self._deliver(self._settle(session, self._gather(first)))
        finally:
            session.close()

    def _gather(self, first: _Task) -> list[_Task]:
        tasks = [first]
        while self._writes and len(tasks) < GROUP_LIMIT:
            try:
                task = self._tasks.get_nowait()
            except Empty:
                break
            if task is None:
                self._tasks.put(None)
                break
            tasks.append(task)
        return tasks

    def _settle(self, session: _Session, tasks: list[_Task]) -> list[_Result]:
        try:
            return self._together(session, tasks)
        except _NoTransaction as error:
            return [_Result(task, None, _cause(error)) for task in tasks]
        except Exception as error:  # noqa: BLE001  whatever it is, it belongs to one of the callers
            if len(tasks) == 1 and not is_transient(error):
                return [_Result(tasks[0], None, error)]
        return [self._alone(session, task) for task in tasks]

    def _alone(self, session: _Session, task: _Task) -> _Result:
        attempt = 1
        while True:
            try:
                return self._together(session, [task])[0]
            except _NoTransaction as error:
                return _Result(task, None, _cause(error))
            except Exception as error:  # noqa: BLE001  the same
                if attempt == ATTEMPTS or not is_transient(error):
                    return _Result(task, None, error)
            attempt += 1

    def _together(self, session: _Session, tasks: list[_Task]) -> list[_Result]:
        connection = session.begin(immediate=self._writes)
        try:
            results = [_Result(task, task.job(connection), None) for task in tasks]
            connection.commit()
        except BaseException:
            session.abandon()
            raise
        session.transactions += 1
        return results

    def _deliver(self, results: list[_Result]) -> None:
        settled = [
            result if result.error is None else result._replace(error=translate(result.error, self._place))
            for result in results
        ]
        with suppress(RuntimeError):  # The loop is gone, and with it everybody who waited.
            self._loop.call_soon_threadsafe(self._hand_over, settled)

    def _hand_over(self, results: list[_Result]) -> None:
        for task, value, error in results:
            self._slots.release()
            if task.future.done():
                continue
            if error is None:
                task.future.set_result(value)
            else:
                task.future.set_exception(error)


class _Session:
    """The connection of one thread: made at first use, thrown away when it broke."""

    def __init__(self, engine: Engine) -> None:
        self.transactions = 0
        self._engine = engine
        self._connection: Connection | None = None

    def begin(self, *, immediate: bool) -> Connection:
        """A connection in a transaction. SQLite takes the write lock at once: never a deadlock by upgrade."""
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            self._connection.begin()
            if immediate and self._engine.dialect.name == "sqlite":
                self._connection.exec_driver_sql("BEGIN IMMEDIATE")
        except Exception as error:
            self.abandon()
            raise _NoTransaction from error
        return self._connection

    def abandon(self) -> None:
        """Roll back; a connection that cannot even do that is closed."""
        if self._connection is None:
            return
        try:
            if not self._connection.invalidated:
                self._connection.rollback()
                return
        except SQLAlchemyError:
            self._connection.invalidate()
        self.close()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _cause(error: _NoTransaction) -> Exception:
    assert isinstance(error.__cause__, Exception)
    return error.__cause__
