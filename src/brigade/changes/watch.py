"""The directory feed: changes of files, as `watchfiles` hears of them, become marks when the files have come to rest.

What inotify leaves out is made good: a directory that is new is walked, twice, because files may be made in it before
it is watched; of one that is gone the whole prefix is rescanned, because nothing tells what was in it; after
trouble, after a start and after a flood that may have overflown the kernel's queue, everything is rescanned.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from brigade.changes.base import Change, Intake, pause
from brigade.changes.mounts import remote_filesystem
from brigade.changes.settling import Settling, Stat
from brigade.changes.tree import Kind, Links, Look, Tree
from brigade.clock import Clock
from brigade.errors import BrigadeError, ConfigError, Unavailable

Event = tuple[int, str]
"""1 added, 2 modified, 3 deleted, as `watchfiles.Change` counts; and the path."""

Listen = Callable[[str, bool], AsyncGenerator[Collection[Event], None]]
"""Listens to a directory, by polling or not; an empty batch when nothing has happened for a while."""

MAX_HELD = 200_000
"""So many keys are held in memory while they rest or while the state cannot be written; then a rescan stands for them."""

ROOT_CHECK_SECONDS = 5.0
RESCAN_SPACING_SECONDS = 30.0
STEADY_SECONDS = 60.0

_ADDED, _DELETED = 1, 3
_TICK_SECONDS = 0.2
_DEBOUNCE_SECONDS = 0.2
_STEP_SECONDS = 0.05
_QUEUE_LIMIT = Path("/proc/sys/fs/inotify/max_queued_events")
_USUAL_QUEUE = 16384
# Writing a file makes about four events.
_EVENTS_PER_FILE = 4


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """One directory. `polling` None: only where the file system is one that other machines write to.

    `settle_seconds` is how long size and time of a file must have rested. `ignored_folders` stand at the root.
    """

    root: str
    settle_seconds: float = 2.0
    links: Links = Links.SKIP
    polling: bool | None = None
    poll_seconds: float = 10.0
    ignored_folders: frozenset[str] = frozenset((".brigade-tmp", ".brigade-meta"))
    rescan_at_start: bool = True

    def __post_init__(self) -> None:
        if self.settle_seconds < 0 or self.poll_seconds <= 0:
            raise ConfigError("settle and poll times of a watched directory are not negative")


class WatchFeed:
    """Watches one directory. Its routes have no bucket: `Subscription(id, "", prefix)`."""

    def __init__(self, settings: WatchSettings, intake: Intake, clock: Clock, *, listen: Listen | None = None) -> None:
        self.intake = intake
        self.polls = False
        self.is_watching = False
        self._settings = settings
        self._clock = clock
        self._listen = listen or self._listen_to_files
        self._tree = Tree(settings.root, settings.links, settings.ignored_folders)
        self._settling = Settling(settings.settle_seconds)
        self._ready: dict[str, None] = {}
        self._doubts: dict[str, None] = {}
        self._fresh: dict[str, tuple[float, dict[str, Stat]]] = {}
        self._rescans_after_seconds = 0.0
        self._checked_seconds = 0.0
        self._flood = _queue_limit() // _EVENTS_PER_FILE

    async def run(self) -> None:
        """Watch until cancelled. A root that is not there is waited for."""
        failures = 0
        is_first = True
        while True:
            began_seconds = self._clock.monotonic_seconds()
            try:
                await self._watch(rescan=self._settings.rescan_at_start or not is_first)
            except BrigadeError as error:
                is_first = False
                self.intake.note(str(error))
            except OSError as error:
                is_first = False
                self.intake.note(f"the directory {self._tree.root} cannot be watched: {error}")
            finally:
                self.is_watching = False
            steady = self._clock.monotonic_seconds() - began_seconds >= STEADY_SECONDS
            failures = 1 if steady else failures + 1
            await pause(self._clock, failures)

    async def _watch(self, *, rescan: bool) -> None:
        polling = self._settings.polling
        if polling is None:
            polling = await asyncio.to_thread(remote_filesystem, self._tree.root) is not None
        self.polls = polling
        async with aclosing(self._listen(self._tree.root, polling)) as batches:
            async for batch in batches:
                if not self.is_watching:
                    await self._begin(rescan=rescan)
                await self._notice(batch)
                await self._look_again()
                await self._flush()

    async def _begin(self, *, rescan: bool) -> None:
        """Only now, with the watch in place, is what there is looked at: nothing falls in between."""
        self._settling.clear()
        self._fresh.clear()
        await asyncio.to_thread(self._tree.settle)
        self.is_watching = True
        if rescan:
            self._doubts[""] = None
            self._rescans_after_seconds = 0.0

    async def _notice(self, batch: Collection[Event]) -> None:
        """Take in a batch of events."""
        now_seconds = self._clock.monotonic_seconds()
        if batch or now_seconds - self._checked_seconds >= ROOT_CHECK_SECONDS:
            self._checked_seconds = now_seconds
            await self._require_root()
        if len(batch) >= self._flood:
            self._doubts[""] = None  # The kernel's queue may have overflown, which nobody tells us.
        heard: dict[str, set[int]] = {}
        for change, path in batch:
            key = self._tree.key_of(path)
            if key is not None:
                heard.setdefault(key, set()).add(int(change))
        if heard:
            looks = await asyncio.to_thread(self._tree.look, heard)
            ignored = sum([look.kind is Kind.OTHER for look in looks.values()])
            await self.intake.take([], ignored=ignored)
            for key, look in sorted(looks.items()):
                await self._sort(key, look, heard[key])

    async def _sort(self, key: str, look: Look, heard: Collection[int]) -> None:
        """One path: what it is now, and what was heard of it."""
        if look.kind is Kind.DIRECTORY:
            if _DELETED in heard:
                self._settling.forget(key)
                self._ready[key] = None  # What is gone may have been a file of this name.
            await self._sort_directory(key, heard)
            return
        if key in self._tree.directories:
            self._lose_directory(key)
        if look.kind is Kind.FILE:
            self._see(key, look.stat)
        elif look.kind is Kind.ABSENT:
            self._settling.forget(key)
            self._ready[key] = None

    async def _sort_directory(self, key: str, heard: Collection[int]) -> None:
        if key in self._tree.directories:
            if _DELETED in heard:
                self._lose_directory(key)  # Removed and made again: what was in it may be gone.
            elif _ADDED not in heard or any(f"{key}/".startswith(f"{fresh}/") for fresh in self._fresh):
                return  # Nothing new, or part of a new subtree that will be walked once more.
        await self._walk(key)

    def _lose_directory(self, key: str) -> None:
        self._tree.forget(key)
        self._doubts[f"{key}/"] = None

    async def _walk(self, directory: str, known: dict[str, Stat] | None = None) -> None:
        """Take in a new directory; `known` is what its first walk found, if this is the second."""
        found = await asyncio.to_thread(self._tree.walk, directory)
        if not found.is_whole:
            self._doubts[f"{directory}/"] = None
        for key, stat in found.files.items():
            if known is None or known.get(key) != stat:
                self._see(key, stat)
        if known is None:
            due_seconds = self._clock.monotonic_seconds() + self._settings.settle_seconds + 1.0
            self._fresh[directory] = (due_seconds, found.files)

    def _see(self, key: str, stat: Stat) -> None:
        self._settling.see(key, stat, self._clock.monotonic_seconds())

    async def _look_again(self) -> None:
        """At the files that have rested, and at the directories that were new a moment ago."""
        now_seconds = self._clock.monotonic_seconds()
        for directory, (due_seconds, known) in list(self._fresh.items()):
            if due_seconds <= now_seconds:
                del self._fresh[directory]
                if directory in self._tree.directories:
                    await self._walk(directory, known)
        due = self._settling.due(now_seconds)
        if due:
            looks = await asyncio.to_thread(self._tree.look, due)
            for key, look in looks.items():
                if look.kind is Kind.FILE and look.stat == due[key]:
                    self._ready[key] = None
                else:
                    await self._sort(key, look, {_DELETED} if look.kind is Kind.DIRECTORY else ())

    async def _flush(self) -> None:
        """Make durable what is ready. While the state cannot be written, it waits here."""
        self._bound()
        failures = 0
        while self._ready or self._doubts:
            try:
                await self._mark()
                await self._rescan()
                return
            except BrigadeError as error:
                failures += 1
                self.intake.note(str(error))
                await pause(self._clock, failures)

    async def _mark(self) -> None:
        if self._ready:
            await self._require_root()
            names = await asyncio.to_thread(lambda: [name for key in self._ready for name in self._tree.names(key)])
            await self.intake.take([Change("", name) for name in names])
            self._ready.clear()

    async def _rescan(self) -> None:
        now_seconds = self._clock.monotonic_seconds()
        for prefix in list(self._doubts):
            if not prefix and now_seconds < self._rescans_after_seconds:
                continue  # A flood that goes on must not have everything rescanned all the time.
            await self.intake.rescan("", prefix)
            del self._doubts[prefix]
            if not prefix:
                self._rescans_after_seconds = now_seconds + RESCAN_SPACING_SECONDS

    def _bound(self) -> None:
        if len(self._ready) + len(self._settling) > MAX_HELD:
            self._ready.clear()
            self._settling.clear()
            self._doubts[""] = None

    async def _require_root(self) -> None:
        if not await asyncio.to_thread(self._tree.is_there):
            raise Unavailable(
                f"the directory {self._tree.root} is gone, or another one than before",
                operation="watch",
                hint="mount it or make it again: nothing in it counts as deleted",
            )

    async def _listen_to_files(self, root: str, polling: bool) -> AsyncGenerator[Collection[Event], None]:
        """What `watchfiles` hears, in a thread: to begin blocks for as long as the tree is large."""
        from watchfiles import watch

        stop = threading.Event()
        turn = threading.Lock()
        batches = watch(
            root,
            watch_filter=None,
            debounce=int(_DEBOUNCE_SECONDS * 1000),
            step=int(_STEP_SECONDS * 1000),
            stop_event=stop,
            rust_timeout=int(_TICK_SECONDS * 1000),
            yield_on_timeout=True,
            raise_interrupt=False,
            force_polling=polling,
            poll_delay_ms=int(self._settings.poll_seconds * 1000),
            ignore_permission_denied=True,
        )

        def following() -> Collection[Event] | None:
            with turn:
                return next(batches, None)

        def close() -> None:
            with turn:
                batches.close()

        try:
            while (batch := await asyncio.to_thread(following)) is not None:
                yield batch
        except (RuntimeError, OSError) as error:
            raise Unavailable(f"{root} cannot be watched: {error}", operation="watch") from error
        finally:
            stop.set()
            await asyncio.to_thread(close)


def _queue_limit() -> int:
    try:
        return int(_QUEUE_LIMIT.read_text())
    except (OSError, ValueError):
        return _USUAL_QUEUE
