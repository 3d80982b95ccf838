"""The unit of the control API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING

from brigade.config.api import ApiSection
from brigade.control.metrics import Exposition
from brigade.control.units import Unit
from brigade.errors import ConfigError
from brigade.wiring.metrics import replication_names
from brigade.wiring.plans import ConfiguredPlans
from brigade.wiring.scene import Scene
from brigade.wiring.tls import load_certificate, server_tls

if TYPE_CHECKING:
    import socket
    from ssl import SSLContext

    from fastapi import FastAPI

    from brigade.api.rates import Rate

_LOOPBACK = "127.0.0.1"
_DRAIN_SECONDS = 5
_IDLE_SECONDS = 30
_BACKLOG = 256


class ApiUnit(Unit):
    """Serves people and programs that look and act. Without any token only this machine is served."""

    def __init__(self, scene: Scene, section: ApiSection, *, has_tokens: bool) -> None:
        is_local = _is_loopback(section.listen[0])
        super().__init__("api", (section.listen, section.tls is not None, has_tokens or is_local))
        self._scene = scene
        self._section = section
        self._host = section.listen[0] if has_tokens or is_local else _LOOPBACK
        assert scene.file is not None
        self._plans = ConfiguredPlans(scene.wiring, scene.file)
        self._exposition = Exposition(scene.meters, scene.state, scene.clock, replication_names(scene))
        self._tls: SSLContext | None = None

    async def run(self, stop: asyncio.Event) -> None:
        import uvicorn

        from brigade.api.heads import BoundedHeads

        class Server(uvicorn.Server):
            @contextmanager
            def capture_signals(self) -> Iterator[None]:
                """Signals are heard elsewhere."""
                yield

        if self._section.tls is not None:
            self._tls = server_tls(self._section.tls, self._scene.directory, where="api.tls")
        settings = uvicorn.Config(
            self._app(stop),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
            lifespan="off",
            http=BoundedHeads,
            ws="none",
            h11_max_incomplete_event_size=64 * 1024,
        )
        settings.load()
        settings.ssl = self._tls
        server = Server(settings)
        with _listening(self._host, self._section.listen[1]) as listener:
            self._tell(listener)
            async with asyncio.TaskGroup() as group:
                serving = group.create_task(server.serve([listener]))
                await stop.wait()
                server.should_exit = True
                await serving

    async def refresh(self, newer: Unit) -> None:
        assert isinstance(newer, ApiUnit)
        self._exposition.names = newer._exposition.names  # noqa: SLF001
        self._plans, self._scene, self._section = newer._plans, newer._scene, newer._section  # noqa: SLF001
        if self._tls is not None and self._section.tls is not None:
            load_certificate(self._tls, self._section.tls, self._scene.directory, where="api.tls")

    def _app(self, stop: asyncio.Event) -> FastAPI:
        from brigade.api.app import make_app
        from brigade.api.office import Office

        scene = self._scene
        office = Office(
            scene.state,
            scene.clock,
            lambda: self._plans,
            _is_loopback(self._host),
            ends=stop,
            health=scene.meters.health,
            exposition=self._exposition,
            rate=self._rate,
        )
        return make_app(office)

    def _rate(self) -> Rate | None:
        """Asked for at each request: another configuration may have another."""
        from brigade.api.rates import Rate

        per_second = self._section.requests_per_second
        return None if per_second is None else Rate(per_second, self._section.burst)

    def _tell(self, listener: socket.socket) -> None:
        port = listener.getsockname()[1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        scheme = "http" if self._tls is None else "https"
        self._scene.voice.started(f"api: listens on {scheme}://{host}:{port}")
        if self._host != self._section.listen[0]:
            self._scene.voice.trouble(
                "api",
                f"it listens on {self._host} only and not on {self._section.listen[0]}, because there is no token: "
                "make one by `brigade token create`, then send SIGHUP",
            )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise ConfigError(f"api.listen: cannot listen on {host}:{port}: {error.strerror or error}") from None
        listener.listen(_BACKLOG)
        yield listener
