"""`brigade diff SOURCE TARGET`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from brigade.cli import options
from brigade.cli.options import OrderedFilters, selection
from brigade.replications import AttributesMode, CompareMode, DeleteMode

if TYPE_CHECKING:
    from brigade.control.work import Work
    from brigade.engine.report import Difference
    from brigade.engine.verify import DiffResult
    from brigade.wiring.wiring import Wiring

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command(cls=OrderedFilters)
def diff(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Where the objects are.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="What is held against it.")],
    checksum: Annotated[bool, typer.Option("--checksum", help="Read the bytes of both sides.")] = False,
    attributes: Annotated[
        AttributesMode,
        typer.Option("--attributes", help="Compare metadata where the listing hints at a change, or of each object."),
    ] = AttributesMode.AUTO,
    include: options.Include = None,
    exclude: options.Exclude = None,
    min_size: options.MinSize = None,
    max_size: options.MaxSize = None,
    min_age: options.MinAge = None,
    max_age: options.MaxAge = None,
    tags: options.Tags = True,
    acl: options.Acl = False,
    transfers: options.Transfers = None,
    as_json: options.Json = False,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Tell how TARGET differs from SOURCE; change nothing. Exit code 1 if they differ."""
    from brigade.cli.session import load_wiring, run_async
    from brigade.wiring.helpers import Options

    policy = replace(
        selection(context, include, exclude, (min_size, max_size), (min_age, max_age)),
        # Extra objects are a difference; nothing is deleted, because a diff does nothing.
        delete=DeleteMode.MIRROR,
        compare=CompareMode.CHECKSUM if checksum else CompareMode.AUTO,
        attributes=attributes,
        tags=tags,
        acl=acl,
    )
    wiring = load_wiring(config, state)
    work = wiring.work(wiring.place(source), wiring.place(target), policy, Options(transfers))
    result = run_async(lambda: _diff(wiring, work, as_json=as_json))
    if not as_json:
        typer.echo(_summary(result))
    if result.incomplete:
        typer.echo(f"brigade: error: not complete: {result.incomplete}", err=True)
    raise typer.Exit(0 if result.in_step else 1)


async def _diff(wiring: Wiring, work: Work, *, as_json: bool) -> DiffResult:
    from brigade.cli.text import one_line, quote_key
    from brigade.control.diff import diff as compare

    def tell(difference: Difference) -> None:
        key, status, reason = difference
        if as_json:
            sys.stdout.write(json.dumps({"key": key, "status": status, "reason": reason}) + "\n")
        else:
            sys.stdout.write(f"{status}  {quote_key(key)}  {one_line(reason)}\n")

    def failed(key: str, reason: str) -> None:
        sys.stderr.write(f"failed  {quote_key(key)}  {one_line(reason)}\n")

    async with wiring.opened_state() as state:
        return await compare(work, state=state, clock=wiring.clock, tell=tell, failed=failed)


def _summary(result: DiffResult) -> str:
    parts = [f"{result.same} the same", f"{result.differences} differ"]
    if result.excluded:
        parts.append(f"{result.excluded} left out")
    if result.failed:
        parts.append(f"{result.failed} could not be compared")
    return ", ".join(parts)
