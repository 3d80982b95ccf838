"""`brigade audit`: who did what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from brigade.cli import options
from brigade.cli.client import Api, Client, given, pages, with_client
from brigade.cli.text import one_line, second

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

_PAGE = 1000


@app.command()
def audit(
    subject: Annotated[str | None, typer.Option("--subject", metavar="TEXT", help="To what: `store ceph`.")] = None,
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="TEXT", help="By whom, as the audit names him.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="So many at most.")] = 50,
    as_json: options.Json = False,
    api: Api = None,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Tell who did what to which thing, the newest first: by the API, the pages and the command line."""
    query = {**given(subject=subject, actor=actor), "limit": str(min(limit, _PAGE))}

    async def ask(client: Client) -> None:
        left = limit
        async for each in pages(client, "/audit", query, cursor="before"):
            typer.echo(json.dumps(each) if as_json else _line(each))
            left -= 1
            if left == 0:
                return

    with_client(ask, api, config, state)


def _line(entry: Mapping[str, Any]) -> str:
    detail = json.dumps(entry["detail"], ensure_ascii=False) if entry["detail"] else ""
    what = (
        f"{second(entry['at'])}  {one_line(entry['actor'])}  {one_line(entry['action'])} {one_line(entry['subject'])}"
    )
    return f"{what}  {one_line(detail)}".rstrip()
