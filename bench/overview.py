"""Driver: how long the overview of the pages takes, with many replications and failures, one look after the other.

The state is filled first; then `brigade run api` serves it, and nothing else runs.

Task: `program`, `config`, `state` (URL), `url`, `failures`, `looks`, `server_pids`.
"""

from __future__ import annotations

import asyncio
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.driving import Stretch, command_of, quantile, report, start, task, wait_for_words
from brigade.clock import SystemClock
from brigade.config.load import load_config
from brigade.control.status import Known
from brigade.state.owner import Owner
from brigade.state.rows import RunKind, RunState
from brigade.state.state import State
from brigade.wiring.plans import ConfiguredPlans
from brigade.wiring.wiring import Wiring

_FAILING_REPLICATIONS = 100
_LEASE_SECONDS = 600.0
_LOOK_TIMEOUT_SECONDS = 30
_WARM_LOOKS = 2


async def _fill(asked: Mapping[str, Any]) -> None:
    """A run of each replication, and the failures spread over some of them."""
    config = Path(asked["config"])
    loaded = load_config(config, {})
    known = ConfiguredPlans(Wiring(SystemClock(), {}, config.parent, loaded), loaded).known([])
    state = await State.open(asked["state"], clock=SystemClock())
    try:
        for number, each in enumerate(known):
            failing = asked["failures"] // _FAILING_REPLICATIONS if number < _FAILING_REPLICATIONS else 0
            await _fill_one(state, each, failing)
    finally:
        await state.close()


async def _fill_one(state: State, known: Known, failing: int) -> None:
    assert known.identity is not None
    replication_id = await state.replications.ensure(known.name, known.identity)
    run = await state.runs.begin(replication_id, RunKind.SYNC, {}, Owner.current(), _LEASE_SECONDS)
    await state.runs.finish(run, RunState.DONE, {"considered": 1000, "copied": 10})
    if failing:
        await state.backlog.mark(replication_id, [f"photos/{number:08}.jpg" for number in range(failing)], live=True)
    while claims := await state.backlog.claim([replication_id], str(Owner.current()), 1000, _LEASE_SECONDS):
        async with asyncio.TaskGroup() as group:
            for claim in claims:
                group.create_task(state.backlog.park(claim, f"put {claim.key!r}: AccessDenied"))


def _look(url: str, name: str) -> tuple[float, str]:
    """Seconds until the page is there, and what is wrong with it."""
    began = time.perf_counter()
    with urllib.request.urlopen(url, timeout=_LOOK_TIMEOUT_SECONDS) as answer:
        page = answer.read()
    return time.perf_counter() - began, "" if name.encode() in page else f"{name} is not on the page"


def main() -> int:
    """Fill the state, start the program, look, print how long it took."""
    asked = task()
    asyncio.run(_fill(asked))
    program = start("program", command_of(asked["program"]))
    try:
        wait_for_words(program, "api: listens")
        looks = [_look(asked["url"], "team-0000") for _ in range(_WARM_LOOKS)]
        with Stretch([program], asked["server_pids"]) as stretch:
            looks = [_look(asked["url"], "team-0000") for _ in range(asked["looks"])]
        seconds, troubles = zip(*looks, strict=True)
        shares = (("median_seconds", 0.5), ("p99_seconds", 0.99))
        figures = {name: quantile(seconds, share) for name, share in shares}
        report(**stretch.figures(), **figures, longest_seconds=max(seconds), trouble=max(troubles))
    finally:
        program.stop(grace_seconds=3)
    return 0


if __name__ == "__main__":
    sys.exit(main())
