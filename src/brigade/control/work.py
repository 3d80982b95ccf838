"""One replication, made ready: two stores, a policy, limits. What wiring builds and every use case takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from brigade.decide.overlap import refuse_pair
from brigade.engine.job import Limits
from brigade.engine.pipes import Spawn
from brigade.errors import BucketMissing, UsageError
from brigade.replications import Policy
from brigade.stores.base import Store

_DAY_SECONDS = 24 * 3600


class LeftOut(Protocol):
    """What a source's listing leaves out and why: links, sockets. Iterating gives the first of them by key."""

    @property
    def total(self) -> int: ...
    @property
    def reasons(self) -> Mapping[str, int]: ...
    def __iter__(self) -> Iterator[tuple[str, str]]: ...


@dataclass(frozen=True, slots=True)
class Work:
    """A replication whose stores are not open yet.

    `source_place` and `target_place` are the identities with links resolved: what overlap is judged by.
    `make_target` says that a missing target is made: a directory is, a bucket is not. `stand_in` is an empty
    store that a plan is made against where the target is still to be made. `left_out` fills while a source that
    is a directory is listed. `helpers` starts more processes for a run, given the replication's number and whether it is followed.
    `followed`: changes of the same keys may be followed at the same time. `expire` has an open target delete what lies
    at its place so many days after it was written, None where it has no such rules.
    """

    name: str
    source: Store
    target: Store
    source_place: str
    target_place: str
    policy: Policy = field(default_factory=Policy)
    limits: Limits = field(default_factory=Limits)
    make_target: bool = False
    stand_in: Store | None = None
    left_out: LeftOut | None = None
    helpers: Callable[[int, bool], Spawn] | None = None
    followed: bool = False
    expire: Callable[[int], Awaitable[None]] | None = None

    @property
    def identity(self) -> str:
        """The same text for the same replication, whatever it is called."""
        return f"{self.source.identity} → {self.target.identity}"


@dataclass(frozen=True, slots=True)
class Opened:
    """The two stores of a replication, open."""

    source: Store
    target: Store


@asynccontextmanager
async def opened(work: Work, *, read_only: bool) -> AsyncIterator[Opened]:
    """Both stores, open and fit for each other; closed in the end.

    Raises `UsageError` where they overlap, and what the stores raise where one cannot be reached.
    """
    if reason := refuse_pair(work.source_place, work.target_place):
        raise UsageError(f"{work.source.name} → {work.target.name}: {reason}")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(work.source.close)
        await work.source.open()
        stack.push_async_callback(work.target.close)
        _refuse_views(work)
        target = await _open_target(work, read_only=read_only)
        await _arrange_expiry(work, target, read_only=read_only)
        yield Opened(work.source, target)


def _refuse_views(work: Work) -> None:
    """A store that is for reading only is no target, and no source that shall be emptied."""
    why = "shows older versions as objects (versions: all), so it can be a source only"
    if not work.target.capabilities.writable:
        raise UsageError(
            f"{work.target.name} {why}", hint="name the same store again without versions: all, and write there"
        )
    if not work.source.capabilities.writable and not work.policy.retain_source:
        raise UsageError(f"{work.source.name} {why}: nothing is deleted there", hint="drop retain_source: false")


async def _arrange_expiry(work: Work, target: Store, *, read_only: bool) -> None:
    """Have the target let objects expire, before the first one is written."""
    seconds = work.policy.expire_after_seconds
    if seconds is None or target is not work.target or target.capabilities.delete_at:
        return  # where a store has times of deletion, each object is told its own
    if work.expire is None:
        raise UsageError(f"{target.name} cannot let objects expire by itself", hint="drop expire_after")
    if seconds < _DAY_SECONDS or seconds % _DAY_SECONDS:
        raise UsageError(f"{target.name} lets objects expire after whole days", hint="write expire_after: 30d")
    if not read_only:
        await work.expire(int(seconds // _DAY_SECONDS))


async def _open_target(work: Work, *, read_only: bool) -> Store:
    try:
        await work.target.open()
    except BucketMissing as error:
        if not work.make_target:
            error.hint = error.hint or "make the bucket first: Brigade never makes one by itself"
            raise
        if read_only:
            assert work.stand_in is not None
            await work.stand_in.open()
            return work.stand_in
        await work.target.create_bucket()
        await work.target.open()
    return work.target
