"""`brigade user list | show | create | change | delete | add-key | remove-key`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from brigade.cli import options
from brigade.cli.asking import DONE, asking, tell, tell_each
from brigade.cli.client import Client, segment
from brigade.cli.secret_options import overlaid, without_secrets
from brigade.cli.text import one_line

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Make, list and delete users of the gateway.",
)

User = Annotated[str, typer.Argument(metavar="NAME", help="The user.")]
OfStore = Annotated[
    str | None,
    typer.Option("--store", metavar="STORE", help="The store of this user's buckets without a route; none if empty."),
]


@app.callback()
def user() -> None:
    """Make, list and delete users of the gateway."""


@app.command(name="list")
@asking()
async def list_users(client: Client, as_json: options.Json = False) -> None:
    """List the users, of the file and made at run time, with their access keys and without secrets."""
    tell_each((await client.ask("GET", "/users")).value, _line, as_json=as_json, none="there is no user")


@app.command()
@asking()
async def create(
    client: Client,
    name: User,
    store: OfStore = None,
    settings: options.Setting = None,
    as_json: options.Json = False,
) -> None:
    """Make a user and print the new pair of keys. The secret one is shown this once."""
    wanted = overlaid({}, _named(store, settings))
    made = (await client.ask("POST", "/users", body={"name": name, "settings": wanted})).value["made"]
    _tell_key(made, as_json=as_json)


@app.command()
@asking()
async def show(client: Client, name: User, as_json: options.Json = False) -> None:
    """Show one user with access keys and settings, without secrets."""
    found = (await client.ask("GET", f"/users/{segment(name)}")).value
    others = {key: value for key, value in found["settings"].items() if key != "keys"}
    tell(found, "\n".join([_line(found), *options.setting_lines(others)]), as_json=as_json)


@app.command()
@asking()
async def change(
    client: Client,
    name: User,
    store: OfStore = None,
    settings: options.Setting = None,
    as_json: options.Json = False,
) -> None:
    """Change settings of a user made at run time; those not named stay, and keys do. An empty value takes one away."""
    place = f"/users/{segment(name)}"
    seen = await client.ask("GET", place)
    wanted = overlaid(seen.value["settings"], _named(store, settings))
    changed = await client.ask("PUT", place, body={"settings": wanted}, tag=seen.tag)
    tell(changed.value, f"{one_line(name)} is changed", as_json=as_json)


@app.command()
@asking()
async def delete(client: Client, name: User, as_json: options.Json = False) -> None:
    """From now on the gateway refuses this user."""
    await client.ask("DELETE", f"/users/{segment(name)}")
    tell(DONE, f"{one_line(name)} is gone", as_json=as_json)


@app.command(name="add-key")
@asking()
async def add_key(client: Client, name: User, as_json: options.Json = False) -> None:
    """Print one more pair of keys for a user made at run time; those there are stay in force."""
    made = (await client.ask("POST", f"/users/{segment(name)}/keys")).value["made"]
    _tell_key(made, as_json=as_json)


@app.command(name="remove-key")
@asking()
async def remove_key(
    client: Client,
    name: User,
    access_key: Annotated[str, typer.Argument(metavar="ACCESS_KEY", help="The access key of the pair.")],
    as_json: options.Json = False,
) -> None:
    """From now on nobody signs with this key."""
    left = await client.ask("DELETE", f"/users/{segment(name)}/keys/{segment(access_key)}")
    tell(left.value, f"{one_line(access_key)} of {one_line(name)} is gone", as_json=as_json)


def _named(store: str | None, settings: list[str] | None) -> dict[str, Any]:
    """What the options say; None takes away."""
    said = {} if store is None else {"store": store or None}
    return {**without_secrets(options.values_of(settings)), **said}


def _tell_key(made: Mapping[str, str], *, as_json: bool) -> None:
    tell(made, f"access_key: {made['access_key']}\nsecret_key: {made['secret_key']}", as_json=as_json)


def _line(found: Mapping[str, Any]) -> str:
    keys = ", ".join(one_line(str(key.get("access_key"))) for key in found["settings"].get("keys", []))
    problem = f"; not in force: {one_line(found['problem'])}" if found["problem"] else ""
    return f"{one_line(found['name'])}: {keys} ({found['origin']}){problem}"
