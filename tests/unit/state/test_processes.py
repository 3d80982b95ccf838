"""Several processes on one database; and what was acknowledged outlives a killed process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from brigade.clock import SystemClock
from brigade.state.state import State

WRITER = """
import asyncio, sys
from brigade.clock import SystemClock
from brigade.objects import Proof
from brigade.state.rows import InventoryRow
from brigade.state.state import State

async def main(url, name, batches):
    state = await State.open(url, clock=SystemClock())
    number = await state.replications.ensure("shared", "a → b")
    for batch in range(batches):
        keys = [f"{name}/{batch:06d}/{n}" for n in range(20)]
        rows = [InventoryRow(key, key, key, Proof.ETAG, True, False, 0) for key in keys]
        assert not await state.inventory.put_if(number, rows)
        print(batch, flush=True)
    await state.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def start_writer(url: str, name: str, batches: int) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3] / "src")}
    command = [sys.executable, "-c", WRITER, url, name, str(batches)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


async def stored_keys(url: str) -> list[str]:
    state = await State.open(url, clock=SystemClock())
    number = await state.replications.ensure("shared", "a → b")
    rows = await state.inventory.rows(number, limit=100_000)
    await state.close()
    assert all(row.source_print == row.key == row.target_print for row in rows)
    return [row.key for row in rows]


async def test_processes_that_start_and_write_at_once_lose_nothing(url: str) -> None:
    """They also make the database at once: it must be made exactly once."""
    writers = [start_writer(url, f"w{number}", 50) for number in range(3)]
    for writer in writers:
        output, _ = await asyncio.to_thread(writer.communicate)
        assert writer.returncode == 0, output
    keys = await stored_keys(url)
    assert len(keys) == len(set(keys)) == 3 * 50 * 20


async def test_what_was_acknowledged_outlives_kill_9(url: str) -> None:
    writer = start_writer(url, "w", 1_000_000)
    assert writer.stdout is not None
    acknowledged = -1
    while acknowledged < 40:
        acknowledged = int(await asyncio.to_thread(writer.stdout.readline))
    os.kill(writer.pid, signal.SIGKILL)
    rest = await asyncio.to_thread(writer.stdout.read)
    writer.stdout.close()
    writer.wait()
    acknowledged = max([acknowledged, *(int(line) for line in rest.split())])
    keys = set(await stored_keys(url))
    assert {f"w/{batch:06d}/{n}" for batch in range(acknowledged + 1) for n in range(20)} <= keys
    assert len(keys) % 20 == 0, "a batch is there whole or not at all"
