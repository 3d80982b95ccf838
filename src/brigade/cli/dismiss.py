"""`brigade dismiss`: leave parked keys as they are, with a note on why."""

from __future__ import annotations

from typing import Annotated

import typer

from brigade.cli import options
from brigade.cli.client import Api, with_client
from brigade.cli.decided import decide, tell_decided

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def dismiss(
    replication: Annotated[str, typer.Argument(metavar="REPLICATION", help="Whose keys.")],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; it is kept on record.")],
    keys: Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="Which keys.")] = None,
    reason: options.Reason = None,
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Leave parked keys as they are. They come back if they change, or if a reconcile fails with them again."""
    body = {"replication": replication, "reason": reason, "note": note}
    decided = with_client(
        lambda client: decide(client, "/failures/dismiss", body, keys or []), api, config, state, needs_config=False
    )
    raise typer.Exit(tell_decided(decided, "dismissed", "is not parked", as_json=as_json))
