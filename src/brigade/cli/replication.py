"""`brigade replication`: set up, look at, order about and wait for what is kept in step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from brigade.cli import options
from brigade.cli.client import Api, Client, segment, with_client
from brigade.cli.text import one_line, second

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Set up, look at, order about and wait for replications.",
)

_PREVIEW = "preview"

Replication = Annotated[str, typer.Argument(metavar="NAME", help="Its name.")]


@app.callback()
def replication() -> None:
    """Set up, look at, order about and wait for replications."""


@app.command(name="list")
def list_all(
    as_json: options.Json = False, api: Api = None, config: options.Config = None, state: options.State = None
) -> None:
    """List the replications, of the file and set up at run time, and how they stand."""

    async def ask(client: Client) -> None:
        for each in (await client.ask("GET", "/replications")).value:
            typer.echo(json.dumps(each) if as_json else _line(each))

    with_client(ask, api, config, state)


@app.command()
def show(
    name: Replication,
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Show one replication: its settings, its orders, how it stands."""

    async def ask(client: Client) -> None:
        found = (await client.ask("GET", f"/replications/{segment(name)}")).value
        typer.echo(json.dumps(found) if as_json else "\n".join(_lines(found)))

    with_client(ask, api, config, state)


@app.command()
def create(
    name: Replication,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Where the objects come from: store:bucket/prefix.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Where they go.")],
    settings: options.Setting = None,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Set up a replication. `brigade run` begins with it within a second or so."""

    async def ask(client: Client) -> None:
        wanted = {"source": source, "target": target, **options.values_of(settings)}
        await client.ask("POST", "/replications", body={"name": name, "settings": wanted})
        typer.echo(f"{one_line(name)} is set up")

    with_client(ask, api, config, state)


@app.command()
def preview(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Where the objects come from: store:bucket/prefix.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Where they go.")],
    settings: options.Setting = None,
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Tell what a replication would do, and set up nothing. Looks at both sides for some seconds at most."""
    from brigade.cli.previewed import preview_lines

    async def ask(client: Client) -> None:
        wanted = {"source": source, "target": target, **options.values_of(settings)}
        body = {"name": _PREVIEW, "settings": wanted}
        found = (await client.ask("POST", "/replications/preview", body=body)).value
        typer.echo(json.dumps(found) if as_json else "\n".join(preview_lines(found)))

    with_client(ask, api, config, state)


@app.command()
def change(
    name: Replication,
    settings: options.Setting = None,
    is_preview: Annotated[
        bool, typer.Option("--preview", help="Tell what it would do with these settings, and change nothing.")
    ] = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Change settings of a replication that was set up at run time; those not named stay. An empty value takes one away."""
    from brigade.cli.previewed import preview_lines

    async def ask(client: Client) -> None:
        place = f"/replications/{segment(name)}"
        seen = await client.ask("GET", place)
        wanted = {**seen.value["settings"], **options.values_of(settings)}
        wanted = {key: value for key, value in wanted.items() if value is not None}
        if is_preview:
            body = {"name": name, "settings": wanted}
            found = (await client.ask("POST", "/replications/preview", body=body)).value
            typer.echo("\n".join(preview_lines(found)))
            return
        await client.ask("PUT", place, body={"settings": wanted}, tag=seen.tag)
        typer.echo(f"{one_line(name)} is changed")

    with_client(ask, api, config, state)


@app.command()
def delete(name: Replication, api: Api = None, config: options.Config = None, state: options.State = None) -> None:
    """Keep it in step no more. Objects stay as they are, on both sides."""
    _order("DELETE", name, "", f"{one_line(name)} is gone; its objects stay", api, config, state)


@app.command()
def pause(
    name: Replication,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why.")] = "",
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Let it rest until it is resumed; what changes meanwhile is noted all the same."""
    _order("POST", name, "/pause", f"{one_line(name)} is paused", api, config, state, body={"note": note})


@app.command()
def resume(name: Replication, api: Api = None, config: options.Config = None, state: options.State = None) -> None:
    """Go on with it."""
    _order("POST", name, "/resume", f"{one_line(name)} goes on", api, config, state)


@app.command()
def reconcile(name: Replication, api: Api = None, config: options.Config = None, state: options.State = None) -> None:
    """Have a worker of `brigade run` compare both sides as soon as it can, and make the target right."""
    _order("POST", name, "/reconcile", f"{one_line(name)}: a run is asked for", api, config, state)


@app.command()
def verify(name: Replication, api: Api = None, config: options.Config = None, state: options.State = None) -> None:
    """Have a worker of `brigade run` compare both sides and change nothing; the differences are kept as a run's report."""
    _order("POST", name, "/verify", f"{one_line(name)}: a verification is asked for", api, config, state)


@app.command()
def cancel(name: Replication, api: Api = None, config: options.Config = None, state: options.State = None) -> None:
    """End the run that goes on. What was copied stays."""
    _order("POST", name, "/cancel", f"{one_line(name)}: the run is ended", api, config, state)


@app.command()
def samples(
    name: Replication,
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Tell throughput and lag over the last day, interval by interval. Those in which nothing happened are left out."""

    async def ask(client: Client) -> None:
        for each in (await client.ask("GET", f"/replications/{segment(name)}/samples")).value:
            sums = f"{each['settled']} done ({each['settled_bytes']} bytes), {each['failed']} failed"
            late = f"{each['backlog']} waited, the oldest for {each['lag_seconds']}s"
            typer.echo(json.dumps(each) if as_json else f"{second(each['at'])}  {sums}; {late}")

    with_client(ask, api, config, state)


@app.command()
def wait(
    name: Replication,
    in_step: Annotated[bool, typer.Option("--in-step", help="Until it is in step, and not only at rest.")] = False,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="TIME", help="Give up after so long. Default: never.")
    ] = None,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Wait until no run goes on and none is asked for. Exit code 1 if that takes too long."""
    from brigade.cli.waiting import wait_for
    from brigade.config.units import parse_duration

    seconds = options.read_option("--timeout", timeout, parse_duration)
    done = with_client(lambda client: wait_for(client, name, seconds, in_step=in_step), api, config, state)
    raise typer.Exit(0 if done else 1)


def _order(
    method: str,
    name: str,
    what: str,
    words: str,
    api: str | None,
    config: Path | None,
    state: str | None,
    *,
    body: Any = None,
) -> None:
    async def ask(client: Client) -> None:
        await client.ask(method, f"/replications/{segment(name)}{what}", body=body)
        typer.echo(words)

    with_client(ask, api, config, state)


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
    lines += [f"  {key}: {json.dumps(value, ensure_ascii=False)}" for key, value in found["settings"].items()]
    for each in found["status"]:
        waits = f"{each['backlog']} keys wait, the oldest for {each['lag_seconds']:.1f}s; {each['parked']} parked"
        lines.append(f"  {one_line(each['name'])}: {each['standing']}; {waits}")
    return lines
