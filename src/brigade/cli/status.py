"""`brigade status`: a line for each replication, for people and for scripts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from brigade.cli import options
from brigade.cli.options import read_option

if TYPE_CHECKING:
    from brigade.control.status import Status
    from brigade.state.rows import Run
    from brigade.wiring.wiring import Wiring

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

_SECOND_NS = 1_000_000_000


@app.command()
def status(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[REPLICATION]...", help="These alone. All if none is named.")
    ] = None,
    max_lag: Annotated[
        str | None, typer.Option("--max-lag", metavar="TIME", help="Exit with 1 if one is further behind.")
    ] = None,
    as_json: options.Json = False,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Tell how each replication stands: backlog, lag, what is parked, the last run. Exit code 1 if one is failing."""
    from brigade.cli.session import load_wiring, run_async
    from brigade.config.units import parse_duration
    from brigade.control.status import Standing

    most_seconds = read_option("--max-lag", max_lag, parse_duration)
    wiring = load_wiring(config, state)
    found = run_async(lambda: _ask(wiring, names or []))
    for each in found:
        typer.echo(json.dumps(_values(each)) if as_json else _line(each))
    if not found and not as_json:
        typer.echo("no replication has run here")
    late = most_seconds is not None and any(each.lag_seconds > most_seconds for each in found)
    raise typer.Exit(1 if late or any(each.standing is Standing.FAILING for each in found) else 0)


async def _ask(wiring: Wiring, names: list[str]) -> list[Status]:
    from brigade.control.status import status as ask
    from brigade.wiring.known import configured
    from brigade.wiring.merging import with_documents

    async with wiring.opened_state() as state:
        known = configured(await with_documents(wiring, state))
        return await ask(state, wiring.clock, configured=known, names=names)


def _values(status: Status) -> dict[str, object]:
    from brigade.cli.text import utc

    run = status.last_run
    return {
        "replication": status.name,
        "state": status.standing,
        "backlog": status.backlog,
        "lag_seconds": round(status.lag_seconds, 3),
        "parked": status.parked,
        "dismissed": status.dismissed,
        "trouble": status.trouble,
        "last_run": run
        and {
            "result": status.result,
            "started": utc(run.started_ns),
            "finished": None if run.finished_ns is None else utc(run.finished_ns),
            "counts": run.counts,
        },
    }


def _line(status: Status) -> str:
    from brigade.cli.text import one_line
    from brigade.config.units import format_duration

    parts = [f"{one_line(status.name)}: {status.standing}"]
    if status.backlog:
        waits = "1 key waits" if status.backlog == 1 else f"{status.backlog} keys wait"
        parts.append(f"{waits}, the oldest for {format_duration(status.lag_seconds)}")
    if status.parked:
        parts.append(f"{status.parked} parked")
    if status.dismissed:
        parts.append(f"{status.dismissed} dismissed")
    if status.trouble is not None:
        parts.append(f"no run can begin: {one_line(status.trouble)}")
    if status.last_run is not None:
        parts.append(_run(status.last_run, str(status.result)))
    return "; ".join(parts)


def _run(run: Run, result: str) -> str:
    from brigade.cli.runs import counted
    from brigade.cli.text import utc
    from brigade.state.rows import RunKind

    took = "" if run.finished_ns is None else f"{(run.finished_ns - run.started_ns) / _SECOND_NS:.1f}s"
    told = [each for each in (utc(run.started_ns), took, counted(run.counts)) if each]
    return f"last {'verify' if run.kind is RunKind.VERIFY else 'run'} {result} ({', '.join(told)})"
