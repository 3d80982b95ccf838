"""What the units of one process share: the configuration as it is now, the state, the clock, and whom they tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from brigade.clock import Clock
from brigade.config.replications import LiveMode, ReplicationSection
from brigade.control.meters import Meters
from brigade.control.orderbook import OrderBook
from brigade.control.pulse import Pulse
from brigade.control.run_all import Ended
from brigade.control.watching import Failures
from brigade.engine.report import Observer
from brigade.errors import UsageError
from brigade.wiring.wiring import Wiring

if TYPE_CHECKING:
    from brigade.config.load import Loaded
    from brigade.config.model import Config
    from brigade.state.state import State


_HEARD_BY_AGENTS = {LiveMode.WATCH, LiveMode.WEBHOOK, LiveMode.SQS}


class Role(StrEnum):
    """What a process does: copies, serves clients, listens to what others tell (directories, webhook, queues), or
    serves those who look and act.
    """

    WORKER = "worker"
    GATEWAY = "gateway"
    AGENT = "agent"
    API = "api"


class Voice(Protocol):
    """Hears what a person is told. `hide` names secrets that must not be told in any case."""

    def hide(self, secrets: Iterable[str]) -> None: ...
    def started(self, words: str) -> None: ...
    def trouble(self, name: str, words: str) -> None: ...
    def ended(self, ended: Ended, failures: Failures) -> None: ...
    def observers(self, name: str, *, following: bool) -> Sequence[Observer]: ...


@dataclass(frozen=True, slots=True)
class Scene:
    """One reading of the configuration; another reading makes another scene with the same state.

    `wiring` knows the file and what was set up at run time, `file` is the file alone. `paused` are the replications that
    are to rest: what changes meanwhile is noted all the same. `shares_port`: other processes of this machine listen on
    the gateway's port too. `number`: which of them this one is; 0 is the first, which has started the others and keeps
    the schedules to itself.
    """

    wiring: Wiring
    roles: frozenset[Role]
    state: State
    voice: Voice
    meters: Meters
    book: OrderBook = field(default_factory=OrderBook)
    pulse: Pulse = field(default_factory=Pulse)
    file: Loaded | None = None
    paused: frozenset[str] = frozenset()
    shares_port: bool = False
    number: int = 0

    @property
    def is_sibling(self) -> bool:
        """True for a process that another has started to share its work."""
        return self.number > 0

    def observers(self, name: str, *, following: bool) -> list[Observer]:
        """Whoever watches what is settled of a replication."""
        return [self.pulse.observer(name), *self.voice.observers(name, following=following)]

    def followed_by(self, name: str, number: int) -> list[Observer]:
        """The same while changes of a replication are followed: these are traced, too."""
        traces = self.meters.traces
        traced: list[Observer] = [] if traces is None else [traces.watching(name, number)]
        return [*self.observers(name, following=True), *traced]

    @property
    def clock(self) -> Clock:
        """The time."""
        return self.wiring.clock

    @property
    def config(self) -> Config:
        """What the file says."""
        return config_of(self.wiring)

    @property
    def directory(self) -> Path:
        """Where the relative paths of the configuration start."""
        assert self.wiring.loaded is not None
        return self.wiring.loaded.directory

    def spec_of(self, section: ReplicationSection) -> object:
        """All that a replication depends on: if it is equal, nothing has changed for it."""
        stores = self.wiring.store_section(section.source), self.wiring.store_section(section.target)
        return self.roles & {Role.WORKER, Role.AGENT}, section, stores


def config_of(wiring: Wiring) -> Config:
    """The configuration, where a command needs one."""
    assert wiring.loaded is not None
    return wiring.loaded.config


def roles_of(wiring: Wiring, named: Sequence[Role]) -> frozenset[Role]:
    """The roles that were named, else all that the configuration has work for. Raises `UsageError` for idle ones."""
    config = config_of(wiring)
    live = {mode for section in config.replications.values() for mode in section.live}
    useful = {
        Role.WORKER: bool(config.replications),
        Role.GATEWAY: config.gateway is not None,
        Role.AGENT: bool(live & _HEARD_BY_AGENTS),
    }
    useful[Role.API] = config.api is not None
    for role in named:
        if not useful[role]:
            raise UsageError(f"the configuration has nothing to do for a process that is {role} only")
    scheduled = any(each.every_seconds for each in config.replications.values())
    if not (live or scheduled or config.gateway or config.api):
        raise UsageError(
            "nothing here goes on: no replication has live or a schedule, and there is neither gateway nor api",
            hint="`brigade run --once` runs each replication once",
        )
    return frozenset(named) or frozenset(role for role, is_useful in useful.items() if is_useful)
