"""Use case: a store of the configuration is tried out for an operator, bounded in time and number."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import NamedTuple

from brigade.control import setting_up
from brigade.control.check import Step, Verdict, check_store
from brigade.control.desk import Desk
from brigade.control.fidelity import EVERYTHING, Fidelity, fidelity
from brigade.control.setting_up import Shown
from brigade.errors import Refused, StoreError, UsageError
from brigade.state.control_rows import DocumentKind
from brigade.stores.base import Capabilities, Store

MOST_SECONDS = 30.0
_CLEAN_UP_SECONDS = 10.0
_MOST_AT_ONCE = 4
_BUCKETS_SHOWN = 1000
_MOST_REMEMBERED = 1000


class Checked(NamedTuple):
    """What a check found. Without a bucket only reaching, signing and the list of buckets can be tried."""

    at_ns: int
    location: str
    steps: tuple[Step, ...]
    capabilities: Mapping[str, object] | None = None
    fidelity: tuple[Fidelity, ...] = ()
    buckets: tuple[str, ...] | None = None

    @property
    def is_well(self) -> bool:
        return all(step.verdict is not Verdict.FAILED for step in self.steps)


class Checks:
    """Makes checks, and remembers the latest of each store for as long as the process lives."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Mapping[str, object], Checked]] = {}
        self._under_way: set[str] = set()

    def latest(self, shown: Shown) -> Checked | None:
        """The latest check of a store, if it has the settings of then."""
        settings, checked = self._found.get(shown.name, ({}, None))
        return checked if settings == shown.settings else None

    async def check(
        self, desk: Desk, name: str, *, bucket: str = "", target: str | None = None, read_only: bool = False
    ) -> Checked:
        """Try out a store, a bucket of it, or a copy from it to `target`.

        Writes only below a key of its own and removes it again. Raises `Missing`, `Refused` while too much is tried
        out, and `UsageError` for a location that cannot be.
        """
        shown = await setting_up.show(desk, DocumentKind.STORE, name)
        if name in self._under_way or len(self._under_way) >= _MOST_AT_ONCE:
            raise Refused("it, or enough else, is being tried out right now", hint="try again in a moment")
        self._under_way.add(name)
        try:
            checked = await _check(desk, f"{name}:{bucket}", target, read_only=read_only)
        finally:
            self._under_way.discard(name)
        if len(self._found) >= _MOST_REMEMBERED:
            self._found.clear()
        self._found[name] = shown.settings, checked
        await desk.record("check", f"store {name}", {"location": checked.location, "well": checked.is_well})
        return checked


async def _check(desk: Desk, location: str, target: str | None, *, read_only: bool) -> Checked:
    for each in (location, target or ""):
        if ".." in each.partition(":")[2].split("/"):
            raise UsageError(f"{each!r} leads out of its store")
    documents = await desk.state.control.documents.all()
    store = desk.plans.store(location, documents)
    if store is None:
        return await _list_buckets(desk, location)
    other = desk.plans.store(target, documents) if target else None
    if target and other is None:
        await store.close()
        raise UsageError(f"{target!r} names no bucket", hint="write store:bucket")
    try:
        steps = await _steps(store, desk, read_only=read_only)
        able = store.capabilities
        if other is not None:
            words, there = await _able(other)
            steps += [Step("target", Verdict.FAILED, words)] if words else []
            rows = fidelity(able, there)
        else:
            rows = fidelity(EVERYTHING, able)
    finally:
        await store.close()
        if other is not None:
            await other.close()
    return Checked(desk.clock.now_ns(), location, tuple(steps), asdict(able), tuple(rows))


async def _steps(store: Store, desk: Desk, *, read_only: bool) -> list[Step]:
    """The steps that ended in time. What was written is removed in either case."""
    steps: list[Step] = []
    with suppress(TimeoutError):
        # Two of them: the inner one ends the steps, the outer one the cleaning up behind them.
        async with asyncio.timeout(MOST_SECONDS + _CLEAN_UP_SECONDS), asyncio.timeout(MOST_SECONDS):
            async for step in check_store(store, desk.clock, read_only=read_only):
                steps.append(step)  # noqa: PERF401  what is there when the time is over counts
            return steps
    return [*steps, Step("time", Verdict.FAILED, f"it was not done after {MOST_SECONDS:.0f} s")]


async def _able(other: Store) -> tuple[str, Capabilities]:
    """What the other store can do, as far as it is known, and why it is not known better."""
    words = ""
    try:
        async with asyncio.timeout(MOST_SECONDS):
            await other.open()
    except (StoreError, TimeoutError) as error:
        words = _words(error)
    return words, other.capabilities


def _words(error: Exception) -> str:
    return str(error) or f"it did not answer within {MOST_SECONDS:.0f} s"


async def _list_buckets(desk: Desk, location: str) -> Checked:
    now_ns = desk.clock.now_ns()
    try:
        async with asyncio.timeout(MOST_SECONDS):
            names = await desk.plans.buckets(location, await desk.state.control.documents.all())
    except (StoreError, TimeoutError) as error:
        return Checked(now_ns, location, (Step("reach", Verdict.FAILED, _words(error)),))
    steps = [Step("reach", Verdict.OK), Step("sign", Verdict.OK), Step("list", Verdict.OK, f"{len(names)} buckets")]
    return Checked(now_ns, location, tuple(steps), buckets=tuple(names[:_BUCKETS_SHOWN]))
