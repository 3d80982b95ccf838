"""`brigade run` as it goes on: its parts, its siblings, its end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from brigade.cli.logs import begin_logs
from brigade.cli.session import run_until_stopped
from brigade.cli.siblings import Siblings, ended_by_parent
from brigade.engine.groups import first_error
from brigade.errors import BrigadeError, UsageError
from brigade.wiring.state import STATE_VARIABLE

if TYPE_CHECKING:
    from brigade.wiring.wiring import Wiring


def go_on(wiring: Wiring, names: Sequence[str], *, processes: int, number: int, log_json: bool) -> int:
    """Work in the roles of these names until stopped; returns the exit code."""
    from brigade.wiring.live import Live
    from brigade.wiring.scene import Role

    if unknown := [name for name in names if name not in set(Role)]:
        raise UsageError(
            f"there is no role {unknown[0]!r}",
            hint=f"roles are {', '.join(Role)}; with --once replications are named",
        )
    is_sibling = number > 0
    assert wiring.loaded is not None
    voice = begin_logs(wiring.loaded.config.log, as_json=log_json, is_sibling=is_sibling)
    live = Live(wiring, [Role(name) for name in names], voice, processes=processes, number=number)
    siblings = Siblings(
        _sibling_arguments(wiring, names, log_json=log_json),
        {**wiring.environment, STATE_VARIABLE: wiring.state_url()},
        processes - 1,
        clock=wiring.clock,
        trouble=voice.trouble,
    )

    async def work(stop: asyncio.Event, reload: asyncio.Event) -> None:
        with first_error():
            async with asyncio.TaskGroup() as group:
                group.create_task(siblings.run(stop))
                orphaned = group.create_task(_stop_with_parent(stop)) if is_sibling else None
                await live.run(stop, reload)
                if orphaned is not None:
                    orphaned.cancel()

    try:
        run_until_stopped(work, on_reload=siblings.reload)
    except BrigadeError as error:
        if voice.failed(error):
            return error.exit_code
        raise
    voice.stopped()
    return 0


def _sibling_arguments(wiring: Wiring, names: Sequence[str], *, log_json: bool) -> list[str]:
    assert wiring.loaded is not None
    log = ["--log-json"] if log_json else []
    return ["run", *names, *log, "--config", str(wiring.loaded.file), "--sibling"]


async def _stop_with_parent(stop: asyncio.Event) -> None:
    await ended_by_parent()
    stop.set()
