"""`brigade notifications setup | show | remove REPLICATION`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brigade.cli import options
from brigade.errors import UsageError

if TYPE_CHECKING:
    from brigade.control.notifications import Report, Verb
    from brigade.wire.s3notifications import Entry
    from brigade.wiring.wiring import Wiring

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Have buckets send their events to the feeds that follow them.",
)

_Replication = Annotated[
    str, typer.Argument(metavar="REPLICATION", help="A replication of the configuration.", show_default=False)
]
_DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Tell what would be done, change nothing.")]


@app.command()
def setup(
    replication: _Replication,
    feed: Annotated[
        str | None, typer.Option("--feed", metavar="webhook|sqs", help="Which one, where both follow the replication.")
    ] = None,
    dry_run: _DryRun = False,
    as_json: options.Json = False,
    config: options.Config = None,
) -> None:
    """Have the source's bucket send its events to the webhook or queue. What others configured stays."""
    from brigade.control.notifications import Verb

    _run(Verb.SETUP, replication, config, feed=feed, dry_run=dry_run, as_json=as_json)


@app.command()
def show(replication: _Replication, as_json: options.Json = False, config: options.Config = None) -> None:
    """Show to whom the source's bucket sends its events."""
    from brigade.control.notifications import Verb

    _run(Verb.SHOW, replication, config, dry_run=False, as_json=as_json)


@app.command()
def remove(
    replication: _Replication,
    dry_run: _DryRun = False,
    as_json: options.Json = False,
    config: options.Config = None,
) -> None:
    """Have the source's bucket send no more for this replication. What others configured stays."""
    from brigade.control.notifications import Verb

    _run(Verb.REMOVE, replication, config, dry_run=dry_run, as_json=as_json)


def _run(verb: Verb, replication: str, config: Any, *, feed: str | None = None, dry_run: bool, as_json: bool) -> None:
    from brigade.cli.session import load_wiring, run_async

    wiring = load_wiring(config, needs_config=True)
    reports = run_async(lambda: _arrange(wiring, verb, replication, feed, dry_run=dry_run))
    for report in reports:
        if as_json:
            typer.echo(json.dumps(_as_json(report, replication, dry_run=dry_run)))
        else:
            _print(report, verb, replication, dry_run=dry_run)
    if not dry_run and not all(report.is_whole for report in reports):
        raise typer.Exit(1)


async def _arrange(wiring: Wiring, verb: Verb, replication: str, feed: str | None, *, dry_run: bool) -> list[Report]:
    from brigade.control.notifications import arrange
    from brigade.wiring.notifications import FEEDS, arrangement, buckets_of, notifications_of

    by = next((mode for mode in FEEDS if mode == feed), None)
    if feed is not None and by is None:
        raise UsageError(f"--feed: {feed!r} is no feed", hint=f"feeds are {' and '.join(FEEDS)}")
    source, wanted = arrangement(wiring, replication, verb, by)
    reports = []
    for place in await buckets_of(wiring, source):
        async with notifications_of(wiring, place) as side:
            reports.append(await arrange(verb, side, wanted, dry_run=dry_run))
    return reports


def _print(report: Report, verb: Verb, replication: str, *, dry_run: bool) -> None:
    from brigade.cli.text import one_line

    for line in report.done:
        typer.echo(one_line(f"would be done: {line}" if dry_run else line))
    if verb == "show":
        for entry in report.entries:
            typer.echo(one_line(_shown(entry, replication)))
    if report.is_whole and not report.done and not report.entries:
        typer.echo(one_line(f"{report.bucket} sends nothing{'' if verb == 'show' else f' for {replication}'}"))
    if report.error is not None:
        typer.echo(f"brigade: error: {one_line(str(report.error))}", err=True)
    if report.commands:
        typer.echo("# to be done by you:")
    for command in report.commands:
        typer.echo(command)


def _shown(entry: Entry, replication: str) -> str:
    whose = " (this replication's)" if _is_ours(entry, replication) else ""
    of = f" of keys under {entry.prefix!r}" if entry.prefix else ""
    of += f" that end in {entry.suffix!r}" if entry.suffix else ""
    return f"{entry.id or 'unnamed'}{whose}: {', '.join(entry.events) or 'events'}{of} to {entry.arn or entry.element}"


def _as_json(report: Report, replication: str, *, dry_run: bool) -> dict[str, Any]:
    names = ("id", "arn", "events", "prefix", "suffix")
    return {
        "replication": replication,
        "bucket": report.bucket,
        "dry_run": dry_run,
        "done": report.done,
        "commands": report.commands,
        "entries": [
            {**{name: getattr(entry, name) for name in names}, "ours": _is_ours(entry, replication)}
            for entry in report.entries
        ],
        "error": None if report.error is None else str(report.error),
    }


def _is_ours(entry: Entry, replication: str) -> bool:
    from brigade.changes.setup import entry_id_of

    return entry.id == entry_id_of(replication)
