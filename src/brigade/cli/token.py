"""`brigade token`: who may use the API."""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING, Annotated

import typer

from brigade.cli import options
from brigade.cli.options import read_option

if TYPE_CHECKING:
    from brigade.control.access import Scope
    from brigade.wiring.wiring import Wiring

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
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Print a new token. It is shown this once; the state keeps only a digest of it."""
    from brigade.cli.session import load_wiring, run_async
    from brigade.config.units import parse_duration
    from brigade.control.access import Scope

    seconds = read_option("--lifetime", lifetime, parse_duration)
    wanted = read_option("--scope", scope, Scope)
    assert wanted is not None
    wiring = load_wiring(config, state, needs_config=True)
    typer.echo(run_async(lambda: _create(wiring, name, wanted, seconds)))


async def _create(wiring: Wiring, name: str, scope: Scope, lifetime_seconds: float | None) -> str:
    from brigade.control.access import create_token
    from brigade.wiring.plans import desk

    async with wiring.opened_state() as state:
        return await create_token(
            desk(wiring, state, getpass.getuser()), name, scope, lifetime_seconds=lifetime_seconds
        )


@app.command(name="list")
def list_tokens(as_json: options.Json = False, config: options.Config = None, state: options.State = None) -> None:
    """List the tokens, without their secrets."""
    from brigade.cli.session import load_wiring, run_async

    wiring = load_wiring(config, state, needs_config=True)
    run_async(lambda: _list(wiring, as_json=as_json))


async def _list(wiring: Wiring, *, as_json: bool) -> None:
    from brigade.cli.text import one_line, utc

    async with wiring.opened_state() as state:
        rows = await state.control.tokens.all()
    for row in rows:
        moments = {
            "created": utc(row.created_ns),
            "expires": None if row.expires_ns is None else utc(row.expires_ns),
            "used": None if row.used_ns is None else utc(row.used_ns),
        }
        if as_json:
            typer.echo(json.dumps({"id": row.id, "name": row.name, "scope": row.scope, **moments}))
        else:
            expires = moments["expires"] or "never"
            words = f"made {moments['created']}  expires {expires}  used {moments['used'] or 'never'}"
            typer.echo(f"{row.id}  {row.scope:7}  {one_line(row.name)}  {words}")
    if not rows and not as_json:
        typer.echo("there is no token")


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `brigade token list` shows it.")],
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """From now on this token opens nothing."""
    from brigade.cli.session import load_wiring, run_async

    wiring = load_wiring(config, state, needs_config=True)
    run_async(lambda: _revoke(wiring, token_id))
    typer.echo("revoked")


async def _revoke(wiring: Wiring, token_id: str) -> None:
    from brigade.control.access import revoke_token
    from brigade.wiring.plans import desk

    async with wiring.opened_state() as state:
        await revoke_token(desk(wiring, state, getpass.getuser()), token_id)
