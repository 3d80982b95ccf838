"""`brigade retry`: try again what has failed."""

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
def retry(
    replication: options.OfReplication = None,
    keys: Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="These keys of it alone.")] = None,
    reason: options.Reason = None,
    everything: Annotated[bool, typer.Option("--all", help="Of every replication.")] = False,
    as_json: options.Json = False,
    config: options.Config = None,
    state: options.State = None,
) -> None:
    """Try again what has failed, now and with all its attempts. A worker (`brigade run`) does it."""
    from brigade.cli.decided import tell_decided
    from brigade.cli.session import load_wiring, run_async
    from brigade.control.failures import Which

    if everything and replication is not None:
        raise UsageError("--all is for every replication, and one is named", hint="drop one of the two")
    if not everything and replication is None and reason is None:
        raise UsageError("nothing is named to be tried again", hint="name a replication, or give --reason or --all")
    wiring = load_wiring(config, state)
    decided = run_async(lambda: _retry(wiring, Which(replication, tuple(keys or ()), reason)))
    raise typer.Exit(tell_decided(decided, "to be tried again", "has not failed", as_json=as_json))


async def _retry(wiring: Wiring, which: Which) -> Decided:
    from brigade.control.failures import retry as again

    async with wiring.opened_state() as state:
        return await again(state, which)
