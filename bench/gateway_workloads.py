"""The gateway against the store reached directly: CPU of a request, throughput of large objects, the price of capture.

Each run starts a gateway of its own, works through it and ends it. CPU and memory are those of the gateway (or of the
peer in its place), wall time is that of the requests; starting and warming up count nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

from bench import tools
from bench.contest import Contest, Turn
from bench.floor import ENDPOINT_VARIABLE
from bench.ground import Ground
from bench.live_config import GATEWAY_KEYS, place_of, write_live_config
from bench.measure import Command, Measured, measure
from bench.sizes import MEBIBYTE, Sizes
from brigade.testing.processes import StartFailed, free_port

GIGABYTE = 1_000_000_000
SMALL_AT_ONCE, LARGE_AT_ONCE = 32, 4


class Load(NamedTuple):
    """Requests of one kind. `objects`: how many there are to be read."""

    method: str
    requests: int
    size_bytes: int
    at_once: int
    objects: int = 0


def gateway_get(ground: Ground, sizes: Sizes) -> AbstractContextManager[Contest]:
    """What the gateway adds to a small GET."""
    load = Load("GET", sizes.gateway_requests, sizes.small_bytes, SMALL_AT_ONCE, min(1000, sizes.gateway_requests))
    return _gateway(ground, sizes, "gateway-get", f"{load.requests:,} GETs of {load.size_bytes:,} bytes", load, "relay")


def gateway_put(ground: Ground, sizes: Sizes) -> AbstractContextManager[Contest]:
    """What the gateway adds to a small PUT."""
    load = Load("PUT", sizes.gateway_requests, sizes.small_bytes, SMALL_AT_ONCE)
    return _gateway(ground, sizes, "gateway-put", f"{load.requests:,} PUTs of {load.size_bytes:,} bytes", load, "relay")


def gateway_large_get(ground: Ground, sizes: Sizes) -> AbstractContextManager[Contest]:
    """How fast large objects come down."""
    load = Load("GET", 2 * sizes.large_objects, sizes.large_bytes, LARGE_AT_ONCE, sizes.large_objects)
    return _gateway(ground, sizes, "gateway-large-get", _large_title(load), load)


def gateway_large_put(ground: Ground, sizes: Sizes) -> AbstractContextManager[Contest]:
    """How fast large objects go up."""
    load = Load("PUT", sizes.large_objects, sizes.large_bytes, LARGE_AT_ONCE)
    return _gateway(ground, sizes, "gateway-large-put", _large_title(load), load)


def gateway_capture(ground: Ground, sizes: Sizes) -> AbstractContextManager[Contest]:
    """What it costs to note each write on a durable backlog before it goes on."""
    load = Load("PUT", sizes.gateway_requests, sizes.small_bytes, SMALL_AT_ONCE)
    title = f"{load.requests:,} PUTs of {load.size_bytes:,} bytes through the gateway, each noted first"
    contenders = {"brigade": _Front(ground, load, captures=True), "capture-off": _Front(ground, load)}
    return _contest(sizes, "gateway-capture", title, load, contenders, fresh_bucket=True)


def _large_title(load: Load) -> str:
    return f"{load.requests} {load.method}s of {load.size_bytes // MEBIBYTE} MiB, {load.at_once} at once"


@contextmanager
def _gateway(ground: Ground, sizes: Sizes, name: str, title: str, load: Load, *peers: str) -> Iterator[Contest]:
    contenders: dict[str, Callable[[Turn], Command]] = {"brigade": _Front(ground, load)}
    if "relay" in peers:
        contenders["relay"] = _Relay(ground, load)
    contenders["direct"] = _Direct(ground, load)
    title = f"{title}, through the gateway and directly"
    if not load.objects:
        with _contest(sizes, name, title, load, contenders, fresh_bucket=True) as contest:
            yield contest
        return
    bucket = ground.make_bucket()
    try:
        _fill(ground, sizes, bucket, load)
        reading = {tool: _reading(make, bucket) for tool, make in contenders.items()}
        with _contest(sizes, name, title, load, reading, fresh_bucket=False) as contest:
            yield contest
    finally:
        ground.drop_bucket(bucket)


@contextmanager
def _contest(
    sizes: Sizes,
    name: str,
    title: str,
    load: Load,
    contenders: Mapping[str, Callable[[Turn], Command]],
    *,
    fresh_bucket: bool,
) -> Iterator[Contest]:
    is_large = load.size_bytes >= MEBIBYTE
    units = load.requests * load.size_bytes / GIGABYTE if is_large else load.requests
    unit = "GB" if is_large else "request"
    yield Contest(name, title, unit, units, sizes.rounds, contenders, _no_judge, fresh_bucket=fresh_bucket)


def _no_judge(_: str, __: Turn, ___: Measured) -> str:
    """The driver looks at each answer."""
    return ""


def _reading(make: Callable[[Turn], Command], bucket: str) -> Callable[[Turn], Command]:
    return lambda turn: make(turn._replace(bucket=bucket))


def _fill(ground: Ground, sizes: Sizes, bucket: str, load: Load) -> None:
    """Make the objects that will be read."""
    writing = load._replace(method="PUT", requests=load.objects)
    directory = ground.directory / "fill"
    directory.mkdir(exist_ok=True)
    measured = measure(
        _Direct(ground, writing)(Turn(directory, bucket)), directory=directory, timeout_seconds=sizes.timeout_seconds
    )
    if measured.exit_code != 0 or json.loads(measured.output)["trouble"]:
        raise StartFailed(f"the objects to be read could not be written: {measured.errors or measured.output}")


class _Direct:
    """The store itself."""

    def __init__(self, ground: Ground, load: Load) -> None:
        self._ground = ground
        self._load = load

    def __call__(self, turn: Turn) -> Command:
        return self._driver(turn, place_of(self._ground.endpoint), None, "")

    def _driver(self, turn: Turn, place: Mapping[str, str], program: Command | None, words: str) -> Command:
        return tools.driver(
            "bench.gateway_load",
            place=place,
            program=tools.as_task(program) if program is not None else None,
            words=words,
            bucket=turn.bucket,
            server_pids=self._ground.server_pids,
            **self._load._asdict(),
        )


class _Relay(_Direct):
    """A bare relay in front of it."""

    def __call__(self, turn: Turn) -> Command:
        port = free_port()
        store = place_of(self._ground.endpoint)
        relay = tools.module("bench.relay", str(port), env={ENDPOINT_VARIABLE: json.dumps(store)})
        return self._driver(turn, {**store, "endpoint": f"http://127.0.0.1:{port}"}, relay, "relay: listens")


class _Front(_Direct):
    """Brigade's gateway in front of it. `captures`: a replication follows the bucket, so each write is noted."""

    def __init__(self, ground: Ground, load: Load, *, captures: bool = False) -> None:
        super().__init__(ground, load)
        self._captures = captures

    def __call__(self, turn: Turn) -> Command:
        port = free_port()
        endpoint = self._ground.endpoint
        buckets = (turn.bucket, f"{turn.bucket}-copy") if self._captures else None
        config = write_live_config(turn.directory, endpoint, endpoint, port=port, buckets=buckets)
        state = self._ground.durable_directory / f"{turn.bucket}-{port}.db"
        program = tools.brigade("run", "gateway", "--config", str(config), "--state", str(state))
        place = {"endpoint": f"http://127.0.0.1:{port}", "region": endpoint.region, **GATEWAY_KEYS}
        return self._driver(turn, place, program, "gateway: listens")
