"""`brigade run`, which goes on until it is stopped, and `brigade run --once`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from brigade.cli import options
from brigade.errors import BrigadeError, UsageError

if TYPE_CHECKING:
    from brigade.control.run_all import Ended
    from brigade.control.watching import Failures
    from brigade.control.work import Work
    from brigade.engine.report import Observer, RunResult
    from brigade.state.state import State
    from brigade.wiring.routes import Failed
    from brigade.wiring.wiring import Wiring

    Job = tuple[str, Callable[[], Awaitable[RunResult]]]

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def run(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Roles: worker, gateway, agent. With --once replications. All if none is named."
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Run each replication once and end.")] = False,
    parallel: Annotated[int, typer.Option("--parallel", metavar="N", min=1, help="Replications side by side.")] = 1,
    processes: Annotated[
        int, typer.Option("--processes", metavar="N", min=1, help="Processes that share the work on this machine.")
    ] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Print the plans, change nothing.")] = False,
    as_json: options.Json = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="Write what goes on as JSON, one value a line.")] = False,
    config: options.Config = None,
    state: options.State = None,
    sibling: Annotated[
        int, typer.Option("--sibling", hidden=True, help="Started by another to share its work, as its how manieth.")
    ] = 0,
) -> None:
    """Follow what is live, serve the gateway, compare by schedule, until stopped. With --once run each once and end."""
    from brigade.cli.session import load_wiring, run_async

    if not once:
        if dry_run or as_json or parallel != 1:
            raise UsageError("--dry-run, --json and --parallel go with --once")
        from brigade.cli.live import go_on

        wiring = load_wiring(config, state, needs_config=True)
        raise typer.Exit(go_on(wiring, names or [], processes=processes, number=sibling, log_json=log_json))
    if processes != 1:
        raise UsageError("--processes goes without --once")
    if log_json:
        raise UsageError("--log-json goes without --once", hint="--json prints how each replication ended")
    wiring = load_wiring(config, state, needs_config=True)
    runner = _Runner(wiring, as_json=as_json, dry_run=dry_run)
    raise typer.Exit(run_async(lambda: runner.run(names or [], parallel)))


class _Runner:
    """Runs the replications and prints how each ended."""

    def __init__(self, wiring: Wiring, *, as_json: bool, dry_run: bool) -> None:
        self._wiring = wiring
        self._as_json = as_json
        self._dry_run = dry_run
        self._failures: dict[str, Failures] = {}

    async def run(self, names: list[str], parallel: int) -> int:
        """All of them; returns the worst exit code."""
        from brigade.control.run_all import run_all
        from brigade.wiring.merging import with_documents
        from brigade.wiring.routes import ready_works

        async with self._wiring.opened_state() as state:
            works = await ready_works(await with_documents(self._wiring, state), names)
            jobs = [self._job(work, state) for work in works]
            return await run_all(jobs, at_once=parallel, tell=self._tell)

    def _job(self, work: Work | Failed, state: State) -> Job:
        async def sync() -> RunResult:
            from brigade.cli.plan import PlanPrinter
            from brigade.control.sync import sync as make_right
            from brigade.control.watching import Failures, Fanout
            from brigade.wiring.routes import Failed

            if isinstance(work, Failed):
                raise work.error
            failures = self._failures[work.name] = Failures()
            watchers: list[Observer] = [failures]
            if self._dry_run and not self._as_json:
                watchers.append(PlanPrinter())
            return await make_right(
                work,
                state=state,
                clock=self._wiring.clock,
                observer=Fanout(watchers),
                tell=lambda words: typer.echo(f"note: {work.name}: {words}", err=True),
                dry_run=self._dry_run,
            )

        return work.name, sync

    def _tell(self, ended: Ended) -> None:
        from brigade.cli.summary import summary_lines
        from brigade.control.verdict import summary

        if self._as_json:
            values = summary(ended.result) if ended.result else {"in_step": False, "error": str(ended.error)}
            typer.echo(json.dumps({"replication": ended.name, **values}))
        elif ended.result is not None:
            for line in summary_lines(ended.result, self._failures[ended.name]):
                typer.echo(f"{ended.name}: {line}")
        else:
            typer.echo(f"brigade: error: {ended.name}: {_words(ended.error)}", err=True)


def _words(error: Exception | None) -> str:
    from brigade.cli.crash import describe_crash

    return str(error) if isinstance(error, BrigadeError) or error is None else describe_crash(error)
