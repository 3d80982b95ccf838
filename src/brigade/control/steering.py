"""Use cases: routes and blocks of the gateways as an operator changes them, put on record."""

from __future__ import annotations

from typing import NamedTuple

from brigade.control import routing
from brigade.control.desk import Desk
from brigade.control.routing import Answer, Entry, Known, Whose
from brigade.errors import ConfigError, Refused


class Effects(NamedTuple):
    """What a route means for replications.

    `writers`: those that write to where it leads, in words. `unheard`: those that hear of no write any more, by name.
    """

    writers: list[str]
    unheard: list[str]


async def entries(desk: Desk) -> list[Entry]:
    """Every route and block, in the order in which they are asked."""
    return await routing.entries(desk.state, desk.plans.routing(await desk.state.control.documents.all()))


async def set_route(desk: Desk, whose: Whose, store: str, *, force: bool = False) -> list[str]:
    """Send these requests to a store. The names of the replications that hear of no write any more.

    Raises `Refused` without `force` where a replication writes there, `UsageError` for a store or user nobody knows.
    """
    known = await _known(desk)
    effects = desk.plans.route_effects(await desk.state.control.documents.all(), whose.bucket, store)
    if effects.writers and not force:
        raise Refused(
            f"{effects.writers[0]}: it would undo what clients write to {store}",
            hint="take that replication out of the configuration first, or force it",
        )
    await routing.set_route(desk.state, known, whose, store)
    await desk.record("route", _subject(whose), {"store": store, **({"force": True} if force else {})})
    return effects.unheard


async def delete_route(desk: Desk, whose: Whose) -> bool:
    """Remove the route that was set for just these requests. False if there was none."""
    done = await routing.delete_route(desk.state, whose)
    if done:
        await desk.record("delete route", _subject(whose))
    return done


async def block(desk: Desk, whose: Whose, *, writes_only: bool, note: str) -> None:
    """Refuse these requests until they are unblocked. Raises `UsageError` for a user nobody knows."""
    await routing.block(desk.state, await _known(desk), whose, writes_only=writes_only, note=note)
    await desk.record("block", _subject(whose), {"writes_only": writes_only, "note": note})


async def unblock(desk: Desk, whose: Whose) -> bool:
    """Let these requests through again. False if they were not blocked at run time."""
    done = await routing.unblock(desk.state, whose)
    if done:
        await desk.record("unblock", _subject(whose))
    return done


async def explain(desk: Desk, whose: Whose, method: str) -> Answer:
    """What the gateways do with such a request, by the very table that they use."""
    return await routing.explain(desk.state, await _known(desk), whose, method)


async def _known(desk: Desk) -> Known:
    known = desk.plans.routing(await desk.state.control.documents.all())
    if known is None:
        raise ConfigError("there is no section `gateway` in the configuration: nothing could be routed")
    return known


def _subject(whose: Whose) -> str:
    bucket = "every bucket" if whose.bucket is None else f"bucket {whose.bucket}"
    return bucket if whose.user is None else f"{bucket} of {whose.user}"
