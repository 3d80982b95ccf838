"""`brigade token create | list | revoke`: who may use the API."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from brigade.cli import options
from brigade.cli.client import Api, Client, segment, with_client
from brigade.cli.options import read_option
from brigade.cli.text import one_line, second

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Make, list and revoke the tokens of the API.",
)


@app.callback()
def token() -> None:
    """Make, list and revoke the tokens of the API."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, or what for.")],
    scope: Annotated[str, typer.Option("--scope", metavar="read|operate|admin", help="What it opens.")] = "read",
    lifetime: Annotated[
        str | None,
        typer.Option("--lifetime", metavar="TIME", help="It opens nothing after so long. Default: for ever."),
    ] = None,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Print a new token. It is shown this once; the state keeps only a digest of it."""
    from brigade.config.units import parse_duration

    seconds = read_option("--lifetime", lifetime, parse_duration)
    wanted = read_option("--scope", scope, _scope)

    async def ask(client: Client) -> None:
        body = {"name": name, "scope": wanted, "lifetime_seconds": seconds}
        typer.echo((await client.ask("POST", "/tokens", body=body)).value["token"])

    with_client(ask, api, config, state)


@app.command(name="list")
def list_tokens(
    as_json: options.Json = False, api: Api = None, config: options.Config = None, state: options.State = None
) -> None:
    """List the tokens, without their secrets."""

    async def ask(client: Client) -> None:
        found = (await client.ask("GET", "/tokens")).value
        for each in found:
            typer.echo(json.dumps(each) if as_json else _line(each))
        if not found and not as_json:
            typer.echo("there is no token")

    with_client(ask, api, config, state)


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `brigade token list` shows it.")],
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """From now on this token opens nothing."""

    async def ask(client: Client) -> None:
        await client.ask("DELETE", f"/tokens/{segment(token_id)}")
        typer.echo("revoked")

    with_client(ask, api, config, state)


def _scope(text: str) -> str:
    from brigade.control.access import Scope
    from brigade.errors import UsageError

    if text not in set(Scope):
        raise UsageError(f"there is no scope {text!r}", hint=f"one of {', '.join(Scope)}")
    return text


def _line(found: dict[str, Any]) -> str:
    expires, used = (second(found[name]) if found[name] else "never" for name in ("expires", "used"))
    words = f"made {second(found['created'])}  expires {expires}  used {used}"
    return f"{found['id']}  {found['scope']:7}  {one_line(found['name'])}  {words}"
