"""A helper process of a run: `python -m brigade.supervisor`, started by a run and by nobody else.

It reads a recipe and then orders from its standard input, and ends when that ends: with the run, however it ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import BinaryIO

from brigade.clock import SystemClock
from brigade.control.work import opened
from brigade.engine.frames import read_frame
from brigade.engine.helper import MovedBytes, RelayLedger, Service
from brigade.engine.job import Job
from brigade.wiring.helpers import Recipe
from brigade.wiring.wiring import Wiring

_READ_LIMIT_BYTES = 1024 * 1024


def main() -> None:
    """Serve one run. An interrupt from the terminal is the run's to handle: it closes our input."""
    import uvloop

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Answers have the standard output for themselves: whatever else is printed goes to the error output.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        uvloop.run(_serve(answers))


async def _serve(answers: BinaryIO) -> None:
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=_READ_LIMIT_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin.buffer)
    transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, answers)
    recipe = await read_frame(orders)
    if not isinstance(recipe, Recipe):
        return
    wiring = _wiring(recipe)
    errand = recipe.errand
    work = wiring.work(errand.source, errand.target, errand.policy, errand.options)
    moved = MovedBytes()
    async with wiring.opened_state() as state, opened(work, read_only=False) as stores:
        ledger = RelayLedger(state, recipe.replication_id, followed=recipe.followed)
        await ledger.load()
        job = Job(stores.source, stores.target, work.policy, wiring.clock, moved, ledger, limits=work.limits)
        await Service(job, ledger, moved, transport.write).serve(orders)
    transport.close()


def _wiring(recipe: Recipe) -> Wiring:
    from brigade.config.load import load_config

    loaded = load_config(recipe.config, os.environ) if recipe.config else None
    return Wiring(SystemClock(), os.environ, Path(recipe.directory), loaded, recipe.state_url)


if __name__ == "__main__":
    main()
