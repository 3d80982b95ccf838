"""The unit of the gateway: it listens, captures, and takes up other settings without dropping a request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from brigade.changes.base import Routes, Subscription
from brigade.config.gateway import GatewaySection
from brigade.config.replications import LiveMode
from brigade.control.following import until
from brigade.control.units import Unit
from brigade.errors import ConfigError
from brigade.wiring.routes import sections
from brigade.wiring.scene import Scene
from brigade.wiring.tls import load_certificate, server_tls

if TYPE_CHECKING:
    from ssl import SSLContext

    from brigade.gateway.app import Gateway
    from brigade.gateway.noting import BacklogCapture
    from brigade.gateway.settings import GatewaySettings

DRAIN_SECONDS = 20.0
# A store may be silent for its idle timeout and still carry a write out.
_BEYOND_IDLE_SECONDS = 30.0


class GatewayUnit(Unit):
    """Serves S3 clients. Only another address, or TLS where there was none, makes it begin anew.

    All else is taken over while it serves, renewed certificates included.
    """

    def __init__(self, scene: Scene, section: GatewaySection, numbers: Mapping[str, int]) -> None:
        super().__init__("gateway", (section.listen, section.tls is not None))
        self._scene = scene
        self._section = section
        self._heard = _subscriptions(scene, numbers)
        self._routes = Routes(self._heard)
        self._capture: BacklogCapture | None = None
        self._gateway: Gateway | None = None
        self._tls: SSLContext | None = None

    async def run(self, stop: asyncio.Event) -> None:
        from brigade.gateway.app import serve
        from brigade.gateway.noting import BacklogCapture
        from brigade.wiring.gateway import gateway_settings

        scene = self._scene
        if self._section.tls is not None:
            self._tls = server_tls(self._section.tls, scene.directory, where="gateway.tls")
        settings = replace(await gateway_settings(scene.wiring, self._section), ssl=self._tls)
        capture = BacklogCapture(scene.state.backlog, self._routes, scene.clock, hold_seconds=_hold_seconds(settings))
        serving = serve(
            settings,
            clock=scene.clock,
            capture=capture,
            reuse_port=scene.shares_port,
            drain_seconds=DRAIN_SECONDS,
        )
        async with AsyncExitStack() as stack:
            try:
                self._gateway = await stack.enter_async_context(serving)
            except OSError as error:
                where = f"{settings.host}:{settings.port}"
                raise ConfigError(f"gateway.listen: cannot listen on {where}: {error.strerror or error}") from None
            self._capture = capture
            scene.voice.started(f"gateway: listens on {_url(settings, self._gateway)}")
            await until(stop, capture.run())

    async def refresh(self, newer: Unit) -> None:
        from brigade.wiring.gateway import gateway_settings

        assert isinstance(newer, GatewayUnit)
        # Whom to tell comes first: a write that a new route lets in must not pass unheard.
        self._heard = newer._heard  # noqa: SLF001  (another of ours)
        self._routes.replace(self._heard)
        self._scene, self._section = newer._scene, newer._section  # noqa: SLF001
        if self._gateway is not None and self._capture is not None:
            settings = await gateway_settings(self._scene.wiring, self._section)
            if self._tls is not None and self._section.tls is not None:
                load_certificate(self._tls, self._section.tls, self._scene.directory, where="gateway.tls")
            self._capture.hold_seconds = _hold_seconds(settings)
            await self._gateway.update(replace(settings, ssl=self._tls))


def _subscriptions(scene: Scene, numbers: Mapping[str, int]) -> list[Subscription]:
    """Which replications hear of a bucket's requests."""
    found = []
    for name, section in sections(scene.wiring):
        if LiveMode.GATEWAY in section.live:
            place = scene.wiring.place(section.source).in_bucket()
            found.append(Subscription(numbers[name], place.bucket, place.prefix))
    return found


def _hold_seconds(settings: GatewaySettings) -> float:
    return max(store.idle_timeout_seconds for store in settings.stores) + _BEYOND_IDLE_SECONDS


def _url(settings: GatewaySettings, gateway: Gateway) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.ssl is not None else 'http'}://{host}:{gateway.address[1]}"
