"""`brigade failures`: what keeps failing, key by key or reason by reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from brigade.cli import options
from brigade.cli.asking import asking, tell_each
from brigade.cli.client import Client, given, pages
from brigade.cli.text import one_line, quote_key, second
from brigade.errors import UsageError

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

_STATES = ("parked", "retrying")
_AT_ONCE = "1000"


@app.command()
@asking(needs_config=False)
async def failures(
    client: Client,
    replication: options.OfReplication = None,
    by_reason: Annotated[
        bool, typer.Option("--by-reason", help="Count each reason and show some of its keys.")
    ] = False,
    reason: options.Reason = None,
    only: Annotated[
        str | None, typer.Option("--only", metavar="parked|retrying", help="Only those that were given up, or not.")
    ] = None,
    dismissed: Annotated[bool, typer.Option("--dismissed", help="Show those that were dismissed instead.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show the keys that cannot be made right: parked ones, and those that are still tried again."""
    if dismissed + by_reason + (only is not None) > 1:
        raise UsageError("--dismissed, --by-reason and --only exclude each other", hint="drop one of them")
    query = {**given(replication=replication, reason=reason, state=only), "limit": _AT_ONCE}
    show = _show_dismissed if dismissed else _show_reasons if by_reason else _show_keys
    await show(client, query, as_json=as_json)


async def _show_keys(client: Client, query: Mapping[str, str], *, as_json: bool) -> None:
    counts: Counter[str] = Counter()
    async for failure in pages(client, "/failures", query):
        counts[failure["state"]] += 1
        typer.echo(json.dumps(failure) if as_json else _key_as_text(failure))
    if not as_json:
        typer.echo(_sum(counts))


async def _show_reasons(client: Client, query: Mapping[str, str], *, as_json: bool) -> None:
    counts: Counter[str] = Counter()
    for group in (await client.ask("GET", "/failures/reasons", query=query)).value:
        counts.update({state: group[state] for state in _STATES})
        typer.echo(json.dumps(group) if as_json else _group_as_text(group))
    if not as_json:
        typer.echo(_sum(counts))


async def _show_dismissed(client: Client, query: Mapping[str, str], *, as_json: bool) -> None:
    found = (await client.ask("GET", "/failures/dismissed", query=query)).value
    tell_each(found, _dismissed_as_text, as_json=as_json, none="nothing was dismissed")


def _dismissed_as_text(each: Mapping[str, Any]) -> str:
    what = f"{second(each['dismissed_at'])}  {one_line(each['replication'])}  {quote_key(each['key'])}"
    return f"{what}  {one_line(each['reason'])}  note: {one_line(each['note'])}"


def _key_as_text(failure: Mapping[str, Any]) -> str:
    count = failure["attempts"]
    attempts = f"{count} attempt{'s' * (count != 1)} since {second(failure['since'])}"
    what = f"{failure['state']:8}  {one_line(failure['replication'])}  {quote_key(failure['key'])}"
    return f"{what}  {attempts}  {one_line(failure['reason'])}"


def _group_as_text(group: Mapping[str, Any]) -> str:
    count, examples = group["parked"] + group["retrying"], group["examples"]
    keys = ", ".join(map(quote_key, examples)) + (", …" if count > len(examples) else "")
    return f"{count:>8}  {one_line(group['replication'])}  {one_line(group['reason'])}  {keys}"


def _sum(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[state]} {state}" for state in _STATES if counts[state]) or "nothing has failed"
