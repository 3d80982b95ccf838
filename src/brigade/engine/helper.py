"""The helper's side: settle what is ordered on standard input, answer on standard output, end with the input."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from brigade.engine.frames import Answer, Order, Report, encode, read_frame
from brigade.engine.job import Job
from brigade.engine.ledger import Ledger
from brigade.engine.report import Outcome
from brigade.engine.settle import Settler
from brigade.state.rows import InventoryRow


class RelayLedger(Ledger):
    """A ledger whose rows go back to the run that ordered the work; only uploads are put on record here."""

    rows: dict[str, InventoryRow]

    async def load(self) -> None:
        self.rows = {}

    async def remember(self, row: InventoryRow) -> None:
        self.rows[row.key] = row

    async def flush(self) -> None:
        """Nothing waits here."""


class MovedBytes:
    """An observer that only adds up what was moved; the run itself tells of outcomes."""

    def __init__(self) -> None:
        self.size_bytes = 0

    def outcome(self, outcome: Outcome) -> None:
        """Told by the run."""

    def planned(self, objects: int, size_bytes: int) -> None:
        """Told by the run."""

    def moved(self, size_bytes: int) -> None:
        self.size_bytes += size_bytes

    def take(self) -> int:
        """What was moved since the last time."""
        size_bytes, self.size_bytes = self.size_bytes, 0
        return size_bytes


class Service:
    """Serves one run until its orders end."""

    def __init__(self, job: Job, ledger: RelayLedger, moved: MovedBytes, write: Callable[[bytes], object]) -> None:
        self._ledger = ledger
        self._moved = moved
        self._write = write
        self._settler = Settler(job)
        self._answers: list[Answer] = []

    async def serve(self, orders: asyncio.StreamReader) -> None:
        """Work off all orders at once: whoever gives them bounds their number. Returns when the input ends.

        What is still under way then is cancelled: nobody waits for the answers any more.
        """
        async with asyncio.TaskGroup() as group:
            tasks: set[asyncio.Task[None]] = set()
            while (batch := await read_frame(orders)) is not None:
                for order in batch:
                    task = group.create_task(self._carry_out(order))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
            for task in tasks:
                task.cancel()

    async def _carry_out(self, order: Order) -> None:
        outcome = await self._settler.settle(order.task)
        row = self._ledger.rows.pop(order.task.pair.key, None)
        if not self._answers:
            asyncio.get_running_loop().call_soon(self._send)
        self._answers.append(Answer(order.number, outcome, row, self._settler.full))

    def _send(self) -> None:
        answers, self._answers = self._answers, []
        self._write(encode(Report(answers, self._moved.take())))
