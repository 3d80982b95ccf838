"""The unit of the gateway: it listens, captures, and takes up other settings without dropping a request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from brigade.changes.base import Routes
from brigade.config.gateway import GatewaySection
from brigade.control.following import until
from brigade.control.routing import follow_routing, set_rules
from brigade.control.units import Unit
from brigade.engine.groups import first_error
from brigade.errors import ConfigError
from brigade.state.rows import Routing
from brigade.wiring.heard import Heard
from brigade.wiring.scene import Scene
from brigade.wiring.tls import load_certificate, server_tls

if TYPE_CHECKING:
    from ssl import SSLContext

    from brigade.gateway.app import Gateway
    from brigade.gateway.noting import BacklogCapture, Hearing
    from brigade.gateway.settings import GatewaySettings
    from brigade.gateway.uploads import DurableUploads

DRAIN_SECONDS = 20.0
# A store may be silent for its idle timeout and still carry a write out.
_BEYOND_IDLE_SECONDS = 30.0


class GatewayUnit(Unit):
    """Serves S3 clients. Only another address, or TLS where there was none, makes it begin anew.

    All else is taken over while it serves, renewed certificates included.
    """

    def __init__(self, scene: Scene, section: GatewaySection, heard: Mapping[str, Heard]) -> None:
        super().__init__("gateway", (section.listen, section.tls is not None))
        self._scene = scene
        self._section = section
        self._heard = heard
        self._capture: BacklogCapture | None = None
        self._gateway: Gateway | None = None
        self._tls: SSLContext | None = None
        self._settings: GatewaySettings | None = None
        self._routing = Routing(0)

    async def run(self, stop: asyncio.Event) -> None:
        from brigade.gateway.app import serve
        from brigade.gateway.noting import BacklogCapture
        from brigade.gateway.uploads import DurableUploads

        scene = self._scene
        scene.meters.health.starts(self.key)
        if self._section.tls is not None:
            self._tls = server_tls(self._section.tls, scene.directory, where="gateway.tls")
        # Before the first request: what is blocked stays blocked over a restart.
        self._routing = await scene.state.routes.read()
        settings = await self._read_settings()
        backlog, hearings = scene.state.backlog, _hearings(self._heard)
        capture = BacklogCapture(backlog, hearings, scene.clock, hold_seconds=_hold_seconds(settings))
        uploads = DurableUploads(scene.state.gateway_uploads, scene.clock)
        serving = serve(
            settings,
            clock=scene.clock,
            capture=capture,
            uploads=uploads,
            reuse_port=scene.shares_port,
            drain_seconds=DRAIN_SECONDS,
            counts=scene.meters.telemetry.gateway,
            traces=scene.meters.traces,
        )
        async with AsyncExitStack() as stack:
            stack.callback(scene.meters.health.started, self.key)
            stack.push_async_callback(capture.close)
            try:
                self._gateway = await stack.enter_async_context(serving)
            except OSError as error:
                where = f"{settings.host}:{settings.port}"
                raise ConfigError(f"gateway.listen: cannot listen on {where}: {error.strerror or error}") from None
            self._capture = capture
            scene.meters.health.started(self.key)
            scene.voice.started(f"gateway: listens on {_url(settings, self._gateway)}")
            await until(stop, self._attend(capture, uploads))

    async def _attend(self, capture: BacklogCapture, uploads: DurableUploads) -> None:
        scene = self._scene
        trouble = partial(scene.voice.trouble, self.key)
        with first_error():
            async with asyncio.TaskGroup() as group:
                group.create_task(capture.run())
                group.create_task(uploads.run())
                group.create_task(follow_routing(scene.state, scene.clock, self._routing, self._reroute, trouble))

    async def _reroute(self, routing: Routing) -> None:
        """Serve by other routes from the next request on; connections to stores stay as they are."""
        self._routing = routing
        if self._gateway is not None and self._settings is not None:
            await self._gateway.update(_routed(self._settings, routing))
            self._scene.voice.started(f"gateway: routes are taken up, revision {routing.revision}")

    async def _read_settings(self) -> GatewaySettings:
        """What the configuration says, with the routes that were set at run time."""
        from brigade.wiring.gateway import gateway_settings

        self._settings = replace(await gateway_settings(self._scene.wiring, self._section), ssl=self._tls)
        return _routed(self._settings, self._routing)

    async def refresh(self, newer: Unit) -> None:
        assert isinstance(newer, GatewayUnit)
        # Whom to tell comes first: a write that a new route lets in must not pass unheard.
        self._heard = newer._heard  # noqa: SLF001  (another of ours)
        if self._capture is not None:
            self._capture.hearings = _hearings(self._heard)
        self._scene, self._section = newer._scene, newer._section  # noqa: SLF001
        if self._gateway is not None and self._capture is not None:
            settings = await self._read_settings()
            if self._tls is not None and self._section.tls is not None:
                load_certificate(self._tls, self._section.tls, self._scene.directory, where="gateway.tls")
            self._capture.hold_seconds = _hold_seconds(settings)
            await self._gateway.update(settings)


def _routed(settings: GatewaySettings, routing: Routing) -> GatewaySettings:
    routes, blocks = set_rules(routing)
    return replace(settings, set_routes=routes, set_blocks=blocks)


def _hearings(heard: Mapping[str, Heard]) -> dict[str, Hearing]:
    from brigade.gateway.noting import Hearing

    return {
        store: Hearing(Routes(each.subscriptions), each.wildcards, each.arrivals, each.deletes)
        for store, each in heard.items()
    }


def _hold_seconds(settings: GatewaySettings) -> float:
    return max(store.idle_timeout_seconds for store in settings.stores) + _BEYOND_IDLE_SECONDS


def _url(settings: GatewaySettings, gateway: Gateway) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.ssl is not None else 'http'}://{host}:{gateway.address[1]}"
