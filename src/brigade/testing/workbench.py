"""Two memory stores, a state and a clock: what tests of the engine start from.

Every run goes through the observe layer, so a test can count requests, and, where asked for, through scripted
faults, timeouts and retries in the order that `compose` has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self

from brigade.decide.backoff import Backoff
from brigade.engine.follow import Follower, FollowLimits
from brigade.engine.job import Job, Limits
from brigade.engine.ledger import Ledger
from brigade.engine.reconcile import reconcile
from brigade.engine.report import ActionKind, Difference, Outcome, RunResult
from brigade.engine.verify import DiffResult, diff
from brigade.objects import NO_ATTRIBUTES, Attributes
from brigade.replications import Policy
from brigade.state.state import State
from brigade.stores.base import BytesBody, Capabilities, Store
from brigade.stores.layers.fault_script import FaultScript
from brigade.stores.layers.faults import FaultyStore
from brigade.stores.layers.observe import ObservedStore
from brigade.stores.layers.retry import RetryingStore
from brigade.stores.layers.timeout import TimedStore, Timeouts
from brigade.stores.memory import MEMORY_CAPABILITIES, MemoryStore
from brigade.telemetry import Telemetry
from brigade.testing.clock import ManualClock
from brigade.testing.observer import RecordingObserver

# Small enough that objects of some hundred bytes take every path: buffered, streamed, in parts.
SMALL_LIMITS = Limits(
    transfers=4,
    large_objects=2,
    streams=3,
    held_parts=3,
    buffer_bytes=64,
    part_size_bytes=100,
    attempts=4,
    sort_entries=50,
)


class Held(NamedTuple):
    """What a store holds under one key."""

    data: bytes
    attributes: Attributes


@dataclass(slots=True)
class Ran:
    """One run: its result, what was told, and the requests that it made."""

    result: RunResult
    observer: RecordingObserver
    telemetry: Telemetry

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """The last outcome of each key."""
        return self.observer.by_key()

    def keys(self, action: ActionKind) -> list[str]:
        """The keys for which this was done."""
        return self.observer.keys(action)

    def requests(self, store: str = "", *operations: str) -> int:
        """How many requests of these operations (none named: of any) went to the store whose name starts so."""
        return sum(
            count
            for (name, operation, _), count in self.telemetry.requests.items()
            if name.startswith(store) and (not operations or operation in operations)
        )


@dataclass(slots=True)
class Faults:
    """What goes wrong in a run, and what stands between that and the engine."""

    source: FaultScript = field(default_factory=FaultScript)
    target: FaultScript = field(default_factory=FaultScript)
    retry: bool = True
    timeouts: Timeouts | None = None


class Workbench:
    """A source and a target in memory and a state in a file. Open it with `async with`."""

    def __init__(
        self,
        directory: Path,
        *,
        source: Capabilities = MEMORY_CAPABILITIES,
        target: Capabilities = MEMORY_CAPABILITIES,
        clock: ManualClock | None = None,
        limits: Limits = SMALL_LIMITS,
    ) -> None:
        self.clock = clock or ManualClock()
        self._capabilities = source, target
        self._number = 0
        self._make_stores()
        self.limits = limits
        self._url = f"sqlite:///{directory / 'state.db'}"
        self._state: State | None = None
        self.replication_id = 0

    async def __aenter__(self) -> Self:
        self._state = await State.open(self._url, clock=self.clock)
        await self.start_over()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.state.close()

    def _make_stores(self) -> None:
        source, target = self._capabilities
        self.source = MemoryStore("source", "bucket", clock=self.clock, capabilities=source)
        self.target = MemoryStore("target", "bucket", clock=self.clock, capabilities=target)

    async def start_over(self) -> None:
        """Empty stores, and a replication that nothing is known of: cheaper than a new workbench."""
        self._make_stores()
        self._number += 1
        name = f"test {self._number}"
        self.replication_id = await self.state.replications.ensure(name, f"memory → memory, {name}")

    @property
    def state(self) -> State:
        """The open state."""
        assert self._state is not None, "open the workbench first"
        return self._state

    def ledger(self, *, read_only: bool = False) -> Ledger:
        """A ledger as a new process would open it."""
        return Ledger(self.state, self.replication_id, read_only=read_only)

    def job(
        self,
        policy: Policy | None = None,
        *,
        faults: Faults | None = None,
        limits: Limits | None = None,
        dry_run: bool = False,
        source: Store | None = None,
        target: Store | None = None,
        ledger: Ledger | None = None,
    ) -> tuple[Job, RecordingObserver, Telemetry]:
        """A job over both stores, with its observer and its counters."""
        telemetry = Telemetry()
        observer = RecordingObserver()
        faults = faults or Faults()
        job = Job(
            self._layered(source or self.source, telemetry, faults, faults.source),
            self._layered(target or self.target, telemetry, faults, faults.target),
            policy or Policy(),
            self.clock,
            observer,
            ledger or self.ledger(read_only=dry_run),
            limits or self.limits,
            dry_run=dry_run,
        )
        return job, observer, telemetry

    def _layered(self, store: Store, telemetry: Telemetry, faults: Faults, script: FaultScript) -> Store:
        if script.faults:
            store = FaultyStore(store, script, clock=self.clock)
        if faults.timeouts is not None:
            store = TimedStore(store, faults.timeouts)
        store = ObservedStore(store, telemetry)
        if faults.retry:
            store = RetryingStore(store, clock=self.clock, telemetry=telemetry, backoff=Backoff(attempts=3))
        return store

    async def sync(
        self,
        policy: Policy | None = None,
        *,
        faults: Faults | None = None,
        limits: Limits | None = None,
        dry_run: bool = False,
        source: Store | None = None,
        target: Store | None = None,
        ledger: Ledger | None = None,
    ) -> Ran:
        """One reconcile, as a process of its own would do it."""
        job, observer, telemetry = self.job(
            policy, faults=faults, limits=limits, dry_run=dry_run, source=source, target=target, ledger=ledger
        )
        return Ran(await reconcile(job), observer, telemetry)

    def follower(
        self, jobs: Mapping[int, Job], *, owner: str = "follower", limits: FollowLimits | None = None
    ) -> Follower:
        """A follower as a new process would start it."""
        return Follower(
            self.state, jobs, clock=self.clock, owner=owner, limits=limits or FollowLimits(lease_seconds=20_000)
        )

    async def follow(
        self,
        policy: Policy | None = None,
        *,
        faults: Faults | None = None,
        source: Store | None = None,
        target: Store | None = None,
        limits: FollowLimits | None = None,
    ) -> Ran:
        """Drain the backlog of the replication; the counts are those of what was settled."""
        ledger = Ledger(self.state, self.replication_id, followed=True)
        job, observer, telemetry = self.job(policy, faults=faults, source=source, target=target, ledger=ledger)
        follower = self.follower({self.replication_id: job}, limits=limits)
        await follower.run(once=True)
        return Ran(RunResult(follower.lines[self.replication_id].counts.settled), observer, telemetry)

    async def mark(self, *keys: str, live: bool = True) -> None:
        """Mark keys of the replication."""
        await self.state.backlog.mark(self.replication_id, keys, live=live)

    async def diff(self, policy: Policy | None = None) -> tuple[DiffResult, dict[str, Difference]]:
        """One diff: its result and the difference of each key."""
        job, _, _ = self.job(policy, dry_run=True)
        found: list[Difference] = []
        failed: list[tuple[str, str]] = []
        result = await diff(job, found.append, lambda key, reason: failed.append((key, reason)))
        return result, {difference.key: difference for difference in found}


async def put(store: Store, key: str, data: bytes, attributes: Attributes = NO_ATTRIBUTES) -> None:
    """Write one object in one piece."""
    await store.put(key, BytesBody(data), attributes=_typed(attributes))


async def put_parts(store: Store, key: str, parts: Sequence[bytes], attributes: Attributes = NO_ATTRIBUTES) -> None:
    """Write one object as a multipart upload of these parts."""
    upload_id = await store.create_multipart(key, attributes=_typed(attributes))
    infos = [await store.put_part(key, upload_id, number, BytesBody(part)) for number, part in enumerate(parts, 1)]
    await store.complete_multipart(key, upload_id, infos)


def _typed(attributes: Attributes) -> Attributes:
    """With the type that every S3 names where the uploader gave none."""
    return attributes if attributes.content_type else replace(attributes, content_type="application/octet-stream")


async def held(store: Store) -> dict[str, Held]:
    """All that a store holds, bytes, headers and tags."""
    found: dict[str, Held] = {}
    cursor = None
    while True:
        page = await store.list_page(cursor=cursor)
        for info in page.entries:
            async with store.get(info.key) as reader:
                data = await reader.read()
            attributes = (await store.head(info.key)).attributes or NO_ATTRIBUTES
            tags = await store.read_tags(info.key) if store.capabilities.tags else None
            found[info.key] = Held(data, attributes.with_tags(tags))
        cursor = page.cursor
        if cursor is None:
            return found


def contents(objects: Mapping[str, Held]) -> dict[str, bytes]:
    """The bytes alone."""
    return {key: value.data for key, value in objects.items()}


def content(size_bytes: int, seed: str = "") -> bytes:
    """Bytes that look like nothing else, the same for the same arguments."""
    pieces = (hashlib.sha256(f"{seed}/{number}".encode()).digest() for number in range(size_bytes // 32 + 1))
    return b"".join(pieces)[:size_bytes]
