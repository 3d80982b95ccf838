"""`brigade runs list | show | ranges | report`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from brigade.cli import options
from brigade.cli.asking import asking, tell, tell_each, tell_table
from brigade.cli.client import Client, given, some
from brigade.cli.text import one_line, quote_key, second

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Show what has run, and the reports.",
)

RunId = Annotated[int, typer.Argument(metavar="ID", min=1, help="As `brigade runs list` shows it.")]


_COUNTS = {"copied": "copied", "deleted": "deleted", "differences": "differ", "failed": "failed"}


@app.callback()
def runs() -> None:
    """Show what has run, and the reports."""


@app.command(name="list")
@asking(needs_config=False)
async def list_runs(
    client: Client,
    replication: options.OfReplication = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="sync|verify", help="Only these.")] = None,
    limit: options.Limit = 20,
    as_json: options.Json = False,
) -> None:
    """List the runs of a replication, or of all, the newest first."""
    query = given(replication=replication, kind=kind)
    found = await some(client, "/runs", query, limit, cursor="before")
    tell_table(found, _run_cells, as_json=as_json, none="nothing has run")


@app.command()
@asking(needs_config=False)
async def show(client: Client, run_id: RunId, as_json: options.Json = False) -> None:
    """Show one run with all its counts."""
    run = (await client.ask("GET", f"/runs/{run_id}")).value
    counts = [f"  {name.replace('_', ' ')}: {count}" for name, count in run["counts"].items()]
    tell(run, "\n".join([run_line(run), f"  by {one_line(run['owner'])}", *counts]), as_json=as_json)


@app.command()
@asking(needs_config=False)
async def ranges(client: Client, run_id: RunId, as_json: options.Json = False) -> None:
    """Show which worker has which keys of a run that several share."""
    found = (await client.ask("GET", f"/runs/{run_id}/ranges")).value
    tell_each(found, _range_line, as_json=as_json, none="one worker does all of it")


@app.command()
@asking(needs_config=False)
async def report(
    client: Client,
    run_id: RunId,
    action: Annotated[str | None, typer.Option("--action", metavar="ACTION", help="Of a sync: copy, delete …")] = None,
    status: Annotated[str | None, typer.Option("--status", metavar="STATUS", help="Of a verify: differs …")] = None,
    reason: options.Reason = None,
    proof: Annotated[str | None, typer.Option("--proof", metavar="PROOF", help="Proven so: etag, md5 …")] = None,
    failed: Annotated[
        bool | None, typer.Option("--failed/--not-failed", help="Only what failed, or only what did not.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Print the report of a run, a line for each object that was not the same before and after."""
    wanted = given(action=action, status=status, reason=reason, proof=proof)
    query = wanted if failed is None else {**wanted, "failed": str(failed).lower()}
    lines = _Lines(typer.echo if as_json else lambda text: typer.echo(_report_line(json.loads(text))))
    await client.download(f"/runs/{run_id}/report.jsonl", query, lines.take)


class _Lines:
    """Cuts what comes in parts into lines."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._rest = b""

    def take(self, part: bytes) -> None:
        *whole, self._rest = (self._rest + part).split(b"\n")
        for line in whole:
            self._show(line.decode("ascii"))


def run_line(run: Mapping[str, Any]) -> str:
    """One run in a line."""
    return "  ".join(cell for cell in _run_cells(run) if cell)


def counted(counts: Mapping[str, int]) -> str:
    """What a run did, and what it did not: `24 copied, 1 failed`."""
    return ", ".join(f"{counts[name]} {word}" for name, word in _COUNTS.items() if counts.get(name))


def _run_cells(run: Mapping[str, Any]) -> tuple[str, ...]:
    from brigade.config.units import format_duration

    began = datetime.fromisoformat(run["started"])
    ended = None if run["finished"] is None else datetime.fromisoformat(run["finished"])
    took = "goes on" if ended is None else f"took {format_duration((ended - began).total_seconds())}"
    what = str(run["id"]), one_line(run["replication"]), str(run["kind"]), str(run["state"])
    return *what, second(run["started"]), took, counted(run["counts"])


def _range_line(part: Mapping[str, Any]) -> str:
    first = quote_key(part["after"]) if part["after"] else "the beginning"
    last = "the end" if part["upto"] is None else quote_key(part["upto"])
    counts = [f"{part['counts'][name]} {name}" for name in ("considered", "copied") if part["counts"].get(name)]
    what = f"behind {first} to {last}  {part['state']}"
    return "  ".join(each for each in (what, one_line(part["worker"] or ""), ", ".join(counts)) if each)


def _report_line(line: Mapping[str, Any]) -> str:
    what = line.get("action") or line.get("status") or ""
    parts = [f"{what:14}", quote_key(line["key"]), one_line(line["reason"]), line.get("proof") or ""]
    error = one_line(line["error"]) if line["error"] else ""
    return "  ".join(part for part in (*parts, error) if part)
