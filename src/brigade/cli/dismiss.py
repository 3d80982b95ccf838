"""`brigade dismiss`: leave parked keys as they are, with a note on why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from brigade.cli import options
from brigade.errors import UsageError

if TYPE_CHECKING:
    from brigade.control.failures import Decided, Which
    from brigade.wiring.wiring import Wiring

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def dismiss(
    replication: Annotated[str, typer.Argument(metavar="REPLICATION", help="Whose keys.")],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; it is kept on record.")],
    keys: Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="Which keys.")] = None,
    reason: options.Reason = None,
    as_json: options.Json = False,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Leave parked keys as they are. They come back if they change, or if a reconcile fails with them again."""
    from brigade.cli.decided import tell_decided
    from brigade.cli.session import load_wiring, run_async
    from brigade.control.failures import Which

    if not keys and reason is None:
        raise UsageError("nothing is named to be dismissed", hint="name keys, or give --reason")
    if not note.strip():
        raise UsageError("--note: an empty note tells nobody why")
    wiring = load_wiring(config, state)
    decided = run_async(lambda: _dismiss(wiring, Which(replication, tuple(keys or ()), reason), note))
    raise typer.Exit(tell_decided(decided, "dismissed", "is not parked", as_json=as_json))


async def _dismiss(wiring: Wiring, which: Which, note: str) -> Decided:
    from brigade.control.failures import dismiss as leave

    async with wiring.opened_state() as state:
        return await leave(state, which, note)
