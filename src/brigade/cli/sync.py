"""`brigade sync SOURCE TARGET`."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brigade.cli import options
from brigade.cli.options import OrderedFilters, read_option, selection
from brigade.replications import DEFAULT_MAX_DELETE, AttributesMode, CompareMode, DeleteMode

if TYPE_CHECKING:
    from brigade.control.work import Work
    from brigade.engine.report import Observer, RunResult
    from brigade.wiring.wiring import Wiring

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command(cls=OrderedFilters)
def sync(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Where the objects are: a path, store:bucket/prefix or s3://bucket.")
    ],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Where they shall be.")],
    delete: Annotated[
        DeleteMode, typer.Option("--delete", help="What may be deleted at the target: only what sync wrote, or all.")
    ] = DeleteMode.NO,
    max_delete: Annotated[
        str, typer.Option("--max-delete", metavar="N|P%", help="Refuse to delete more than so many, or such a share.")
    ] = str(DEFAULT_MAX_DELETE),
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Print the plan, change nothing.")] = False,
    include: options.Include = None,
    exclude: options.Exclude = None,
    min_size: options.MinSize = None,
    max_size: options.MaxSize = None,
    min_age: options.MinAge = None,
    max_age: options.MaxAge = None,
    compare: Annotated[CompareMode, typer.Option("--compare", help="How contents are compared.")] = CompareMode.AUTO,
    attributes: Annotated[
        AttributesMode,
        typer.Option("--attributes", help="Compare metadata where the listing hints at a change, or of each object."),
    ] = AttributesMode.AUTO,
    tags: options.Tags = True,
    acl: options.Acl = False,
    storage_class: Annotated[
        str | None, typer.Option("--storage-class", metavar="CLASS", help="Write this storage class.")
    ] = None,
    transfers: options.Transfers = None,
    processes: options.Processes = None,
    bandwidth: options.Bandwidth = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on behind the last checkpoint of a run that was cut off. Not with --delete."),
    ] = False,
    require_proof: Annotated[
        bool, typer.Option("--require-proof", help="Fail objects that could only be compared by size.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write a line of JSON for each object.")
    ] = None,
    as_json: options.Json = False,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Make TARGET the same as SOURCE: copy what is missing or differs, prove each copy, delete only if asked to."""
    from brigade.cli.session import load_wiring
    from brigade.config import units
    from brigade.wiring.helpers import Options

    policy = replace(
        selection(context, include, exclude, (min_size, max_size), (min_age, max_age)),
        delete=delete,
        max_delete=read_option("--max-delete", max_delete, units.parse_max_delete) or DEFAULT_MAX_DELETE,
        compare=compare,
        attributes=attributes,
        tags=tags,
        acl=acl,
        storage_class=storage_class,
        require_proof=require_proof,
    )
    limits = Options(transfers, read_option("--bandwidth", bandwidth, units.parse_bandwidth), processes=processes)
    wiring = load_wiring(config, state)
    work = wiring.work(wiring.place(source), wiring.place(target), policy, limits)
    raise typer.Exit(_run(wiring, work, dry_run=dry_run, resume=resume, report=report, as_json=as_json))


def _run(wiring: Wiring, work: Work, *, dry_run: bool, resume: bool, report: Path | None, as_json: bool) -> int:
    from brigade.cli.plan import PlanPrinter
    from brigade.cli.session import run_async
    from brigade.cli.summary import summary_lines
    from brigade.control.report_file import ReportFile
    from brigade.control.verdict import exit_code, summary
    from brigade.control.watching import Failures

    failures = Failures()
    watchers: list[Observer] = [failures]
    with ExitStack() as files:
        if report is not None:
            watchers.append(files.enter_context(ReportFile(report)))
        if dry_run and not as_json:
            watchers.append(PlanPrinter())
        result = run_async(
            lambda: _sync(wiring, work, watchers, dry_run=dry_run, resume=resume, quiet=as_json or dry_run)
        )
        # Before the report is closed: a report that cannot be finished must not take the summary with it.
        if as_json:
            typer.echo(json.dumps(summary(result)))
        else:
            typer.echo("\n".join(summary_lines(result, failures)))
    return exit_code(result)


async def _sync(
    wiring: Wiring, work: Work, watchers: list[Observer], *, dry_run: bool, resume: bool, quiet: bool
) -> RunResult:
    from brigade.cli.progress import Meter, shown
    from brigade.control.sync import sync as make_right
    from brigade.control.watching import Fanout

    meter = Meter()
    async with wiring.opened_state() as state, shown(meter, wiring.clock, quiet=quiet):
        return await make_right(
            work,
            state=state,
            clock=wiring.clock,
            observer=Fanout([meter, *watchers]),
            tell=note,
            dry_run=dry_run,
            resume=resume,
        )


def note(words: str) -> None:
    """A line for a person, out of the way of what is printed for programs."""
    typer.echo(f"note: {words}", err=True)
