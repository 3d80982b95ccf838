"""`brigade status`: a line for each replication, for people and for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brigade.cli import options
from brigade.cli.client import Api, Client, is_remote, with_client
from brigade.cli.options import read_option
from brigade.cli.text import one_line, utc
from brigade.errors import UsageError

if TYPE_CHECKING:
    from brigade.control.status import Status

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

_SECOND_NS = 1_000_000_000
_SAME = ("backlog", "parked", "dismissed", "trouble")


@app.command()
def status(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[REPLICATION]...", help="These alone. All if none is named.")
    ] = None,
    max_lag: Annotated[
        str | None, typer.Option("--max-lag", metavar="TIME", help="Exit with 1 if one is further behind.")
    ] = None,
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Tell how each replication stands: backlog, lag, what is parked, the last run. Exit code 1 if one is failing."""
    from brigade.config.units import parse_duration

    most_seconds = read_option("--max-lag", max_lag, parse_duration)
    if is_remote(api):
        found = with_client(lambda client: _ask(client, names or []), api, config, state)
    else:
        found = _look(names or [], config, state)
    for each in found:
        typer.echo(json.dumps(each) if as_json else _line(each))
    if not found and not as_json:
        typer.echo("no replication has run here")
    late = most_seconds is not None and any(each["lag_seconds"] > most_seconds for each in found)
    raise typer.Exit(1 if late or any(each["state"] == "failing" for each in found) else 0)


async def _ask(client: Client, names: list[str]) -> list[Mapping[str, Any]]:
    """What a running API says. Raises `UsageError` for a name that it does not know."""
    shown = (await client.ask("GET", "/replications")).value
    found = [_values(each) for replication in shown for each in replication["status"]]
    chosen = [each for each in found if not names or any(_is_named(each["replication"], name) for name in names)]
    for name in names:
        if not any(_is_named(each["replication"], name) for each in chosen):
            raise UsageError(f"there is no replication {name!r}")
    return chosen


def _is_named(name: str, wanted: str) -> bool:
    return name == wanted or name.startswith(f"{wanted}/")


def _look(names: list[str], config: Path | None, state: str | None) -> list[Mapping[str, Any]]:
    """The same of the state itself; where there is no configuration, of all that ever ran."""
    from brigade.cli.session import load_wiring, run_async

    wiring = load_wiring(config, state)

    async def look() -> list[Mapping[str, Any]]:
        from brigade.control.status import status as ask
        from brigade.wiring.known import configured
        from brigade.wiring.merging import with_documents

        async with wiring.opened_state() as opened:
            known = configured(await with_documents(wiring, opened))
            found = await ask(opened, wiring.clock, configured=known, names=names)
        return [_values_of(each) for each in found]

    return run_async(look)


def _values(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """What scripts get of a status as the API tells it."""
    run = status["last_run"]
    return {
        "replication": status["name"],
        "state": status["standing"],
        "lag_seconds": round(status["lag_seconds"], 3),
        **{name: status[name] for name in _SAME},
        "last_run": run and _run_values(run, run["state"], *(_ns(run[name]) for name in ("started", "finished"))),
    }


def _values_of(status: Status) -> Mapping[str, Any]:
    """The same of one that was looked at here: what the API makes it of costs more to load than to ask."""
    run = status.last_run
    return {
        "replication": status.name,
        "state": status.standing,
        "lag_seconds": round(status.lag_seconds, 3),
        **{name: getattr(status, name) for name in _SAME},
        "last_run": run and _run_values(run._asdict(), status.result, run.started_ns, run.finished_ns),
    }


def _run_values(
    run: Mapping[str, Any], result: str | None, started_ns: int | None, finished_ns: int | None
) -> Mapping[str, Any]:
    assert started_ns is not None
    return {
        "kind": run["kind"],
        "result": result,
        "started": utc(started_ns),
        "finished": None if finished_ns is None else utc(finished_ns),
        "took_seconds": None if finished_ns is None else round((finished_ns - started_ns) / _SECOND_NS, 3),
        "counts": run["counts"],
    }


def _ns(moment: str | None) -> int | None:
    return None if moment is None else round(datetime.fromisoformat(moment).timestamp() * _SECOND_NS)


def _line(status: Mapping[str, Any]) -> str:
    from brigade.config.units import format_duration

    parts = [f"{one_line(status['replication'])}: {status['state']}"]
    if count := status["backlog"]:
        waits = "1 key waits" if count == 1 else f"{count} keys wait"
        parts.append(f"{waits}, the oldest for {format_duration(status['lag_seconds'])}")
    parts += [f"{status[name]} {name}" for name in ("parked", "dismissed") if status[name]]
    if status["trouble"] is not None:
        parts.append(f"no run can begin: {one_line(status['trouble'])}")
    if status["last_run"] is not None:
        parts.append(_run(status["last_run"]))
    return "; ".join(parts)


def _run(run: Mapping[str, Any]) -> str:
    from brigade.cli.runs import counted

    took = "" if run["took_seconds"] is None else f"{run['took_seconds']:.1f}s"
    told = [each for each in (run["started"], took, counted(run["counts"])) if each]
    return f"last {'verify' if run['kind'] == 'verify' else 'run'} {run['result']} ({', '.join(told)})"
