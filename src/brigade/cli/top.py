"""`brigade top`: how all replications stand, as it changes."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brigade.cli import options
from brigade.cli.activity import done_words
from brigade.cli.client import Api, Client, with_client
from brigade.cli.runs import counted
from brigade.cli.text import ago, aligned, one_line

if TYPE_CHECKING:
    from rich.console import RenderableType

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

_ORDER = ("failing", "behind", "running", "paused", "new", "in step")
_COLOURS = {"failing": "red", "behind": "yellow", "running": "cyan", "paused": "magenta", "in step": "green"}
_MOST_LATELY = 10


@app.command()
def top(
    once: Annotated[bool, typer.Option("--once", help="Look once, print lines, and end.")] = False,
    interval: Annotated[
        str, typer.Option("--interval", metavar="TIME", help="Look again after so long. Default: 2s.")
    ] = "2s",
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Show how each replication stands, those in trouble first, and what was done lately, until Ctrl-C.

    Where the output is no terminal: lines, a block for each look.
    """
    from brigade.config.units import parse_duration

    seconds = max(0.5, options.read_option("--interval", interval, parse_duration) or 0.0)

    async def watch(client: Client) -> None:
        if once or as_json or not sys.stdout.isatty():
            await _tell(client, seconds, once=once, as_json=as_json)
        else:
            await _draw(client, seconds)

    try:
        with_client(watch, api, config, state)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def _tell(client: Client, seconds: float, *, once: bool, as_json: bool) -> None:
    from brigade.clock import SystemClock

    clock = SystemClock()
    while True:
        found = await _look(client)
        for line in map(json.dumps, found) if as_json else _lines(found, clock.now_ns()):
            typer.echo(line)
        if once:
            return
        await clock.sleep(seconds)


async def _draw(client: Client, seconds: float) -> None:
    from rich.live import Live

    from brigade.clock import SystemClock

    clock = SystemClock()
    with Live(screen=True, auto_refresh=False) as live:
        while True:
            statuses = await _look(client)
            lately = (await client.ask("GET", "/activity", query={"limit": str(_MOST_LATELY)})).value
            live.update(_screen(statuses, lately, live.console.height, clock.now_ns()), refresh=True)
            await clock.sleep(seconds)


async def _look(client: Client) -> list[Mapping[str, Any]]:
    """Every status, those in trouble first."""
    found = [each for shown in (await client.ask("GET", "/replications")).value for each in shown["status"]]
    return sorted(found, key=lambda each: (_ORDER.index(each["standing"]), -each["lag_seconds"], each["name"]))


def _lines(statuses: Sequence[Mapping[str, Any]], now_ns: int) -> list[str]:
    return aligned(_cells(status, now_ns) for status in statuses)


def _cells(status: Mapping[str, Any], now_ns: int) -> tuple[str, ...]:
    from brigade.config.units import format_duration

    waits = f"{status['backlog']} wait, {format_duration(status['lag_seconds'])}" if status["backlog"] else ""
    parked = f"{status['parked']} parked" if status["parked"] else ""
    run = status["last_run"]
    ran = f"{run['kind']} {run['state']} {ago(run['started'], now_ns)}" if run else "never ran"
    if status["trouble"]:
        ran = f"cannot run: {one_line(status['trouble'])}"
    counts = counted(run["counts"]) if run and not status["trouble"] else ""
    return one_line(status["name"]), status["standing"], waits, parked, f"{ran}, {counts}" if counts else ran


def _screen(
    statuses: Sequence[Mapping[str, Any]], lately: Sequence[Mapping[str, Any]], height: int, now_ns: int
) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    counts = [f"{sum(each['standing'] == kind for each in statuses)} {kind}" for kind in _ORDER]
    lines = [Text(", ".join(each for each in counts if not each.startswith("0 ")) or "no replications", style="bold")]
    rows = max(1, height - len(lately) - 4)
    lines += [
        Text(line, style=_COLOURS.get(status["standing"], ""), no_wrap=True, overflow="ellipsis")
        for status, line in zip(statuses, _lines(statuses[:rows], now_ns), strict=False)
    ]
    if len(statuses) > rows:
        lines.append(Text(f"… and {len(statuses) - rows} more", style="dim"))
    lines.append(Text())
    done = [(ago(each["at"], now_ns), *done_words(each)) for each in lately]
    lines += [Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in aligned(done)]
    return Group(*lines)
