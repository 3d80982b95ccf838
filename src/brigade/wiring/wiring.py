"""From what a user gave to what a use case takes: stores with their layers, works, the state."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from brigade.clock import Clock
from brigade.control.work import Work
from brigade.engine.job import Limits
from brigade.engine.pipes import Spawn
from brigade.errors import UsageError
from brigade.locations import Place, PlaceKind, parse_location
from brigade.replications import Policy
from brigade.stores.base import Expiring, Store
from brigade.stores.layers.beside import BesideStore
from brigade.stores.layers.compose import compose
from brigade.stores.layers.limit import LimitedStore
from brigade.stores.layers.shared_limits import SharedLimits
from brigade.telemetry import Telemetry
from brigade.wiring.file import file_store, left_out_of
from brigade.wiring.helpers import Errand, Options, Recipe, default_processes, spawner
from brigade.wiring.kinds import Kind, Setting, kind_of, kind_of_url
from brigade.wiring.state import state_url

if TYPE_CHECKING:
    from brigade.config.load import Loaded
    from brigade.config.stores import FileSection
    from brigade.state.state import State
    from brigade.wiring.kinds import BucketSection

    Section = BucketSection | FileSection

DEFAULT_TRANSFERS = 64


class Watched(NamedTuple):
    """A directory to watch, and what becomes of links in it."""

    root: str
    prefix: str
    links: str


@dataclass(slots=True)
class Wiring:
    """Builds everything that one command needs. Stores of one endpoint share their limits."""

    clock: Clock
    environment: Mapping[str, str]
    directory: Path
    loaded: Loaded | None = None
    state_option: str | None = None
    telemetry: Telemetry = field(default_factory=Telemetry)
    _limits: dict[str, SharedLimits] = field(default_factory=dict)

    def place(self, text: str, *, directory: Path | None = None) -> Place:
        """What a location names; a relative path starts at `directory`. Raises `UsageError`."""
        names = self.loaded.config.stores if self.loaded else ()
        return parse_location(text, names, directory=directory or self.directory)

    def work(
        self, source: Place, target: Place, policy: Policy, options: Options | None = None, *, name: str = ""
    ) -> Work:
        """A replication between two places, ready for a use case."""
        options = options or Options()
        transfers = options.transfers or DEFAULT_TRANSFERS
        source_store, source_bare = self._stack(source, transfers=transfers, read_only=policy.retain_source)
        target_store, target_bare = self._stack(target, transfers=transfers, read_only=False)
        if options.bandwidth is not None:
            target_store = LimitedStore(target_store, self._rate(options, transfers))
        # Outermost, so that all below sees plain objects; and only where the other store has something to keep.
        if target_bare.capabilities.manifests and not source_bare.capabilities.manifests:
            source_store = BesideStore(source_store, self.clock)
        elif source_bare.capabilities.manifests and not target_bare.capabilities.manifests:
            target_store = BesideStore(target_store, self.clock)
        make_target = options.make_target or self.is_directory(target)
        return Work(
            name=name or f"{source_store.name} → {target_store.name}",
            source=source_store,
            target=target_store,
            source_place=self.resolved(source, source_store),
            target_place=self.resolved(target, target_store),
            policy=policy,
            limits=replace(Limits(), transfers=transfers, processes=self._processes(source, target, options)),
            helpers=self._helpers(Errand(source, target, policy, options)),
            make_target=make_target,
            stand_in=self._nothing(target_store) if make_target else None,
            left_out=left_out_of(source_bare),
            expire=partial(target_bare.expire_under, self._prefix(target))
            if isinstance(target_bare, Expiring)
            else None,
        )

    def _rate(self, options: Options, transfers: int) -> SharedLimits:
        """The bandwidth of one replication."""
        shared = f"rate:{options.rate_of}:{options.bandwidth}"
        rate = self._limits.get(shared) if options.rate_of else None
        if rate is None:
            rate = SharedLimits(clock=self.clock, concurrency=transfers * 4, bytes_per_second=options.bandwidth)
            if options.rate_of:
                self._limits[shared] = rate
        return rate

    def _processes(self, source: Place, target: Place, options: Options) -> int:
        """How many processes share the copying. A rate is kept exactly by one process, so then it is one."""
        for section in (self._section(source), self._section(target)):
            if section and (section.requests_per_second or section.bandwidth or section.type == "memory"):
                return 1
        if options.bandwidth is not None:
            return 1
        return options.processes or default_processes()

    def _helpers(self, errand: Errand) -> Callable[[int, bool], Spawn]:
        config = self.loaded.file if self.loaded else None
        return lambda replication_id, followed: spawner(
            Recipe(str(self.directory), config, self.state_url(), replication_id, followed, errand)
        )

    def state_url(self) -> str:
        """The database to use; the folder of a file is made."""
        configured = self.loaded.config.state if self.loaded else None
        config = self.loaded.file if self.loaded else None
        return state_url(self.state_option, self.environment, configured, directory=self.directory, config=config)

    def store(self, place: Place, *, transfers: int = DEFAULT_TRANSFERS, read_only: bool = False) -> Store:
        """The store of a place with its layers. Raises `UsageError` or `ConfigError`; asks no server."""
        return self._stack(place, transfers=transfers, read_only=read_only)[0]

    def _stack(self, place: Place, *, transfers: int, read_only: bool) -> tuple[Store, Store]:
        """The store with its layers, and the bare one inside."""
        section = self._section(place)
        concurrency = section.concurrency if section and section.concurrency else max(transfers, DEFAULT_TRANSFERS)
        # Open bodies hold connections and no place in the limits: never fewer connections than the default.
        bare, endpoint = self._bare(place, section, max(concurrency, DEFAULT_TRANSFERS))
        prefix = self._prefix(place)
        limits = self._limits.get(endpoint)
        if limits is None:
            limits = self._limits[endpoint] = SharedLimits(
                clock=self.clock,
                concurrency=concurrency,
                requests_per_second=section.requests_per_second if section else None,
                bytes_per_second=section.bandwidth if section else None,
            )
        composed = compose(
            bare,
            clock=self.clock,
            telemetry=self.telemetry,
            limits=limits,
            prefix=prefix,
            read_only=read_only,
            label=place.store,
        )
        return composed, bare

    def _prefix(self, place: Place) -> str:
        """What the keys of a place begin with in its bucket or root."""
        if place.kind is PlaceKind.PATH:
            return ""
        return (place.in_directory() if self.is_directory(place) else place.in_bucket()).prefix

    async def buckets(self, place: Place) -> list[str]:
        """The buckets of a whole store. Raises `UsageError` for a directory, and what the store raises."""
        if place.kind is not PlaceKind.STORE or self.is_directory(place):
            raise UsageError(f"{place.text}: only a store of the configuration that has buckets can be listed whole")
        return await self._kind(place).buckets()

    async def has_bucket(self, place: Place) -> bool:
        """Whether a store has the bucket of this place. Raises what the store raises where it does not say."""
        return await self._kind(place).has_bucket(place.in_bucket().bucket)

    def _kind(self, place: Place) -> Kind:
        """The kind of a place that is not in a file system."""
        if place.kind is PlaceKind.URL:
            return kind_of_url(place.store, Setting(place.store, self.directory, self.environment, self.clock))
        section = self._section(place)
        assert section is not None
        assert section.type != "file"
        base = self.loaded.directory if self.loaded else self.directory
        return kind_of(section, Setting(place.store, base, self.environment, self.clock))

    def _nothing(self, target: Store) -> Store:
        from brigade.wiring.memory import empty_store

        return empty_store(target.name, self.clock)

    def is_directory(self, place: Place) -> bool:
        """True for a place in a file system."""
        section = self._section(place)
        return place.kind is PlaceKind.PATH or (section is not None and section.type == "file")

    def resolved(self, place: Place, store: Store) -> str:
        """The identity of a place, links followed: what overlap is judged by."""
        return "file://" + os.path.realpath(self._path(place)) if self.is_directory(place) else store.identity

    def watched(self, text: str) -> Watched:
        """The directory behind a location of the configuration, and the prefix of the location in it."""
        place = self.place(text, directory=self.loaded.directory if self.loaded else None)
        section = self._section(place)
        if section is None or section.type != "file":
            return Watched(place.rest, "", "skip")
        return Watched(self._root(section), place.in_directory().prefix, section.symlinks)

    @asynccontextmanager
    async def opened_state(self) -> AsyncIterator[State]:
        """The state, open while the block runs."""
        from brigade.state.state import State

        state = await State.open(self.state_url(), clock=self.clock)
        try:
            yield state
        finally:
            await state.close()

    def renewed(self, loaded: Loaded) -> Wiring:
        """The wiring for another reading of the configuration; stores that did not change keep their limits."""
        before = self.loaded.config.stores if self.loaded else {}
        same = {f"store:{name}" for name, section in loaded.config.stores.items() if before.get(name) == section}
        kept = {name: limits for name, limits in self._limits.items() if name in same or not name.startswith("store:")}
        return replace(self, loaded=loaded, _limits=kept)

    def store_section(self, text: str) -> Section | None:
        """What the configuration says of the store of a location."""
        return self._section(self.place(text, directory=self.loaded.directory if self.loaded else None))

    def _section(self, place: Place) -> Section | None:
        return self.loaded.config.stores[place.store] if self.loaded and place.kind is PlaceKind.STORE else None

    def _path(self, place: Place) -> str:
        """The directory that a place in a file system means."""
        section = self._section(place)
        if section is None or section.type != "file":
            return place.rest
        return f"{self._root(section)}/{place.in_directory().prefix}"

    def _root(self, section: FileSection) -> str:
        base = self.loaded.directory if self.loaded else self.directory
        return str(base / Path(section.root).expanduser())

    def _bare(self, place: Place, section: Section | None, connections: int) -> tuple[Store, str]:
        """The store without layers, and the endpoint whose limits it shares."""
        if place.kind is PlaceKind.PATH:
            self._refuse_file(place)
            return file_store(place.text, place.rest, None, self.clock), f"file:{place.rest}"
        if section is not None and section.type == "file":
            return file_store(place.store, self._root(section), section, self.clock), f"store:{place.store}"
        kind = self._kind(place)
        return kind.bucket(place.in_bucket().bucket, connections), kind.endpoint

    def _refuse_file(self, place: Place) -> None:
        path = Path(place.rest)
        if path.is_file():
            raise UsageError(
                f"{place.text} is a file, a location is a directory",
                hint=f"give {path.parent} and --include {path.name!r}",
            )
