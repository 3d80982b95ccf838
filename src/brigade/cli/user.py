"""`brigade user list | show | create | change | delete | add-key | remove-key`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from brigade.cli import options
from brigade.cli.client import Api, Client, segment, with_client
from brigade.cli.text import one_line

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Make, list and delete users of the gateway.",
)

User = Annotated[str, typer.Argument(metavar="NAME", help="The user.")]


@app.callback()
def user() -> None:
    """Make, list and delete users of the gateway."""


@app.command(name="list")
def list_users(
    as_json: options.Json = False, api: Api = None, config: options.Config = None, state: options.State = None
) -> None:
    """List the users, of the file and made at run time, with their access keys and without secrets."""

    async def ask(client: Client) -> None:
        for each in (await client.ask("GET", "/users")).value:
            typer.echo(json.dumps(each) if as_json else _line(each))

    with_client(ask, api, config, state)


@app.command()
def create(
    name: User,
    store: Annotated[
        str | None, typer.Option("--store", metavar="STORE", help="The store of this user's buckets without a route.")
    ] = None,
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Make a user and print the new pair of keys. The secret one is shown this once."""
    settings = {} if store is None else {"store": store}

    async def ask(client: Client) -> None:
        made = (await client.ask("POST", "/users", body={"name": name, "settings": settings})).value["made"]
        _print_key(made, as_json=as_json)

    with_client(ask, api, config, state)


@app.command()
def show(
    name: User,
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Show one user, with access keys and without secrets."""

    async def ask(client: Client) -> None:
        found = (await client.ask("GET", f"/users/{segment(name)}")).value
        typer.echo(json.dumps(found) if as_json else _line(found))

    with_client(ask, api, config, state)


@app.command()
def change(
    name: User,
    store: Annotated[
        str,
        typer.Option(
            "--store", metavar="STORE", help="The store of this user's buckets without a route; none if empty."
        ),
    ],
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Give a user made at run time another store. Keys stay."""

    async def ask(client: Client) -> None:
        place = f"/users/{segment(name)}"
        seen = await client.ask("GET", place)
        kept = {key: value for key, value in seen.value["settings"].items() if key != "store"}
        wanted = {**kept, "store": store} if store else kept
        await client.ask("PUT", place, body={"settings": wanted}, tag=seen.tag)
        typer.echo(f"{one_line(name)} is changed")

    with_client(ask, api, config, state)


@app.command()
def delete(name: User, api: Api = None, config: options.Config = None, state: options.State = None) -> None:
    """From now on the gateway refuses this user."""

    async def ask(client: Client) -> None:
        await client.ask("DELETE", f"/users/{segment(name)}")
        typer.echo(f"{one_line(name)} is gone")

    with_client(ask, api, config, state)


@app.command(name="add-key")
def add_key(
    name: User,
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Print one more pair of keys for a user made at run time; those there are stay in force."""

    async def ask(client: Client) -> None:
        made = (await client.ask("POST", f"/users/{segment(name)}/keys")).value["made"]
        _print_key(made, as_json=as_json)

    with_client(ask, api, config, state)


@app.command(name="remove-key")
def remove_key(
    name: User,
    access_key: Annotated[str, typer.Argument(metavar="ACCESS_KEY", help="The access key of the pair.")],
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """From now on nobody signs with this key."""

    async def ask(client: Client) -> None:
        await client.ask("DELETE", f"/users/{segment(name)}/keys/{segment(access_key)}")
        typer.echo(f"{one_line(access_key)} of {one_line(name)} is gone")

    with_client(ask, api, config, state)


def _print_key(made: Mapping[str, str], *, as_json: bool) -> None:
    words = f"access_key: {made['access_key']}\nsecret_key: {made['secret_key']}"
    typer.echo(json.dumps(made) if as_json else words)


def _line(found: Mapping[str, Any]) -> str:
    keys = ", ".join(one_line(str(key.get("access_key"))) for key in found["settings"].get("keys", []))
    problem = f"; not in force: {one_line(found['problem'])}" if found["problem"] else ""
    return f"{one_line(found['name'])}: {keys} ({found['origin']}){problem}"
