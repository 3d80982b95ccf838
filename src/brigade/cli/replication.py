"""`brigade replication`: set up, look at, order about and wait for what is kept in step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from brigade.cli import options
from brigade.cli.asking import DONE, asking, tell, tell_each
from brigade.cli.client import Client, given, segment
from brigade.cli.runs import run_line
from brigade.cli.text import one_line, second

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Set up, look at, order about and wait for replications.",
)

_PREVIEW = "preview"

Replication = Annotated[str, typer.Argument(metavar="NAME", help="Its name.")]
Source = Annotated[str, typer.Argument(metavar="SOURCE", help="Where the objects come from: store:bucket/prefix.")]
Target = Annotated[str, typer.Argument(metavar="TARGET", help="Where they go.")]


@app.callback()
def replication() -> None:
    """Set up, look at, order about and wait for replications."""


@app.command(name="list")
@asking()
async def list_all(client: Client, as_json: options.Json = False) -> None:
    """List the replications, of the file and set up at run time, and how they stand."""
    found = (await client.ask("GET", "/replications")).value
    tell_each(found, _line, as_json=as_json, none="there is no replication")


@app.command()
@asking()
async def show(client: Client, name: Replication, as_json: options.Json = False) -> None:
    """Show one replication: its settings, its orders, how it stands."""
    found = (await client.ask("GET", _place(name))).value
    tell(found, "\n".join(_lines(found)), as_json=as_json)


@app.command()
@asking()
async def create(
    client: Client,
    name: Replication,
    source: Source,
    target: Target,
    settings: options.Setting = None,
    as_json: options.Json = False,
) -> None:
    """Set up a replication. `brigade run` begins with it within a second or so."""
    wanted = {"source": source, "target": target, **options.values_of(settings)}
    made = await client.ask("POST", "/replications", body={"name": name, "settings": wanted})
    tell(made.value, f"{one_line(name)} is set up", as_json=as_json)


@app.command()
@asking()
async def preview(
    client: Client, source: Source, target: Target, settings: options.Setting = None, as_json: options.Json = False
) -> None:
    """Tell what a replication would do, and set up nothing. Looks at both sides for some seconds at most."""
    wanted = {"source": source, "target": target, **options.values_of(settings)}
    await _preview(client, _PREVIEW, wanted, as_json=as_json)


@app.command()
@asking()
async def change(
    client: Client,
    name: Replication,
    settings: options.Setting = None,
    is_preview: Annotated[
        bool, typer.Option("--preview", help="Tell what it would do with these settings, and change nothing.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Change settings of a replication that was set up at run time; those not named stay. An empty value takes one away."""
    seen = await client.ask("GET", _place(name))
    wanted = {**seen.value["settings"], **options.values_of(settings)}
    wanted = {key: value for key, value in wanted.items() if value is not None}
    if is_preview:
        await _preview(client, name, wanted, as_json=as_json)
        return
    changed = await client.ask("PUT", _place(name), body={"settings": wanted}, tag=seen.tag)
    tell(changed.value, f"{one_line(name)} is changed", as_json=as_json)


@app.command()
@asking()
async def delete(client: Client, name: Replication, as_json: options.Json = False) -> None:
    """Keep it in step no more. Objects stay as they are, on both sides."""
    await client.ask("DELETE", _place(name))
    tell(DONE, f"{one_line(name)} is gone; its objects stay", as_json=as_json)


@app.command()
@asking()
async def pause(
    client: Client,
    name: Replication,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why.")] = "",
    as_json: options.Json = False,
) -> None:
    """Let it rest until it is resumed; what changes meanwhile is noted all the same."""
    await client.ask("POST", _place(name, "/pause"), body={"note": note})
    tell(DONE, f"{one_line(name)} is paused", as_json=as_json)


@app.command()
@asking()
async def resume(client: Client, name: Replication, as_json: options.Json = False) -> None:
    """Go on with it."""
    await client.ask("POST", _place(name, "/resume"))
    tell(DONE, f"{one_line(name)} goes on", as_json=as_json)


@app.command()
@asking()
async def reconcile(client: Client, name: Replication, as_json: options.Json = False) -> None:
    """Have a worker of `brigade run` compare both sides as soon as it can, and make the target right."""
    asked = await client.ask("POST", _place(name, "/reconcile"))
    tell(asked.value, f"{one_line(name)}: a run is asked for", as_json=as_json)


@app.command()
@asking()
async def verify(client: Client, name: Replication, as_json: options.Json = False) -> None:
    """Have a worker of `brigade run` compare both sides and change nothing; the differences are kept as a run's report."""
    asked = await client.ask("POST", _place(name, "/verify"))
    tell(asked.value, f"{one_line(name)}: a verification is asked for", as_json=as_json)


@app.command()
@asking()
async def cancel(client: Client, name: Replication, as_json: options.Json = False) -> None:
    """End the run that goes on. What was copied stays."""
    ended = await client.ask("POST", _place(name, "/cancel"))
    tell(ended.value, f"{one_line(name)}: the run is ended", as_json=as_json)


@app.command()
@asking()
async def samples(
    client: Client,
    name: Replication,
    last: Annotated[
        str | None, typer.Option("--last", metavar="TIME", help="Over so long, as in 2h. Default: a day.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Tell throughput and lag over time, interval by interval. Those in which nothing happened are left out."""
    from brigade.clock import SystemClock
    from brigade.config.units import parse_duration

    seconds = options.read_option("--last", last, parse_duration)
    since = None if seconds is None else str(max(0, int(SystemClock().now_ns() / 1e9 - seconds)))
    found = (await client.ask("GET", _place(name, "/samples"), query=given(since=since))).value
    tell_each(found, _sample_line, as_json=as_json, none="nothing happened")


@app.command()
@asking()
async def wait(
    client: Client,
    name: Replication,
    in_step: Annotated[bool, typer.Option("--in-step", help="Until it is in step, and not only at rest.")] = False,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="TIME", help="Give up after so long. Default: never.")
    ] = None,
    as_json: options.Json = False,
) -> int:
    """Wait until no run goes on and none is asked for. Exit code 1 if that takes too long."""
    from brigade.cli.waiting import wait_for
    from brigade.config.units import parse_duration

    seconds = options.read_option("--timeout", timeout, parse_duration)
    return 0 if await wait_for(client, name, seconds, in_step=in_step, as_json=as_json) else 1


def _place(name: str, what: str = "") -> str:
    return f"/replications/{segment(name)}{what}"


async def _preview(client: Client, name: str, settings: dict[str, Any], *, as_json: bool) -> None:
    from brigade.cli.previewed import preview_lines

    found = (await client.ask("POST", "/replications/preview", body={"name": name, "settings": settings})).value
    tell(found, "\n".join(preview_lines(found)), as_json=as_json)


def _sample_line(each: Mapping[str, Any]) -> str:
    sums = f"{each['settled']} done ({each['settled_bytes']} bytes), {each['failed']} failed"
    return f"{second(each['at'])}  {sums}; {each['backlog']} waited, the oldest for {each['lag_seconds']}s"


def _line(found: dict[str, Any]) -> str:
    places = f"{found['settings'].get('source')} → {found['settings'].get('target')}"
    standing = _standing(found)
    return f"{one_line(found['name'])}: {standing}; {one_line(places)} ({found['origin']})"


def _standing(found: dict[str, Any]) -> str:
    if found["problem"]:
        return f"not in force: {one_line(found['problem'])}"
    stands = [each["standing"] for each in found["status"]]
    return ", ".join(f"{stands.count(each)} {each}" if len(stands) > 1 else each for each in dict.fromkeys(stands))


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [_line(found)]
    if found["order"]["paused"]:
        lines.append(f"  paused: {one_line(found['order']['note']) or 'no reason given'}")
    lines += options.setting_lines(found["settings"])
    for each in found["status"]:
        lines.append(f"  {one_line(each['name'])}: {'; '.join(_status_words(each))}")
    return lines


def _status_words(status: Mapping[str, Any]) -> Iterator[str]:
    from brigade.config.units import format_duration

    yield status["standing"]
    count = status["backlog"]
    oldest = format_duration(status["lag_seconds"])
    yield f"{count} {'key waits' if count == 1 else 'keys wait'}, the oldest for {oldest}" if count else "nothing waits"
    yield from (f"{status[name]} {name}" for name in ("parked", "dismissed") if status[name])
    if status["trouble"]:
        yield f"no run can begin: {one_line(status['trouble'])}"
    if status["last_run"]:
        yield f"last run: {run_line(status['last_run'])}"
