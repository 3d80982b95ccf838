"""`brigade retry`: try again what has failed."""

from __future__ import annotations

from typing import Annotated

import typer

from brigade.cli import options
from brigade.cli.asking import asking
from brigade.cli.client import Client
from brigade.cli.decided import decide, tell_decided

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
@asking(needs_config=False)
async def retry(
    client: Client,
    replication: options.OfReplication = None,
    keys: Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="These keys of it alone.")] = None,
    reason: options.Reason = None,
    everything: Annotated[bool, typer.Option("--all", help="Of every replication.")] = False,
    as_json: options.Json = False,
) -> int:
    """Try again what has failed, now and with all its attempts. A worker (`brigade run`) does it."""
    body = {"replication": replication, "reason": reason, "all": everything}
    decided = await decide(client, "/failures/retry", body, keys or [])
    return tell_decided(decided, "to be tried again", "has not failed", as_json=as_json)
