"""`brigade run`: what the configuration wants to go on in this process, and what changes when it is read again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from brigade.config.load import Loaded
from brigade.config.replications import LiveMode
from brigade.config.secrets import password_of, secrets_of
from brigade.control.meters import Meters
from brigade.control.orderbook import OrderBook
from brigade.control.pulse import Pulse
from brigade.control.units import Unit, Units
from brigade.engine.groups import first_error
from brigade.errors import BrigadeError, ConfigError, StateError, UsageError
from brigade.wiring.api import ApiUnit
from brigade.wiring.feeds import feed_units
from brigade.wiring.following import FollowUnit, ScheduleUnit
from brigade.wiring.heard import heard_of
from brigade.wiring.merging import merge
from brigade.wiring.metrics import HealthUnit, MetricsUnit
from brigade.wiring.rereading import readings
from brigade.wiring.routes import check_routes, is_wild, sections, work_of
from brigade.wiring.scene import Role, Scene, Voice, config_of, roles_of
from brigade.wiring.serving import GatewayUnit
from brigade.wiring.traces import opened_traces
from brigade.wiring.wild import StoreWildcard, WildUnit
from brigade.wiring.wiring import Wiring

if TYPE_CHECKING:
    from brigade.config.model import Config
    from brigade.state.state import State

_CONFIGURATION = "configuration"
_LOOK_SECONDS = 1.0


class Live:
    """Everything of one process. `stop` ends it in good order; cancelling ends it at once, and nothing is lost.

    What goes on is what the file and the state say together: the latter holds what was set up and ordered at run time.
    """

    def __init__(
        self, wiring: Wiring, named: Sequence[Role], voice: Voice, *, processes: int = 1, number: int = 0
    ) -> None:
        assert wiring.loaded is not None
        self._wiring = wiring
        self._file = wiring.loaded
        self._named = named
        self._voice = voice
        self._number = number
        self._shares_port = number > 0 or processes > 1
        self._meters = Meters(wiring.telemetry, wiring.clock)
        self._paused: frozenset[str] = frozenset()
        self._told: set[str] = set()
        self._book = OrderBook()
        self._pulse = Pulse(samples_backlog=number == 0)
        self._changing = asyncio.Lock()
        self._roles = roles_of(wiring, named)
        if self._shares_port:
            _check_shared(config_of(wiring), self._roles)

    async def run(self, stop: asyncio.Event, reload: asyncio.Event) -> None:
        """Work until `stop`. On `reload`, and when the file changes, the configuration is read again.

        Raises `ConfigError` where the configuration cannot work, `StateError` without a state.
        """
        _check(self._wiring)
        self._voice.hide(_secrets(self._wiring))
        traces = opened_traces(config_of(self._wiring).traces, self._wiring.clock)
        async with self._wiring.opened_state() as state, traces as self._meters.traces:
            seen = await _revisions(state)
            await self._read_state(state)
            with first_error():
                async with asyncio.TaskGroup() as group:
                    units = Units(group, self._failed)
                    await units.apply(await units_of(self._scene(state)))
                    keeping = [
                        group.create_task(self._keep_up_with_file(units, state, reload)),
                        group.create_task(self._keep_up_with_state(units, state, seen)),
                        group.create_task(self._pulse.run(state, self._wiring.clock)),
                    ]
                    await stop.wait()
                    self._meters.health.stopping = True
                    for task in keeping:
                        task.cancel()
                    units.stop()

    def _scene(self, state: State) -> Scene:
        roles = self._roles - {Role.AGENT, Role.API} if self._number else self._roles
        return Scene(
            self._wiring,
            roles,
            state,
            self._voice,
            self._meters,
            self._book,
            self._pulse,
            file=self._file,
            paused=self._paused,
            shares_port=self._shares_port,
            number=self._number,
        )

    def _failed(self, key: str, error: BrigadeError) -> None:
        self._meters.health.failed[key] = str(error)
        self._voice.trouble(key, str(error))

    async def _keep_up_with_file(self, units: Units, state: State, reload: asyncio.Event) -> None:
        wiring = self._wiring
        async for loaded in readings(
            self._file.file, wiring.environment, clock=wiring.clock, asked=reload, refuse=self._refuse
        ):
            await self._take_up(loaded, units, state)

    async def _keep_up_with_state(self, units: Units, state: State, seen: tuple[int, int]) -> None:
        while True:
            await self._wiring.clock.sleep(_LOOK_SECONDS)
            # A state that is away is told of by those who cannot work without it.
            with suppress(StateError):
                now = await _revisions(state)
                if now != seen and await self._take_up(self._file, units, state):
                    seen = now

    async def _take_up(self, loaded: Loaded, units: Units, state: State) -> bool:
        """Make what goes on be what this reading of the file and the state want. False to be asked again."""
        async with self._changing:
            earlier = self._wiring, self._file, self._roles, self._paused
            try:
                self._file, is_read_again = loaded, loaded is not self._file
                await self._read_state(state)
                self._voice.hide(_secrets(self._wiring))
                _check(self._wiring, earlier[0])
                self._roles = roles_of(self._wiring, self._named)
                wanted = await units_of(self._scene(state))
                self._meters.health.failed.clear()
                await units.apply(wanted)
                self._meters.health.refused = ""
                if is_read_again:
                    self._meters.telemetry.reloads["ok"] += 1
                    self._voice.started(f"{_CONFIGURATION}: read again")
            except BrigadeError as error:
                self._wiring, self._file, self._roles, self._paused = earlier
                self._refuse(error)
                return not isinstance(error, StateError)
            return True

    async def _read_state(self, state: State) -> None:
        """Put what was set up and ordered at run time beside the file."""
        merged = merge(self._wiring, self._file, await state.control.documents.all())
        orders = await state.control.orders.all()
        self._wiring = self._wiring.renewed(merged.loaded)
        self._book.update(orders)
        self._paused = frozenset(name for name, order in orders.items() if order.paused)
        problems = {f"{kind} {name}: {words}" for (kind, name), words in merged.problems.items()}
        for words in sorted(problems - self._told):
            self._voice.trouble("set up at run time", f"{words}; it is left out")
        self._told = problems

    def _refuse(self, error: BrigadeError) -> None:
        self._meters.health.refused = str(error)
        self._meters.telemetry.reloads["refused"] += 1
        self._voice.trouble(_CONFIGURATION, f"{error}; what was read before stays in force")


async def _revisions(state: State) -> tuple[int, int]:
    return await state.control.documents.revision(), await state.control.orders.revision()


async def units_of(scene: Scene) -> list[Unit]:
    """The units of a reading of the configuration.

    Feeds come before the schedules: what is written while both sides are compared is heard. The gateway comes last:
    who is to hear of a write is there first.
    """
    known = sections(scene.wiring)
    units: list[Unit] = []
    serves_api = Role.API in scene.roles and scene.config.api is not None
    if scene.config.metrics is not None or serves_api:
        units.append(HealthUnit(scene))
    if scene.config.metrics is not None:
        units.append(MetricsUnit(scene, scene.config.metrics))
    numbers: dict[str, int] = {}
    for name, section in known:
        if section.live:
            work = work_of(scene.wiring, name, section)
            numbers[name] = await scene.state.replications.ensure(work.name, work.identity)
            if name in scene.paused:
                continue
            if is_wild(scene.wiring, section):
                if Role.WORKER in scene.roles:
                    units.append(WildUnit(scene, StoreWildcard(scene.wiring, name, section), section, numbers[name]))
            elif Role.WORKER in scene.roles or (Role.AGENT in scene.roles and LiveMode.WATCH in section.live):
                units.append(FollowUnit(scene, name, section, numbers[name]))
    if Role.AGENT in scene.roles:
        units += await feed_units(scene, numbers)
    if Role.WORKER in scene.roles and not scene.is_sibling:
        units += [ScheduleUnit(scene, name, section) for name, section in known if name not in scene.paused]
    if Role.GATEWAY in scene.roles and scene.config.gateway is not None:
        heard = await heard_of(scene, numbers, LiveMode.GATEWAY)
        units.append(GatewayUnit(scene, scene.config.gateway, heard))
    if Role.API in scene.roles and scene.config.api is not None:
        has_tokens = bool(await scene.state.control.tokens.all())
        units.append(ApiUnit(scene, scene.config.api, has_tokens=has_tokens))
    return units


def _secrets(wiring: Wiring) -> set[str]:
    """Whatever a reading of the configuration and the environment make us know."""
    found = (wiring.environment.get(name) for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))
    return {*secrets_of(config_of(wiring)), *password_of(wiring.state_url()), *filter(None, found)}


def _check(wiring: Wiring, earlier: Wiring | None = None) -> None:
    """Raise `ConfigError` for what makes a reading of the configuration unfit to go on with."""
    if problems := check_routes(wiring):
        raise ConfigError(problems[0], hint=f"and {len(problems) - 1} more" if len(problems) > 1 else "")
    if earlier is not None and wiring.state_url() != earlier.state_url():
        raise ConfigError("another state needs another start of the process")


def _check_shared(config: Config, roles: frozenset[Role]) -> None:
    """Raise `UsageError` where several processes cannot share the work."""
    if not roles & {Role.WORKER, Role.GATEWAY}:
        raise UsageError("--processes shares the work of workers and gateways, and here is none")
    if config.gateway is not None and config.gateway.listen[1] == 0:
        raise UsageError("several processes share the port of the gateway: gateway.listen must name one")
