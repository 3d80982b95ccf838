"""`brigade token create | list | revoke`: who may use the API."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from brigade.cli import options
from brigade.cli.asking import DONE, asking, tell, tell_each
from brigade.cli.client import Client, segment
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
@asking()
async def create(
    client: Client,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, or what for.")],
    scope: Annotated[str, typer.Option("--scope", metavar="read|operate|admin", help="What it opens.")] = "read",
    lifetime: Annotated[
        str | None,
        typer.Option("--lifetime", metavar="TIME", help="It opens nothing after so long. Default: for ever."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Print a new token. It is shown this once; the state keeps only a digest of it."""
    from brigade.config.units import parse_duration

    seconds = read_option("--lifetime", lifetime, parse_duration)
    body = {"name": name, "scope": read_option("--scope", scope, _scope), "lifetime_seconds": seconds}
    made = (await client.ask("POST", "/tokens", body=body)).value
    tell(made, made["token"], as_json=as_json)


@app.command(name="list")
@asking()
async def list_tokens(client: Client, as_json: options.Json = False) -> None:
    """List the tokens, without their secrets."""
    tell_each((await client.ask("GET", "/tokens")).value, _line, as_json=as_json, none="there is no token")


@app.command()
@asking()
async def revoke(
    client: Client,
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `brigade token list` shows it.")],
    as_json: options.Json = False,
) -> None:
    """From now on this token opens nothing."""
    await client.ask("DELETE", f"/tokens/{segment(token_id)}")
    tell(DONE, "revoked", as_json=as_json)


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
