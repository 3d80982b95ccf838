"""Use cases: what a person orders of a replication. The processes that work on it hear of it within a second or so."""

from __future__ import annotations

from brigade.control.desk import Desk
from brigade.errors import Missing, Refused
from brigade.state.control_rows import Ask
from brigade.state.rows import RunState


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
    """Ask for a run; the moment after which it begins. Raises `Missing`."""
    await _check_known(desk, name)
    asked_ns = await desk.state.control.orders.ask(name, what)
    await desk.record(what.value, f"replication {name}")
    return asked_ns


async def cancel(desk: Desk, name: str) -> list[int]:
    """End the runs of it that go on, of every bucket of a whole store; their numbers. Raises `Missing`, `Refused`.

    What is under way is given up within a second or so. Nothing is undone; what was copied stays and is not copied again.
    """
    await _check_known(desk, name)
    names = {row.id: row.name for row in await desk.state.replications.all()}
    going_on = [
        run
        for number, run in (await desk.state.runs.newest()).items()
        if run.state is RunState.RUNNING and (names[number] == name or names[number].startswith(f"{name}/"))
    ]
    cancelled = [run.id for run in going_on if await desk.state.runs.cancel(run)]
    if not cancelled:
        raise Refused(f"no run of {name!r} goes on")
    await desk.record("cancel", f"replication {name}", {"runs": cancelled})
    return cancelled


async def _check_known(desk: Desk, name: str) -> None:
    known = desk.plans.known(await desk.state.control.documents.all())
    if not any(each.name == name for each in known):
        names = ", ".join(each.name for each in known) or "none"
        raise Missing(f"there is no replication {name!r}", hint=f"there are: {names}")
