"""The workloads: what each is made of, who runs it, and how the outcome is judged."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from bench import tools
from bench.cloud_workloads import CLOUD_WORKLOADS
from bench.contest import Contest, Turn
from bench.data import Data, make_data
from bench.gateway_workloads import gateway_capture, gateway_get, gateway_large_get, gateway_large_put, gateway_put
from bench.ground import Ground, must
from bench.live_workloads import drain, fleet, lag
from bench.measure import Command, Measured
from bench.overview_workload import overview
from bench.sizes import MEBIBYTE, Sizes
from bench.stub_s3 import NEWER_BUCKET
from brigade.testing.processes import Helper, StartFailed, free_port

GIGABYTE = 1_000_000_000
Workload = Callable[[Ground, Sizes], AbstractContextManager[Contest]]


@contextmanager
def small(ground: Ground, sizes: Sizes) -> Iterator[Contest]:
    """Small objects from bucket to bucket: what one object costs."""
    with _files(ground, "small", sizes.small_objects, sizes.small_bytes) as data, _uploaded(ground, data) as source:
        yield Contest(
            "small",
            f"{data.objects:,} objects of {data.size_bytes:,} bytes, S3 to S3",
            "object",
            data.objects,
            sizes.rounds,
            {
                "brigade": partial(_brigade_sync, ground, f"source:{source}"),
                "rclone": partial(_rclone_copy, ground, f"source:{source}"),
                "rclone-unverified": partial(_rclone_copy, ground, f"source:{source}", "--s3-no-head"),
                "floor": lambda turn: tools.floor(ground, data.objects, source, turn.bucket),
            },
            partial(_judge_copy, ground, data),
        )


def large(ground: Ground, sizes: Sizes) -> AbstractContextManager[Contest]:
    """Large objects that were uploaded in parts, as clients do."""
    title = f"uploaded in parts of {sizes.part_bytes // MEBIBYTE} MiB"
    return _large(ground, sizes, "large", title, sizes.part_bytes)


def large_single(ground: Ground, sizes: Sizes) -> AbstractContextManager[Contest]:
    """Large objects that were uploaded whole."""
    return _large(ground, sizes, "large-single", "uploaded whole", None)


@contextmanager
def _large(ground: Ground, sizes: Sizes, name: str, how: str, part_bytes: int | None) -> Iterator[Contest]:
    files = _files(ground, "large", sizes.large_objects, sizes.large_bytes, part_bytes=sizes.part_bytes)
    with files as data, _uploaded(ground, data, part_bytes=part_bytes or 2 * sizes.large_bytes) as source:
        yield Contest(
            name,
            f"{data.objects} objects of {data.size_bytes // MEBIBYTE} MiB {how}, S3 to S3",
            "GB",
            data.total_bytes / GIGABYTE,
            sizes.rounds,
            {
                "brigade": partial(_brigade_sync, ground, f"source:{source}"),
                "rclone": partial(_rclone_copy, ground, f"source:{source}"),
                "floor": lambda turn: tools.floor(ground, data.objects, source, turn.bucket),
            },
            partial(_judge_copy, ground, data),
        )


@contextmanager
def directory(ground: Ground, sizes: Sizes) -> Iterator[Contest]:
    """Small files from a directory to a bucket."""
    with _files(ground, "small", sizes.small_objects, sizes.small_bytes) as data:
        yield Contest(
            "directory",
            f"{data.objects:,} files of {data.size_bytes:,} bytes, directory to S3",
            "object",
            data.objects,
            sizes.rounds,
            {
                "brigade": partial(_brigade_sync, ground, str(data.directory)),
                "s5cmd": lambda turn: tools.s5cmd(ground, "cp", f"{data.directory}/", f"s3://{turn.bucket}/"),
                "rclone": partial(_rclone_copy, ground, str(data.directory)),
            },
            partial(_judge_copy, ground, data),
        )


@contextmanager
def unchanged(ground: Ground, sizes: Sizes) -> Iterator[Contest]:
    """The second sync of a pair of buckets in which nothing has changed since the first."""
    files = _files(ground, "unchanged", sizes.unchanged_objects, sizes.unchanged_bytes)
    with files as data, _uploaded(ground, data) as source:
        target, state = ground.make_bucket(), ground.directory / "unchanged.db"
        first = tools.brigade_sync(ground, f"source:{source}", f"target:{target}", state=state)
        must(ground, first, sizes.timeout_seconds)
        before = ground.listing(target)

        def judge(name: str, _: Turn, measured: Measured) -> str:
            if ground.listing(target) != before:
                return "the target was written to, though nothing had changed"
            return tools.trouble_told(measured, skipped=data.objects) if name == "brigade" else ""

        def rclone(_: Turn) -> Command:
            # Without --checksum it would ask each object for the time that it keeps in the metadata.
            return tools.rclone_copy(ground, f"source:{source}", f"target:{target}", "--checksum")

        try:
            yield Contest(
                "unchanged",
                f"{data.objects:,} unchanged objects, S3 to S3",
                "object",
                data.objects,
                sizes.rounds,
                {
                    "brigade": lambda _: tools.brigade_sync(
                        ground, f"source:{source}", f"target:{target}", state=state
                    ),
                    "rclone": rclone,
                },
                judge,
                fresh_bucket=False,
            )
        finally:
            ground.drop_bucket(target)


@contextmanager
def start(ground: Ground, sizes: Sizes) -> Iterator[Contest]:
    """What it costs to do nothing: the start of the program."""
    empty = [ground.make_bucket(), ground.make_bucket()]
    buckets = [f"source:{empty[0]}", f"target:{empty[1]}"]

    def directories(turn: Turn) -> Command:
        places = [turn.directory / "a", turn.directory / "b"]
        for place in places:
            place.mkdir()
        return tools.brigade_sync(ground, str(places[0]), str(places[1]), state=turn.state)

    def judge(name: str, _: Turn, measured: Measured) -> str:
        return tools.trouble_told(measured) if name.startswith("sync") else ""

    try:
        yield Contest(
            "start",
            "the program starts, finds nothing to do and ends",
            "run",
            1,
            sizes.start_rounds,
            {
                "help": lambda _: tools.brigade("--help"),
                "sync-directories": directories,
                "sync-buckets": lambda turn: tools.brigade_sync(ground, buckets[0], buckets[1], state=turn.state),
                "rclone-buckets": lambda _: tools.rclone_copy(ground, buckets[0], buckets[1]),
            },
            judge,
            fresh_bucket=False,
        )
    finally:
        for bucket in empty:
            ground.drop_bucket(bucket)


def listed_few(ground: Ground, sizes: Sizes) -> AbstractContextManager[Contest]:
    """The memory that a listing takes: few objects."""
    return _listed(ground, "listed-few", sizes.listed_few)


def listed_many(ground: Ground, sizes: Sizes) -> AbstractContextManager[Contest]:
    """The memory that a listing takes: many objects."""
    return _listed(ground, "listed-many", sizes.listed_many)


@contextmanager
def _listed(ground: Ground, name: str, objects: int) -> Iterator[Contest]:
    port = free_port()
    stub = tools.module("bench.stub_s3", str(port), str(objects), env={})
    helper = Helper(stub.arguments, directory=ground.directory, log=ground.directory / f"{name}.log")
    config = ground.write_configs(name, f"http://127.0.0.1:{port}")
    places = "source:source", f"target:{NEWER_BUCKET}"

    def judge(tool: str, _: Turn, measured: Measured) -> str:
        return tools.trouble_told(measured, skipped=objects) if tool == "brigade" else ""

    try:
        helper.wait_ready(lambda: _listens(port), seconds=20)
        yield Contest(
            name,
            f"{objects:,} unchanged objects of a server that only lists",
            "object",
            objects,
            1,
            {
                "brigade": lambda turn: tools.brigade_sync(ground, *places, state=turn.state, config=config.brigade),
                "rclone": lambda _: tools.rclone_copy(ground, *places, "--checksum", config=config.rclone),
            },
            judge,
            fresh_bucket=False,
        )
    finally:
        helper.stop()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


WORKLOADS: Mapping[str, Workload] = {
    "small": small,
    "large": large,
    "large-single": large_single,
    "directory": directory,
    "unchanged": unchanged,
    "start": start,
    "listed-few": listed_few,
    "listed-many": listed_many,
    "gateway-get": gateway_get,
    "gateway-put": gateway_put,
    "gateway-large-get": gateway_large_get,
    "gateway-large-put": gateway_large_put,
    "gateway-capture": gateway_capture,
    "lag": lag,
    "drain": drain,
    "fleet": fleet,
    "overview": overview,
    **CLOUD_WORKLOADS,
}


def _brigade_sync(ground: Ground, source: str, turn: Turn) -> Command:
    return tools.brigade_sync(ground, source, f"target:{turn.bucket}", state=turn.state)


def _rclone_copy(ground: Ground, source: str, *rest: Any) -> Command:
    *flags, turn = rest
    return tools.rclone_copy(ground, source, f"target:{turn.bucket}", *flags)


def _judge_copy(ground: Ground, data: Data, name: str, turn: Turn, measured: Measured) -> str:
    told = tools.trouble_told(measured, copied=data.objects) if name == "brigade" else ""
    return told or ground.trouble(turn.bucket, data)


@contextmanager
def _files(
    ground: Ground, name: str, objects: int, size_bytes: int, *, part_bytes: int | None = None
) -> Iterator[Data]:
    root = ground.directory / f"{name}-files"
    try:
        yield make_data(root, objects=objects, size_bytes=size_bytes, part_bytes=part_bytes)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def _uploaded(ground: Ground, data: Data, *, part_bytes: int = 50 * MEBIBYTE) -> Iterator[str]:
    """A source bucket that a peer has filled."""
    bucket = ground.make_bucket()
    try:
        part = str(part_bytes // MEBIBYTE)
        upload = tools.s5cmd(ground, "cp", "--part-size", part, f"{data.directory}/", f"s3://{bucket}/")
        must(ground, upload, 600)
        if trouble := ground.trouble(bucket, data):
            raise StartFailed(f"the source bucket is not what it should be: {trouble}")
        yield bucket
    finally:
        ground.drop_bucket(bucket)
