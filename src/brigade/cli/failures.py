"""`brigade failures`: what keeps failing, key by key or reason by reason."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from brigade.cli import options
from brigade.errors import UsageError

if TYPE_CHECKING:
    from brigade.control.failures import Failure, Group, Which
    from brigade.wiring.wiring import Wiring

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def failures(
    replication: options.OfReplication = None,
    by_reason: Annotated[
        bool, typer.Option("--by-reason", help="Count each reason and show some of its keys.")
    ] = False,
    reason: options.Reason = None,
    dismissed: Annotated[bool, typer.Option("--dismissed", help="Show those that were dismissed instead.")] = False,
    as_json: options.Json = False,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Show the keys that cannot be made right: parked ones, and those that are still tried again."""
    from brigade.cli.session import load_wiring, run_async
    from brigade.control.failures import Which

    wiring = load_wiring(config, state)
    which = Which(replication, reason=reason)
    if dismissed and by_reason:
        raise UsageError("--dismissed is not counted by reason", hint="drop one of the two")
    show = _show_dismissed if dismissed else _show_reasons if by_reason else _show_keys
    run_async(lambda: show(wiring, which, as_json=as_json))


async def _show_keys(wiring: Wiring, which: Which, *, as_json: bool) -> None:
    from brigade.control.failures import failures as find

    counts: Counter[str] = Counter()
    async with wiring.opened_state() as state:
        async for failure in find(state, which):
            counts[failure.state] += 1
            typer.echo(_key_as_json(failure) if as_json else _key_as_text(failure))
    if not as_json:
        typer.echo(_sum(counts))


async def _show_reasons(wiring: Wiring, which: Which, *, as_json: bool) -> None:
    from brigade.control.failures import FailureState, by_reason
    from brigade.control.failures import failures as find

    async with wiring.opened_state() as state:
        groups = await by_reason(find(state, which))
    counts: Counter[str] = Counter()
    for group in groups:
        counts[FailureState.PARKED] += group.parked
        counts[FailureState.RETRYING] += group.retrying
        typer.echo(json.dumps(group._asdict()) if as_json else _group_as_text(group))
    if not as_json:
        typer.echo(_sum(counts))


async def _show_dismissed(wiring: Wiring, which: Which, *, as_json: bool) -> None:
    from brigade.cli.text import one_line, quote_key, utc
    from brigade.control.failures import dismissed as find

    async with wiring.opened_state() as state:
        found = await find(state, which)
    for each in found:
        at = utc(each.dismissed_ns)
        if as_json:
            values = {"replication": each.replication, "key": each.key, "reason": each.reason, "note": each.note}
            typer.echo(json.dumps({**values, "dismissed_at": at}))
        else:
            what = f"{at}  {one_line(each.replication)}  {quote_key(each.key)}"
            typer.echo(f"{what}  {one_line(each.reason)}  note: {one_line(each.note)}")
    if not found and not as_json:
        typer.echo("nothing was dismissed")


def _key_as_json(failure: Failure) -> str:
    from brigade.cli.text import utc
    from brigade.control.failures import FailureState

    is_parked = failure.state is FailureState.PARKED
    return json.dumps(
        {
            "replication": failure.replication,
            "key": failure.key,
            "state": failure.state,
            "reason": failure.reason,
            "attempts": failure.attempts,
            "since": utc(failure.since_ns),
            "parked_at": utc(failure.at_ns) if is_parked else None,
            "again_at": None if is_parked else utc(failure.at_ns),
        }
    )


def _key_as_text(failure: Failure) -> str:
    from brigade.cli.text import one_line, quote_key, utc

    attempts = f"{failure.attempts} attempt{'s' * (failure.attempts != 1)} since {utc(failure.since_ns)}"
    words = f"{failure.state:8}  {one_line(failure.replication)}  {quote_key(failure.key)}  {attempts}"
    return f"{words}  {one_line(failure.reason)}"


def _group_as_text(group: Group) -> str:
    from brigade.cli.text import one_line, quote_key

    count = group.parked + group.retrying
    keys = ", ".join(map(quote_key, group.examples)) + (", …" if count > len(group.examples) else "")
    return f"{count:>8}  {one_line(group.replication)}  {one_line(group.reason)}  {keys}"


def _sum(counts: Counter[str]) -> str:
    from brigade.control.failures import FailureState

    parts = [f"{counts[state]} {state}" for state in FailureState if counts[state]]
    return ", ".join(parts) or "nothing has failed"
