"""`brigade dismiss`: leave parked keys as they are, with a note on why."""

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
async def dismiss(
    client: Client,
    replication: Annotated[str, typer.Argument(metavar="REPLICATION", help="Whose keys.")],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; it is kept on record.")],
    keys: Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="Which keys.")] = None,
    reason: options.Reason = None,
    as_json: options.Json = False,
) -> int:
    """Leave parked keys as they are. They come back if they change, or if a reconcile fails with them again."""
    body = {"replication": replication, "reason": reason, "note": note}
    decided = await decide(client, "/failures/dismiss", body, keys or [])
    return tell_decided(decided, "dismissed", "is not parked", as_json=as_json)
