"""Use cases: the gateways' routes and blocks as they are changed and asked for while the gateways run.

They work on the state alone; every gateway that shares it takes a change up within a second.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from brigade.clock import Clock
from brigade.decide.routing import READS, Block, BucketRoute, Decision, RouteTable, Rules
from brigade.errors import StateError, UsageError
from brigade.state.rows import Routing
from brigade.state.state import State

EVERY = "*"
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Known:
    """What the configuration knows: the S3 stores, the users of the gateway, and its own rules."""

    stores: Collection[str]
    users: Collection[str]
    rules: Rules


class Whose(NamedTuple):
    """Which requests: those of a user for a bucket. None stands for every user, every bucket."""

    user: str | None
    bucket: str | None


class Answer(NamedTuple):
    """What becomes of a request. It is served if no block refuses it and its store is there."""

    decision: Decision
    is_served: bool


class Entry(NamedTuple):
    """A route (`store`) or a block (`store` None). `set_ns` None: it stands in the configuration."""

    whose: Whose
    store: str | None
    writes_only: bool = False
    note: str = ""
    set_ns: int | None = None


def whose_of(user: str | None, bucket: str) -> Whose:
    """As people write it: `*` is every bucket. Raises `UsageError` for what can be none."""
    if not bucket or "/" in bucket or user == "":
        raise UsageError(f"{bucket!r} is no bucket" if user != "" else "an empty name of a user")
    return Whose(user, None if bucket == EVERY else bucket)


def set_rules(routing: Routing) -> tuple[tuple[BucketRoute, ...], tuple[Block, ...]]:
    """Routes and blocks that were set at run time, as the table takes them."""
    return (
        tuple(BucketRoute(row.bucket, row.store, row.user) for row in routing.routes),
        tuple(Block(row.bucket, row.user, row.writes_only) for row in routing.blocks),
    )


async def entries(state: State, known: Known | None) -> list[Entry]:
    """Blocks first, then routes; of each what was set at run time before what the configuration says."""
    routing = await state.routes.read()
    blocks = [Entry(Whose(*row[:2]), None, row.writes_only, row.note, row.set_ns) for row in routing.blocks]
    routes = [Entry(Whose(*row[:2]), row.store, set_ns=row.set_ns) for row in routing.routes]
    if known is not None:
        blocks += [Entry(Whose(each.user, each.bucket), None, each.writes_only) for each in known.rules.blocks]
        routes += _configured_routes(known.rules)
    return blocks + routes


def _configured_routes(rules: Rules) -> Iterator[Entry]:
    for route in rules.routes:
        yield Entry(Whose(route.user, route.bucket), route.store)
    for user, store in rules.user_stores.items():
        yield Entry(Whose(user, None), store)
    if rules.store is not None:
        yield Entry(Whose(None, None), rules.store)


async def set_route(state: State, known: Known, whose: Whose, store: str) -> None:
    """Send these requests to a store. Raises `UsageError` for a store or a user that the configuration lacks."""
    if store not in known.stores:
        have = ", ".join(known.stores) or "none"
        raise UsageError(f"there is no S3 store {store!r} in the configuration", hint=f"there are: {have}")
    _refuse_strangers(known, whose)
    await state.routes.set(whose.user, whose.bucket, store)


async def delete_route(state: State, whose: Whose) -> bool:
    """Remove the route that was set for just these requests. False if there was none."""
    return await state.routes.delete(whose.user, whose.bucket)


async def block(state: State, known: Known, whose: Whose, *, writes_only: bool, note: str) -> None:
    """Refuse these requests until they are unblocked. Raises `UsageError` for a user nobody knows."""
    _refuse_strangers(known, whose)
    await state.routes.block(whose.user, whose.bucket, writes_only=writes_only, note=note)


async def unblock(state: State, whose: Whose) -> bool:
    """Let these requests through again. False if they were not blocked at run time."""
    return await state.routes.unblock(whose.user, whose.bucket)


async def explain(state: State, known: Known, whose: Whose, method: str) -> Answer:
    """What the gateways do with such a request, by the very table that they use."""
    _refuse_strangers(known, whose)
    routes, blocks = set_rules(await state.routes.read())
    table = RouteTable(replace(known.rules, set_routes=routes, set_blocks=blocks))
    decision = table.decide(whose.user, whose.bucket, changes=method.upper() not in READS)
    return Answer(decision, decision.store in known.stores)


async def follow_routing(
    state: State,
    clock: Clock,
    known: Routing,
    take_up: Callable[[Routing], Awaitable[None]],
    trouble: Callable[[str], None],
) -> None:
    """Take up each change of routes and blocks within a second, until cancelled; `known` is what was read before.

    While the state cannot be read, what was read before holds.
    """
    told = ""
    while True:
        await clock.sleep(_LOOK_SECONDS)
        try:
            if await state.routes.revision() != known.revision:
                known = await state.routes.read()
                await take_up(known)
            told = ""
        except StateError as error:
            if str(error) != told:
                told = str(error)
                trouble(f"changes of routes are not heard of: {told}")


def _refuse_strangers(known: Known, whose: Whose) -> None:
    if whose.user is not None and whose.user not in known.users:
        have = ", ".join(known.users) or "none"
        raise UsageError(f"the gateway has no user {whose.user!r}", hint=f"there are: {have}")
