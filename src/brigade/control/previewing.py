"""Use case: what a replication would do, before it is set up: a dry run, bounded in time and number."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from brigade.control.desk import Desk
from brigade.control.plain_values import check_plain
from brigade.control.sync import sync
from brigade.engine.report import ActionKind, Outcome, RunResult
from brigade.errors import Refused, UsageError
from brigade.state.control_rows import DocumentKind

MOST_SECONDS = 10.0
MOST_OBJECTS = 100_000
SHOWN_LINES = 50
_MOST_AT_ONCE = 2


class Preview(NamedTuple):
    """What would be done. `is_whole` is False where the time was up, or enough was seen, before the end.

    `counts` are objects by action, `lines` the first that would be touched, `trouble` what speaks against it.
    """

    counts: Mapping[ActionKind, int]
    copied_bytes: int
    failed: int
    lines: list[Outcome]
    notes: list[str]
    trouble: str | None
    is_whole: bool

    @property
    def considered(self) -> int:
        return sum(self.counts.values())


class Previews:
    """Makes previews, so many at once and no more: each lists two stores."""

    def __init__(self) -> None:
        self._under_way = 0

    async def make(self, desk: Desk, name: str, settings: Mapping[str, Any]) -> Preview:
        """Try it out. Raises `ConfigError` for settings that make no sense, and what the stores raise."""
        check_plain(settings)
        if "*" in str(settings.get("source", "")):
            raise UsageError("a whole store has no preview", hint="preview one of its buckets: store:bucket")
        if self._under_way >= _MOST_AT_ONCE:
            raise Refused("enough is being previewed right now", hint="try again in a moment")
        documents = await desk.state.control.documents.all()
        others = [each for each in documents if (each.kind, each.name) != (DocumentKind.REPLICATION, name)]
        work = desk.plans.work(name, settings, others)
        watcher = _Watcher()
        result: RunResult | None = None
        self._under_way += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(MOST_SECONDS) as watcher.limit:
                    result = await sync(
                        work,
                        state=desk.state,
                        clock=desk.clock,
                        observer=watcher,
                        tell=watcher.notes.append,
                        dry_run=True,
                    )
        finally:
            self._under_way -= 1
        return watcher.preview(result)


class _Watcher:
    """The observer of the dry run. It ends it by its limit when enough was seen."""

    def __init__(self) -> None:
        self.counts: Counter[ActionKind] = Counter()
        self.copied_bytes = 0
        self.failed = 0
        self.lines: list[Outcome] = []
        self.notes: list[str] = []
        self.limit: asyncio.Timeout | None = None
        self._seen = 0

    def outcome(self, outcome: Outcome) -> None:
        self.counts[outcome.action] += 1
        self.failed += outcome.error is not None
        if outcome.action is ActionKind.COPY:
            self.copied_bytes += outcome.size_bytes
        if outcome.action is not ActionKind.SKIP and len(self.lines) < SHOWN_LINES:
            self.lines.append(outcome)
        self._seen += 1
        if self._seen == MOST_OBJECTS and self.limit is not None and not self.limit.expired():
            self.limit.reschedule(-1)

    def planned(self, objects: int, size_bytes: int) -> None:
        """The plan is told by outcomes."""

    def moved(self, size_bytes: int) -> None:
        """Nothing moves."""

    def preview(self, result: RunResult | None) -> Preview:
        """What was seen."""
        trouble = None if result is None else result.refusal or result.incomplete
        is_whole = result is not None and result.incomplete is None
        return Preview(self.counts, self.copied_bytes, self.failed, self.lines, self.notes, trouble, is_whole)
