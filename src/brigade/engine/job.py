"""What a run needs to know, gathered once: the two stores, the policy made into facts, limits and helpers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from brigade.clock import Clock
from brigade.decide.attributes import Carries
from brigade.decide.decide import Rules
from brigade.decide.filters import Selector, compile_selector
from brigade.engine.ledger import Ledger
from brigade.engine.pipes import Spawn
from brigade.engine.progress import Progress
from brigade.engine.report import Observer
from brigade.objects import MEBIBYTE
from brigade.replications import Policy
from brigade.stores.base import Capabilities, Store
from brigade.telemetry import ReplicationCounts


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one run.

    Objects up to `buffer_bytes` travel through memory whole and so can be sent again; larger ones are streamed.
    `transfers` objects are in work at once in up to `processes` processes, of them `large_objects` large ones, whose parts share `streams`
    slots. Parts of our own plan are held whole, `held_parts` of them: twice that much may be on its way at once, being read and
    being sent. Memory stays under transfers * buffer_bytes + 2 * held_parts * part_size_bytes. So many as `queued_tasks` are decided
    and wait: enough to keep every worker busy while a listing page is on its way, small beside a page's own memory. A
    range of a shared run is not cut into pieces of fewer than `range_entries` objects. An object whose MD5 is told beside an
    ETag that is none goes in one put up to `single_put_bytes`: what breaks off there begins anew.
    """

    transfers: int = 64
    processes: int = 1
    large_objects: int = 8
    streams: int = 12
    held_parts: int = 6
    buffer_bytes: int = MEBIBYTE
    part_size_bytes: int = 8 * MEBIBYTE
    single_put_bytes: int = 1024 * MEBIBYTE
    attempts: int = 4
    sort_entries: int = 100_000
    range_entries: int = 500
    queued_tasks: int = 2000


@dataclass(slots=True)
class Trust:
    """What this run has found out about the two stores' ETags; it starts from their capabilities.

    `source_multipart_etags` is apart, since some servers keep S3's rule for single uploads only. A store may answer
    ETags that look like MD5s and are none (SSE-KMS, SSE-C): found out once, remembered here. The `proven` ones say
    that ETags of the source did come out right, or are known to: then bytes that do not match are damage, not another rule.
    """

    source_etags: bool
    source_multipart_etags: bool
    target_etags: bool
    source_proven: bool = False
    source_multipart_proven: bool = False


@dataclass(slots=True)
class Job:
    """One run of one replication over two open stores."""

    source: Store
    target: Store
    policy: Policy
    clock: Clock
    observer: Observer
    ledger: Ledger
    limits: Limits = field(default_factory=Limits)
    dry_run: bool = False
    progress: Progress = field(default_factory=Progress)
    spawn: Spawn | None = None
    counts: ReplicationCounts = field(default_factory=ReplicationCounts)
    started_ns: int = field(init=False)
    selector: Selector = field(init=False)
    rules: Rules = field(init=False)
    carries: Carries = field(init=False)
    trust: Trust = field(init=False)
    _streams: asyncio.Semaphore = field(init=False)
    _large: asyncio.Semaphore = field(init=False)
    _held: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        source, target = self.source.capabilities, self.target.capabilities
        self.started_ns = self.clock.now_ns()
        self.selector = self.select_by_now()
        clocks_apart_ns = self.target.clock_offset_ns - self.source.clock_offset_ns
        self.rules = make_rules(self.policy, source, target, clocks_apart_ns)
        self.carries = carried_between(source, target)
        self.trust = Trust(
            source.content_etags, source.content_etags, target.content_etags, source.strict_etags, source.strict_etags
        )
        self._streams = asyncio.Semaphore(self.limits.streams)
        self._large = asyncio.Semaphore(self.limits.large_objects)
        self._held = asyncio.Semaphore(self.limits.held_parts)

    def select_by_now(self) -> Selector:
        """The filters, with ages that count from now by the source's clock, which has written the times."""
        return compile_selector(self.policy, now_ns=self.clock.now_ns() + self.source.clock_offset_ns)

    @property
    def cuts_along_source(self) -> bool:
        """True where the source's ETags promise something of its bytes, so that a cut along its parts proves them."""
        return self.source.capabilities.content_etags and self.trust.source_etags

    @property
    def stream_slot(self) -> asyncio.Semaphore:
        """Held while one body is streamed or one part is in memory."""
        return self._streams

    @property
    def held_slot(self) -> asyncio.Semaphore:
        """Held while one part, or an object of up to that size, is in memory."""
        return self._held

    @property
    def large_slot(self) -> asyncio.Semaphore:
        """Held while a large object is in work."""
        return self._large

    def distrust_source_etags(self) -> None:
        """From now on the source's ETags are not taken for digests: hash, and remember in the inventory.

        An ETag that is equal on both sides still proves equal content, since the target made its own.
        """
        self.trust.source_etags = False


def make_rules(policy: Policy, source: Capabilities, target: Capabilities, clocks_apart_ns: int = 0) -> Rules:
    """The policy with what the two stores' listings can tell."""
    return Rules(
        policy=policy,
        content_etags=source.content_etags and target.content_etags,
        local_reads=source.local_reads or target.local_reads,
        times_compare=target.modified_is_write_time,
        tags_hidden=not source.listing_tells_tags,
        clocks_apart_ns=clocks_apart_ns,
    )


def carried_between(source: Capabilities, target: Capabilities) -> Carries:
    """What of an object's attributes both stores can hold."""
    return Carries(
        content_headers=source.content_headers and target.content_headers,
        metadata=source.metadata and target.metadata,
        empty_metadata_values=target.empty_metadata_values,
        tags=source.tags and target.tags,
        storage_class=target.storage_classes,
        lock=source.object_lock and target.object_lock,
        acl=source.acl and target.acl,
        guess_content_type=source.local_reads and not target.local_reads,
        identifier_metadata=target.identifier_metadata,
        custom_time=source.custom_time and target.custom_time,
        delete_at=source.delete_at and target.delete_at,
        stored_classes=target.stored_classes,
    )
