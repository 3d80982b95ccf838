"""`brigade activity`: what was done to objects lately."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from brigade.cli import options
from brigade.cli.client import Api, Client, given, with_client
from brigade.cli.text import one_line, quote_key, second

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def activity(
    replication: options.OfReplication = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000, help="So many at most.")] = 50,
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Tell what was done to objects lately, the oldest first. Only the latest of each replication are kept."""
    query = {**given(replication=replication), "limit": str(limit)}

    async def ask(client: Client) -> None:
        for each in (await client.ask("GET", "/activity", query=query)).value:
            line = each["outcome"]
            why = one_line(line.get("error") or line.get("reason") or "")
            words = (
                f"{second(each['at'])}  {one_line(each['replication'])}  {line.get('action')}  {quote_key(line['key'])}"
            )
            typer.echo(json.dumps(each) if as_json else f"{words}  {why}".rstrip())

    with_client(ask, api, config, state)
