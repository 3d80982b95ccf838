"""`brigade ls LOCATION`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from brigade.cli import options
from brigade.cli.text import quote_key, utc

if TYPE_CHECKING:
    from brigade.control.listing import Entry
    from brigade.locations import Place
    from brigade.wiring.wiring import Wiring

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def ls(
    location: Annotated[
        str, typer.Argument(metavar="LOCATION", help="A path, store:bucket/prefix, s3://bucket, store:")
    ],
    recursive: Annotated[bool, typer.Option("-R", "--recursive", help="List all objects, not one level.")] = False,
    as_json: options.Json = False,
    config: options.Config = None,
) -> None:
    """List the objects and folders of a location, or the buckets of a store (`store:`)."""
    from brigade.cli.session import load_wiring, run_async
    from brigade.locations import PlaceKind

    wiring = load_wiring(config)
    place = wiring.place(location)
    if place.kind is PlaceKind.STORE and place.rest in ("", "*") and not wiring.is_directory(place):
        for name in run_async(lambda: wiring.buckets(place)):
            typer.echo(json.dumps({"bucket": name}) if as_json else name)
        return
    run_async(lambda: _list(wiring, place, recursive=recursive, as_json=as_json))


async def _list(wiring: Wiring, place: Place, *, recursive: bool, as_json: bool) -> None:
    from brigade.control.listing import entries

    store = wiring.store(place, read_only=True)
    try:
        await store.open()
        async for entry in entries(store, recursive=recursive):
            sys.stdout.write((_as_json(entry) if as_json else _as_text(entry)) + "\n")
    finally:
        await store.close()


def _as_json(entry: Entry) -> str:
    info = entry.info
    if info is None:
        return json.dumps({"prefix": entry.name})
    return json.dumps(
        {
            "key": entry.name,
            "size_bytes": info.size_bytes,
            "etag": info.etag,
            "modified": _modified(info.modified_ns),
            "storage_class": info.storage_class,
        }
    )


def _as_text(entry: Entry) -> str:
    if entry.info is None:
        return f"{'':>14}  {'':20}  {quote_key(entry.name)}"
    modified = _modified(entry.info.modified_ns) or ""
    return f"{entry.info.size_bytes:>14}  {modified:20}  {quote_key(entry.name)}"


def _modified(modified_ns: int) -> str | None:
    return utc(modified_ns) if modified_ns else None
