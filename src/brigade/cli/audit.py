"""`brigade audit`: who did what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from brigade.cli import options
from brigade.cli.asking import asking, tell_each
from brigade.cli.client import Client, given, some
from brigade.cli.text import one_line, second

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
@asking()
async def audit(
    client: Client,
    subject: Annotated[str | None, typer.Option("--subject", metavar="TEXT", help="To what: `store ceph`.")] = None,
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="TEXT", help="By whom, as the audit names him.")
    ] = None,
    limit: options.Limit = 50,
    as_json: options.Json = False,
) -> None:
    """Tell who did what to which thing, the newest first: by the API, the pages and the command line."""
    found = await some(client, "/audit", given(subject=subject, actor=actor), limit, cursor="before")
    tell_each(found, _line, as_json=as_json, none="nothing was done")


def _line(entry: Mapping[str, Any]) -> str:
    detail = json.dumps(entry["detail"], ensure_ascii=False) if entry["detail"] else ""
    what = (
        f"{second(entry['at'])}  {one_line(entry['actor'])}  {one_line(entry['action'])} {one_line(entry['subject'])}"
    )
    return f"{what}  {one_line(detail)}".rstrip()
