"""`brigade activity`: what was done to objects lately."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from brigade.cli import options
from brigade.cli.asking import asking, tell_each
from brigade.cli.client import Client, given
from brigade.cli.text import one_line, quote_key, second

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
@asking()
async def activity(
    client: Client,
    replication: options.OfReplication = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000, help="So many at most.")] = 50,
    as_json: options.Json = False,
) -> None:
    """Tell what was done to objects lately, the oldest first. Only the latest of each replication are kept."""
    query = {**given(replication=replication), "limit": str(limit)}
    found = (await client.ask("GET", "/activity", query=query)).value
    tell_each(found, activity_line, as_json=as_json, none="nothing was done lately")


def activity_line(each: Mapping[str, Any]) -> str:
    """What was done to one object, when, and why."""
    return "  ".join([second(each["at"]), *done_words(each)]).rstrip()


def done_words(each: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Of which replication it is, what was done, the key, and why; or that it failed, and why."""
    outcome = each["outcome"]
    error = outcome.get("error")
    what = "failed" if error else str(outcome.get("action"))
    return (
        one_line(each["replication"]),
        what,
        quote_key(outcome["key"]),
        one_line(error or outcome.get("reason") or ""),
    )
