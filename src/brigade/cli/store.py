"""`brigade store list | check`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from brigade.cli import options
from brigade.cli.client import Api, Client, with_client

if TYPE_CHECKING:
    from brigade.control.check import Step
    from brigade.control.fidelity import Fidelity
    from brigade.locations import Place
    from brigade.stores.base import Capabilities
    from brigade.wiring.wiring import Wiring

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Look at the stores of the configuration.",
)


@app.callback()
def store() -> None:
    """Look at the stores of the configuration."""


@app.command(name="list")
def list_stores(
    as_json: options.Json = False, api: Api = None, config: options.Config = None, state: options.State = None
) -> None:
    """List the stores, of the file and set up at run time, without their secrets."""
    from brigade.cli.text import one_line

    async def ask(client: Client) -> None:
        for each in (await client.ask("GET", "/stores")).value:
            where = each["settings"].get("endpoint") or each["settings"].get("root") or ""
            problem = f"; not in force: {one_line(each['problem'])}" if each["problem"] else ""
            line = f"{each['name']}: {each['settings'].get('type')} {one_line(str(where))}".rstrip()
            typer.echo(json.dumps(each) if as_json else f"{line} ({each['origin']}){problem}")

    with_client(ask, api, config, state)


@app.command()
def check(
    location: Annotated[str, typer.Argument(metavar="LOCATION", help="store:bucket, a path, s3://bucket, or a store.")],
    target: Annotated[
        str | None, typer.Argument(metavar="[TARGET]", help="Show what a copy from LOCATION to here carries.")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Write nothing.")] = False,
    as_json: options.Json = False,
    config: options.Config = None,
) -> None:
    """Try out what a store does, step by step. Writes only below a key of its own and removes it again."""
    from brigade.cli.session import load_wiring, run_async
    from brigade.locations import PlaceKind

    wiring = load_wiring(config)
    known = wiring.loaded.config.stores if wiring.loaded else {}
    place = wiring.place(f"{location}:" if location in known else location)
    if place.kind is PlaceKind.STORE and not place.rest and not wiring.is_directory(place):
        raise typer.Exit(_buckets(wiring, place, as_json=as_json))
    other = wiring.place(target) if target else None
    raise typer.Exit(run_async(lambda: _check(wiring, place, other, read_only=read_only, as_json=as_json)))


def _buckets(wiring: Wiring, place: Place, *, as_json: bool) -> int:
    """Without a bucket only reaching, signing and the list of buckets can be tried."""
    from brigade.cli.session import run_async
    from brigade.control.check import Step, Verdict

    names = run_async(lambda: wiring.buckets(place))
    steps = [Step("reach", Verdict.OK), Step("sign", Verdict.OK), Step("list", Verdict.OK, f"{len(names)} buckets")]
    if as_json:
        typer.echo(json.dumps({"steps": [step._asdict() for step in steps], "buckets": names}))
        return 0
    for step in steps:
        _print_step(step)
    example = names[0] if names else "bucket"
    typer.echo(f"for the rest name a bucket: brigade store check {place.store}:{example}")
    return 0


async def _check(wiring: Wiring, place: Place, other: Place | None, *, read_only: bool, as_json: bool) -> int:
    from brigade.control.check import Verdict, check_store
    from brigade.control.fidelity import EVERYTHING, fidelity

    store = wiring.store(place)
    steps = []
    try:
        async for step in check_store(store, wiring.clock, read_only=read_only):
            steps.append(step)
            if not as_json:
                _print_step(step)
        able = store.capabilities
    finally:
        await store.close()
    failed = any(step.verdict is Verdict.FAILED for step in steps)
    if not as_json and failed:
        return 1
    rows = fidelity(able, await _capabilities(wiring, other)) if other else fidelity(EVERYTHING, able)
    if as_json:
        _print_json(steps, able, rows)
    else:
        title = f"{place.text} → {other.text}" if other else f"what {place.text} holds of an object"
        _print_tables(able, rows, title)
    return 1 if failed else 0


async def _capabilities(wiring: Wiring, place: Place) -> Capabilities:
    store = wiring.store(place)
    try:
        await store.open()
        return store.capabilities
    finally:
        await store.close()


def _print_step(step: Step) -> None:
    from brigade.cli.text import one_line

    typer.echo(f"{step.name:20}{step.verdict:9}{one_line(step.detail)}".rstrip())


def _print_tables(able: Capabilities, rows: Sequence[Fidelity], title: str) -> None:
    typer.echo("\ncapabilities")
    for name, value in asdict(able).items():
        words = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
        typer.echo(f"  {name.replace('_', ' '):26}{words}")
    typer.echo(f"\n{title}")
    for row in rows:
        typer.echo(f"  {row.what:26}{row.fate:14}{row.why}")


def _print_json(steps: Sequence[Step], able: Capabilities, rows: Sequence[Fidelity]) -> None:
    document = {
        "steps": [step._asdict() for step in steps],
        "capabilities": asdict(able),
        "fidelity": [row._asdict() for row in rows],
    }
    typer.echo(json.dumps(document))
