"""What `brigade run` says while it goes on: what it does, and each trouble in a line."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from brigade.cli.session import run_until_stopped
from brigade.cli.text import one_line
from brigade.errors import UsageError

if TYPE_CHECKING:
    from brigade.control.run_all import Ended
    from brigade.control.watching import Failures
    from brigade.wiring.wiring import Wiring


def go_on(wiring: Wiring, names: Sequence[str]) -> int:
    """Work in the roles of these names until stopped; returns the exit code."""
    from brigade.wiring.live import Live
    from brigade.wiring.scene import Role

    if unknown := [name for name in names if name not in set(Role)]:
        raise UsageError(
            f"there is no role {unknown[0]!r}",
            hint=f"roles are {', '.join(Role)}; with --once replications are named",
        )
    live = Live(wiring, [Role(name) for name in names], Lines())
    logging.basicConfig(handlers=[_one_line_handler()], level=logging.WARNING, force=True)
    run_until_stopped(live.run)
    typer.echo("stopped")
    return 0


class Lines:
    """A line for everything. What it does goes to the output, troubles go to the error output."""

    def started(self, words: str) -> None:
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
