"""The units that watch a process: one that looks after its health, one that tells metrics and health over HTTP."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from brigade.config.observing import MetricsSection
from brigade.control.following import until
from brigade.control.health import CHECKS, Answer
from brigade.control.metrics import Exposition
from brigade.control.units import Unit
from brigade.errors import ConfigError
from brigade.wiring.routes import sections
from brigade.wiring.scene import Scene

if TYPE_CHECKING:
    from aiohttp import web

_LAST_SECONDS = 1.0
# Whoever asks for metrics sends a few short lines.
_MOST_LINE_BYTES = 4096
_MOST_HEADERS = 64
_PLAIN = "text/plain; charset=utf-8"


class HealthUnit(Unit):
    """Looks at the state and the event loop, for whoever answers questions about health."""

    def __init__(self, scene: Scene) -> None:
        super().__init__("health", None)
        self._scene = scene

    async def run(self, stop: asyncio.Event) -> None:
        await until(stop, self._scene.meters.health.run(self._scene.state.ping))


class MetricsUnit(Unit):
    """Listens for Prometheus and for probes. Process n of `--processes` listens on the n-th port from the first."""

    def __init__(self, scene: Scene, section: MetricsSection) -> None:
        host, port = section.listen
        self._address = host, port + scene.number if port else 0
        super().__init__("metrics", self._address)
        self._scene = scene
        self._health = scene.meters.health
        self._exposition = Exposition(scene.meters, scene.state, scene.clock, replication_names(scene))

    async def refresh(self, newer: Unit) -> None:
        assert isinstance(newer, MetricsUnit)
        self._exposition.names = newer._exposition.names  # noqa: SLF001  (another of ours)

    async def run(self, stop: asyncio.Event) -> None:
        from aiohttp import web

        # Now, and not amid the first scrape: it takes a while.
        self._exposition.prepare()
        host, port = self._address
        server = web.Server(
            self._handle,
            access_log=None,
            max_line_size=_MOST_LINE_BYTES,
            max_field_size=_MOST_LINE_BYTES,
            max_headers=_MOST_HEADERS,
        )
        try:
            listener = await asyncio.get_running_loop().create_server(server, host, port)
        except OSError as error:
            where = f"{host}:{port}"
            raise ConfigError(f"metrics.listen: cannot listen on {where}: {error.strerror or error}") from None
        host, port = listener.sockets[0].getsockname()[:2]
        self._scene.voice.started(f"metrics: http://{f'[{host}]' if ':' in host else host}:{port}/metrics")
        try:
            await stop.wait()
        finally:
            listener.close()
            with suppress(TimeoutError):
                await server.shutdown(_LAST_SECONDS)

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        from aiohttp import web

        answer = await self._answer(request)
        headers = {"Content-Type": answer.content_type, "Cache-Control": "no-store"}
        return web.Response(status=answer.status, headers=headers, body=answer.body)

    async def _answer(self, request: web.BaseRequest) -> Answer:
        if request.method not in ("GET", "HEAD"):
            return Answer(405, _PLAIN, b"only GET\n")
        if request.path == "/metrics":
            return await self._exposition.answer()
        if request.path == "/livez":
            return self._health.live()
        if request.path == "/readyz":
            without = request.query.getall("exclude", [])
            if unknown := [check for check in without if check not in CHECKS]:
                return Answer(400, _PLAIN, f"no check {unknown[0]!r}; there are: {', '.join(CHECKS)}\n".encode())
            return self._health.ready(without)
        return Answer(404, _PLAIN, b"/metrics, /livez or /readyz\n")


def replication_names(scene: Scene) -> frozenset[str]:
    """The replications that metrics tell of."""
    return frozenset(name for name, _ in sections(scene.wiring))
