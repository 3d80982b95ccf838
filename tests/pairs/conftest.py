"""Each type of store as source and as target of each other: real servers, and runs in this process."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from brigade.clock import SystemClock
from brigade.config.load import load_config
from brigade.control.sync import sync
from brigade.engine.job import Limits
from brigade.replications import Policy
from brigade.state.state import State
from brigade.stores.base import BytesBody
from brigade.telemetry import Telemetry
from brigade.testing.azurite import KEY, AzuriteServer
from brigade.testing.gcs_fake import GcsFake
from brigade.testing.observer import RecordingObserver
from brigade.testing.proxy import FaultProxy
from brigade.testing.servers import SeaweedServer, enter_server
from brigade.testing.swift import SwiftServer
from brigade.testing.workbench import held
from brigade.wiring.helpers import Options
from brigade.wiring.wiring import Wiring

TYPES = ("s3", "gcs", "azure", "swift", "file")
SERVERS = {"s3": SeaweedServer, "gcs": GcsFake, "azure": AzuriteServer, "swift": SwiftServer}
KIBIBYTE = 1024
# Small bounds, so that objects of some hundred kilobytes take every path: held, streamed, in parts.
LIMITS = Limits(transfers=16, buffer_bytes=64 * KIBIBYTE, part_size_bytes=256 * KIBIBYTE)


def missing(kind: str) -> str | None:
    """Why there is no such server here."""
    server = SERVERS.get(kind)
    return getattr(server, "missing", lambda: None)()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`pair`: every ordered pair of types, or the module's PAIRS, with a reason where a server is not there."""
    if "pair" in metafunc.fixturenames:
        everyone = [(source, target) for source in TYPES for target in TYPES]
        pairs = getattr(metafunc.module, "PAIRS", None) or everyone
        params = [
            pytest.param(
                pair,
                id="-to-".join(pair),
                marks=[pytest.mark.skip(reason=reason) for reason in map(missing, pair) if reason],
            )
            for pair in pairs
        ]
        metafunc.parametrize("pair", params)


class Servers:
    """Started when first asked for."""

    def __init__(self, stack: ExitStack, directory: Path) -> None:
        self._stack = stack
        self._directory = directory
        self._running: dict[str, Any] = {}

    def url(self, kind: str) -> str:
        """Where requests go: what a proxy stands before."""
        server = self._server(kind)
        if kind == "gcs":
            return server.url
        return f"http://127.0.0.1:{server.port}"

    def _server(self, kind: str) -> Any:
        if kind not in self._running:
            self._running[kind] = enter_server(self._stack, SERVERS[kind])
        return self._running[kind]

    def section(self, kind: str, url: str | None = None) -> dict[str, Any]:
        """A store of the configuration; `url` is a proxy's."""
        if kind == "file":
            root = self._directory / secrets.token_hex(4)
            return {"type": "file", "root": str(root), "fsync": False}
        server, url = self._server(kind), url or self.url(kind)
        if kind == "gcs":
            return {"type": "gcs", "endpoint": url, "anonymous": True, "project": "test"}
        if kind == "azure":
            return {"type": "azure", "endpoint": f"{url}/devstoreaccount1", "account": "devstoreaccount1", "key": KEY}
        if kind == "swift":
            storage = {"storage_url": f"{url}/v1/AUTH_test"}
            return {"type": "swift", "auth_url": server.auth_url, "user": server.user, "key": server.key, **storage}
        at = server.endpoint
        keys = {"access_key": at.access_key, "secret_key": at.secret_key}
        return {"type": "s3", "endpoint": url, "region": at.region, **keys}


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack, tmp_path_factory.mktemp("files"))


class Ran:
    """One run: its result, what it told, and the requests that it made, by store and operation."""

    def __init__(self, observer: RecordingObserver, telemetry: Telemetry) -> None:
        self.result: Any = None
        self.observer = observer
        self.told: list[str] = []
        self._telemetry = telemetry

    @property
    def outcomes(self) -> dict[str, Any]:
        return self.observer.by_key()

    def requests(self, *operations: str) -> int:
        counts = self._telemetry.requests.items()
        return sum(count for (_, operation, _), count in counts if not operations or operation in operations)


class Side:
    """A bucket of its own at one store, named `a` or `b` in the configuration."""

    def __init__(self, name: str, kind: str, section: dict[str, Any], bucket: str) -> None:
        self.name, self.kind, self.section, self.bucket = name, kind, section, bucket
        self.store: Any = None

    @property
    def location(self) -> str:
        return f"{self.name}:{self.bucket}"

    async def put(self, key: str, data: bytes = b"", attributes: Any = None) -> None:
        from brigade.objects import NO_ATTRIBUTES

        await self.store.put(key, BytesBody(data), attributes=attributes or NO_ATTRIBUTES)

    async def held(self) -> dict[str, Any]:
        return await held(self.store)

    async def contents(self) -> dict[str, bytes]:
        return {key: each.data for key, each in (await self.held()).items()}


class PairBench:
    """Two places and a state; each run opens the stores anew, as a process of its own would."""

    def __init__(self, servers: Servers, directory: Path, pair: tuple[str, str]) -> None:
        self.servers = servers
        self.directory = directory
        self.clock = SystemClock()
        self.source, self.target = (
            Side(name, kind, servers.section(kind), f"pair-{secrets.token_hex(4)}")
            for name, kind in zip("ab", pair, strict=True)
        )
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        wiring = self.wiring(Telemetry())
        for side in (self.source, self.target):
            side.store = wiring.store(wiring.place(side.location))
            await side.store.create_bucket()
            await side.store.open()
            self._stack.push_async_callback(side.store.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def write_config(self, **changed: dict[str, Any]) -> Path:
        stores = {side.name: {**side.section, **changed.get(side.name, {})} for side in (self.source, self.target)}
        path = self.directory / "brigade.yaml"
        path.write_text(yaml.safe_dump({"stores": stores}))
        return path

    def wiring(self, telemetry: Telemetry, **changed: dict[str, Any]) -> Wiring:
        loaded = load_config(self.write_config(**changed), {})
        return Wiring(self.clock, {}, self.directory, loaded, telemetry=telemetry)

    async def sync(self, *, limits: Limits = LIMITS, urls: dict[str, str] | None = None, **policy: Any) -> Ran:
        """One sync. `urls`: proxies before the stores `a` and `b`."""
        telemetry, observer = Telemetry(), RecordingObserver()
        changed = {}
        for side in (self.source, self.target):
            if urls and side.name in urls:
                changed[side.name] = self.servers.section(side.kind, urls[side.name])
        wiring = self.wiring(telemetry, **changed)
        places = wiring.place(self.source.location), wiring.place(self.target.location)
        work = wiring.work(*places, Policy(**policy), Options(processes=1))
        ran = Ran(observer, telemetry)
        state = await State.open(f"sqlite:///{self.directory / 'state.db'}", clock=self.clock)
        try:
            ran.result = await sync(
                replace(work, limits=limits), state=state, clock=self.clock, observer=observer, tell=ran.told.append
            )
        finally:
            await state.close()
        return ran

    @asynccontextmanager
    async def proxied(self, side: Side, *faults: Any) -> Any:
        """A proxy with these faults before the server of a side."""
        async with FaultProxy(self.servers.url(side.kind), *faults) as proxy:
            yield proxy


@pytest.fixture
async def bench(servers: Servers, tmp_path: Path, pair: tuple[str, str]) -> Any:
    async with PairBench(servers, tmp_path, pair) as bench:
        yield bench
