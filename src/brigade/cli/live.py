"""What `brigade run` says while it goes on: what it does, and each trouble in a line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from brigade.cli.session import run_until_stopped
from brigade.cli.siblings import Siblings, ended_by_parent
from brigade.cli.text import one_line
from brigade.engine.groups import first_error
from brigade.errors import UsageError
from brigade.wiring.state import STATE_VARIABLE

if TYPE_CHECKING:
    from brigade.control.run_all import Ended
    from brigade.control.watching import Failures
    from brigade.wiring.wiring import Wiring


def go_on(wiring: Wiring, names: Sequence[str], *, processes: int, number: int) -> int:
    """Work in the roles of these names until stopped; returns the exit code."""
    from brigade.wiring.live import Live
    from brigade.wiring.scene import Role

    if unknown := [name for name in names if name not in set(Role)]:
        raise UsageError(
            f"there is no role {unknown[0]!r}",
            hint=f"roles are {', '.join(Role)}; with --once replications are named",
        )
    is_sibling = number > 0
    lines = Lines(is_sibling=is_sibling)
    live = Live(wiring, [Role(name) for name in names], lines, processes=processes, number=number)
    siblings = Siblings(
        _sibling_arguments(wiring, names),
        {**wiring.environment, STATE_VARIABLE: wiring.state_url()},
        processes - 1,
        clock=wiring.clock,
        trouble=lines.trouble,
    )

    async def work(stop: asyncio.Event, reload: asyncio.Event) -> None:
        with first_error():
            async with asyncio.TaskGroup() as group:
                group.create_task(siblings.run(stop))
                orphaned = group.create_task(_stop_with_parent(stop)) if is_sibling else None
                await live.run(stop, reload)
                if orphaned is not None:
                    orphaned.cancel()

    logging.basicConfig(handlers=[_one_line_handler()], level=logging.WARNING, force=True)
    run_until_stopped(work, on_reload=siblings.reload)
    if not is_sibling:
        typer.echo("stopped")
    return 0


def _sibling_arguments(wiring: Wiring, names: Sequence[str]) -> list[str]:
    assert wiring.loaded is not None
    return ["run", *names, "--config", str(wiring.loaded.file), "--sibling"]


async def _stop_with_parent(stop: asyncio.Event) -> None:
    await ended_by_parent()
    stop.set()


class Lines:
    """A line for everything. What it does goes to the output, troubles go to the error output.

    What a sibling does the first process has said already.
    """

    def __init__(self, *, is_sibling: bool = False) -> None:
        self._is_sibling = is_sibling

    def started(self, words: str) -> None:
        if not self._is_sibling:
            typer.echo(one_line(words))

    def trouble(self, name: str, words: str) -> None:
        typer.echo(f"note: {name}: {one_line(words)}", err=True)

    def ended(self, ended: Ended, failures: Failures) -> None:
        from brigade.cli.crash import describe_crash
        from brigade.cli.summary import summary_lines
        from brigade.errors import BrigadeError

        if ended.result is not None:
            for line in summary_lines(ended.result, failures):
                typer.echo(f"{ended.name}: {line}")
        elif isinstance(ended.error, BrigadeError):
            self.trouble(ended.name, f"{ended.error}; it is tried again")
        elif ended.error is not None:
            self.trouble(ended.name, describe_crash(ended.error))


class _OneLine(logging.Formatter):
    """An error's name and words in place of its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        words = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        return "note: " + one_line(f"{words}: {type(error).__name__}: {error}" if error is not None else words)


def _one_line_handler() -> logging.Handler:
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine())
    return handler
