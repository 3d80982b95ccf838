"""`brigade store check`: in this process for what the file and the command line name, by the API for the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from brigade.cli.client import Client, is_remote, segment
from brigade.cli.text import one_line

if TYPE_CHECKING:
    from brigade.control.check import Step
    from brigade.locations import Place
    from brigade.stores.base import Capabilities
    from brigade.wiring.wiring import Wiring


def is_of_run_time(location: str, api: str | None, config: Path | None, state: str | None) -> bool:
    """Whether a running API is to try it out, or the store was set up at run time and stands in no file."""
    if is_remote(api):
        return True
    from brigade.cli.session import load_wiring, run_in_state
    from brigade.state.control_rows import DocumentKind
    from brigade.state.state import State

    name = location.partition(":")[0]
    wiring = load_wiring(config, state)
    if wiring.loaded is None or name in wiring.loaded.config.stores or _is_elsewhere(location, name):
        return False

    async def find(opened: State) -> bool:
        return await opened.control.documents.find(DocumentKind.STORE, name) is not None

    return run_in_state(wiring, find)


def _is_elsewhere(location: str, name: str) -> bool:
    """Whether it is a path or a URL: then the state need not be asked, nor be there."""
    return "://" in location or "/" in name or name == "" or Path(name).exists()


async def check_by_api(client: Client, location: str, target: str | None, *, read_only: bool, as_json: bool) -> int:
    """Have the API try it out, and tell what it found. The exit code."""
    name, _, bucket = location.partition(":")
    wanted = {"bucket": bucket, "target": target, "read_only": read_only}
    found = (await client.ask("POST", f"/stores/{segment(name)}/check", body=wanted)).value
    if as_json:
        typer.echo(json.dumps(found))
        return 0 if found["well"] else 1
    for step in found["steps"]:
        _print_step(step)
    if found["buckets"] is not None:
        _print_example(name, found["buckets"])
    elif found["well"]:
        _print_tables(found, f"{location} → {target}" if target else f"what {location} holds of an object")
    return 0 if found["well"] else 1


def check_here(config: Path | None, location: str, target: str | None, *, read_only: bool, as_json: bool) -> int:
    """The same in this process, for any location. The exit code."""
    from brigade.cli.session import load_wiring, run_async
    from brigade.locations import PlaceKind

    wiring = load_wiring(config)
    known = wiring.loaded.config.stores if wiring.loaded else {}
    place = wiring.place(f"{location}:" if location in known else location)
    if place.kind is PlaceKind.STORE and not place.rest and not wiring.is_directory(place):
        return _buckets(wiring, place, as_json=as_json)
    other = wiring.place(target) if target else None
    return run_async(lambda: _check(wiring, place, other, read_only=read_only, as_json=as_json))


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
        _print_step(step._asdict())
    _print_example(str(place.store), names)
    return 0


async def _check(wiring: Wiring, place: Place, other: Place | None, *, read_only: bool, as_json: bool) -> int:
    from brigade.control.check import Verdict, check_store
    from brigade.control.fidelity import EVERYTHING, fidelity

    store = wiring.store(place)
    steps: list[Step] = []
    try:
        async for step in check_store(store, wiring.clock, read_only=read_only):
            steps.append(step)
            if not as_json:
                _print_step(step._asdict())
        able = store.capabilities
    finally:
        await store.close()
    failed = any(step.verdict is Verdict.FAILED for step in steps)
    if not as_json and failed:
        return 1
    rows = fidelity(able, await _capabilities(wiring, other)) if other else fidelity(EVERYTHING, able)
    found = {
        "steps": [step._asdict() for step in steps],
        "capabilities": asdict(able),
        "fidelity": [row._asdict() for row in rows],
    }
    if as_json:
        typer.echo(json.dumps(found))
    else:
        _print_tables(found, f"{place.text} → {other.text}" if other else f"what {place.text} holds of an object")
    return 1 if failed else 0


async def _capabilities(wiring: Wiring, place: Place) -> Capabilities:
    store = wiring.store(place)
    try:
        await store.open()
        return store.capabilities
    finally:
        await store.close()


def _print_step(step: Mapping[str, Any]) -> None:
    typer.echo(f"{step['name']:20}{step['verdict']:9}{one_line(step['detail'])}".rstrip())


def _print_example(store: str, buckets: list[str]) -> None:
    example = buckets[0] if buckets else "bucket"
    typer.echo(f"for the rest name a bucket: brigade store check {one_line(store)}:{one_line(example)}")


def _value_lines(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{name} → {other}" for name, other in value.items()] or ["none"]
    return [{True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)]


def _print_tables(found: Mapping[str, Any], title: str) -> None:
    typer.echo("\ncapabilities")
    for name, value in found["capabilities"].items():
        # Of a mapping each entry stands in a line of its own.
        for number, words in enumerate(_value_lines(value)):
            typer.echo(f"  {'' if number else name.replace('_', ' '):26}{words}")
    typer.echo(f"\n{title}")
    for row in found["fidelity"]:
        typer.echo(f"  {row['what']:26}{row['fate']:14}{row['why']}")
