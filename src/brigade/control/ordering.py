"""Use cases: what a person orders of a replication. The processes that work on it hear of it within a second or so."""

from __future__ import annotations

from brigade.control.desk import Desk
from brigade.errors import Missing
from brigade.state.control_rows import Ask


async def pause(desk: Desk, name: str, note: str = "") -> None:
    """Let it rest until `resume`, also in processes that start later. What changes meanwhile is noted all the same.

    Raises `Missing`.
    """
    await _check_known(desk, name)
    await desk.state.control.orders.pause(name, note)
    await desk.record("pause", f"replication {name}", {"note": note} if note else None)


async def resume(desk: Desk, name: str) -> None:
    """Go on with it. Raises `Missing`."""
    await _check_known(desk, name)
    await desk.state.control.orders.resume(name)
    await desk.record("resume", f"replication {name}")


async def ask(desk: Desk, name: str, what: Ask) -> int:
    """Ask for a run, or for the end of the one that goes on; the moment from which it counts. Raises `Missing`."""
    await _check_known(desk, name)
    asked_ns = await desk.state.control.orders.ask(name, what)
    await desk.record(what.value, f"replication {name}")
    return asked_ns


async def _check_known(desk: Desk, name: str) -> None:
    known = desk.plans.known(await desk.state.control.documents.all())
    if not any(each.name == name for each in known):
        names = ", ".join(each.name for each in known) or "none"
        raise Missing(f"there is no replication {name!r}", hint=f"there are: {names}")
