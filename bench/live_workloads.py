"""What a live replication must reach: lag, draining a backlog, and two workers on one PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import psycopg

from bench import tools
from bench.contest import Contest, Turn
from bench.data import Data, make_data
from bench.ground import BenchServer, Ground, must
from bench.live_config import GATEWAY_KEYS, place_of, write_live_config
from bench.measure import Command, Measured
from bench.sizes import Sizes
from bench.slow_s3 import SOURCE
from brigade.testing.postgres import PostgresServer
from brigade.testing.processes import Helper, free_port
from brigade.testing.servers import Endpoint, http_answer

LAG_WRITES_A_SECOND = 200
SLOW_MILLISECONDS = 20


@contextmanager
def lag(ground: Ground, sizes: Sizes) -> Iterator[Contest]:
    """From the acknowledgement of a write to the object at the target, at a steady rate."""
    directory = ground.directory / "lag-target"
    directory.mkdir()
    with BenchServer(directory) as target:
        yield Contest(
            "lag",
            f"{LAG_WRITES_A_SECOND} writes of {sizes.small_bytes:,} bytes a second for {sizes.lag_seconds:g} s through the "
            "gateway, followed to another server",
            "write",
            LAG_WRITES_A_SECOND * sizes.lag_seconds,
            1,
            {"brigade": partial(_lag, ground, sizes, target)},
            _no_judge,
        )


def _lag(ground: Ground, sizes: Sizes, target: BenchServer, turn: Turn) -> Command:
    port = free_port()
    source = ground.endpoint
    buckets = turn.bucket, target.make_bucket("lag")
    config = write_live_config(turn.directory, source, target.endpoint, port=port, buckets=buckets)
    return tools.driver(
        "bench.lag",
        program=_program(config, _durable_state(ground, turn)),
        gateway={"endpoint": f"http://127.0.0.1:{port}", "region": source.region, **GATEWAY_KEYS},
        target=place_of(target.endpoint),
        buckets=buckets,
        rate=LAG_WRITES_A_SECOND,
        seconds=sizes.lag_seconds,
        size_bytes=sizes.small_bytes,
        server_pids=[*ground.server_pids, *target.pids],
    )


@contextmanager
def drain(ground: Ground, sizes: Sizes) -> Iterator[Contest]:
    """Many keys marked at once, against a peer that is given their names."""
    with ExitStack() as stack:
        root = ground.directory / "drain-files"
        data = make_data(root, objects=sizes.drain_objects, size_bytes=sizes.small_bytes)
        names = ground.directory / "drain-keys"
        names.write_text("".join(f"{key}\n" for key in data.etags))
        buckets = _Buckets(ground)
        stack.callback(buckets.drop)
        source = buckets.make()
        must(ground, _upload(ground, data, source), sizes.timeout_seconds)
        yield Contest(
            "drain",
            f"{data.objects:,} keys of {data.size_bytes:,} bytes drained, S3 to S3",
            "object",
            data.objects,
            sizes.live_rounds,
            {
                "brigade": partial(_drain, ground, data, buckets),
                "rclone": lambda turn: tools.rclone_copy(
                    ground, f"source:{source}", f"target:{turn.bucket}", "--files-from", str(names)
                ),
            },
            lambda _, turn, __: ground.trouble(turn.bucket, data),
        )


def _drain(ground: Ground, data: Data, buckets: _Buckets, turn: Turn) -> Command:
    source = buckets.make()
    state = _durable_state(ground, turn)
    config = write_live_config(turn.directory, ground.endpoint, ground.endpoint, buckets=(source, turn.bucket))
    return tools.driver(
        "bench.drain",
        programs=[_program(config, state, "worker")],
        fill=tools.as_task(_upload(ground, data, source)),
        state=f"sqlite:///{state}",
        keys=data.objects,
        server_pids=ground.server_pids,
    )


@contextmanager
def fleet(ground: Ground, sizes: Sizes) -> Iterator[Contest]:
    """Two workers on one PostgreSQL against one, where the stores answer late and have all the room in the world."""
    with ExitStack() as stack:
        database = stack.enter_context(PostgresServer())
        stores = _SlowStores(ground)
        stack.callback(stores.stop)
        fleet = partial(_fleet, sizes, database.url, stores)
        yield Contest(
            "fleet",
            f"{sizes.fleet_objects:,} keys drained, PostgreSQL, stores that take {SLOW_MILLISECONDS} ms for each answer",
            "object",
            sizes.fleet_objects,
            sizes.live_rounds,
            {"brigade": partial(fleet, 2), "one-worker": partial(fleet, 1)},
            lambda _, __, ___: stores.trouble(sizes.fleet_objects),
            fresh_bucket=False,
        )


def _fleet(sizes: Sizes, url: str, stores: _SlowStores, workers: int, turn: Turn) -> Command:
    at = stores.start(turn)
    config = write_live_config(turn.directory, at, at, buckets=(SOURCE, "target"))
    state = _fresh_database(url)
    return tools.driver(
        "bench.drain",
        programs=[_program(config, state, "worker") for _ in range(workers)],
        fill=None,
        state=state,
        keys=sizes.fleet_objects,
        server_pids=stores.pids,
    )


class _SlowStores:
    """The slow server of one turn; each turn has a fresh one."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._helper: Helper | None = None
        self._port = 0

    def start(self, turn: Turn) -> Endpoint:
        """Start it anew and tell where it is."""
        self.stop()
        self._port = port = free_port()
        command = tools.module("bench.slow_s3", str(port), str(SLOW_MILLISECONDS), env={})
        self._helper = Helper(command.arguments, directory=self._ground.directory, log=turn.directory / "slow.log")
        self._helper.wait_ready(lambda: http_answer(port, "/count")[0] == 200, seconds=20)
        return Endpoint("slow", f"http://127.0.0.1:{port}", "us-east-1", "key", "secret")

    @property
    def pids(self) -> list[int]:
        return [self._helper.pid] if self._helper is not None else []

    def trouble(self, keys: int) -> str:
        """What is wrong with the outcome."""
        put = int(http_answer(self._port, "/count")[1] or 0)
        return "" if put == keys else f"{put} of {keys} objects were put"

    def stop(self) -> None:
        if self._helper is not None:
            self._helper.stop()
            self._helper = None


class _Buckets:
    """Buckets that are dropped together in the end."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._made: list[str] = []

    def make(self) -> str:
        self._made.append(self._ground.make_bucket())
        return self._made[-1]

    def drop(self) -> None:
        while self._made:
            self._ground.drop_bucket(self._made.pop())


def _program(config: Path, state: Path | str, *roles: str) -> dict[str, object]:
    return tools.as_task(tools.brigade("run", *roles, "--config", str(config), "--state", str(state)))


def _durable_state(ground: Ground, turn: Turn) -> Path:
    """A state whose commits go to a disk."""
    return ground.durable_directory / f"{turn.bucket}.db"


def _fresh_database(url: str) -> str:
    """A database of the turn's own on the server."""
    name = f"turn_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return url.replace("/postgres?", f"/{name}?")


def _upload(ground: Ground, data: Data, bucket: str) -> Command:
    return tools.s5cmd(ground, "cp", f"{data.directory}/", f"s3://{bucket}/")


def _no_judge(_: str, __: Turn, ___: Measured) -> str:
    """The driver looks at each object."""
    return ""
