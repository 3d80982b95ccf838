"""From each kind of store to another: small objects, one large one, and a pair in which nothing has changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from bench import tools
from bench.clouds import Cloud, cloud_of, missing
from bench.contest import Contest, Turn
from bench.data import Data, make_data
from bench.ground import Configs, Ground, must
from bench.measure import Command, Measured
from bench.sizes import MEBIBYTE, Sizes
from brigade.testing.processes import StartFailed

GIGABYTE = 1_000_000_000
PAIRS = (
    ("s3", "gcs"),
    ("gcs", "s3"),
    ("s3", "azure"),
    ("azure", "s3"),
    ("s3", "swift"),
    ("swift", "s3"),
    ("gcs", "azure"),
    ("file", "gcs"),
    ("file", "azure"),
    ("file", "swift"),
)
UNCHANGED_PAIR = ("s3", "azure")
# A server that writes some hundred objects a second, all its parts in one process.
_SLOW = "swift"
_LEFT_OUT = ("brigade", "rclone")
Workload = Callable[[Ground, Sizes], AbstractContextManager[Contest]]


@contextmanager
def _small(pair: tuple[str, str], ground: Ground, sizes: Sizes) -> Iterator[Contest]:
    objects = sizes.cloud_slow_objects if _SLOW in pair else sizes.cloud_objects
    title = f"{objects:,} objects of {sizes.small_bytes:,} bytes"
    yield _contest(pair, "", title, "object", ground, sizes, (objects, sizes.small_bytes))


@contextmanager
def _large(pair: tuple[str, str], ground: Ground, sizes: Sizes) -> Iterator[Contest]:
    objects, size_bytes = sizes.cloud_large_objects, sizes.cloud_large_bytes
    title = f"{objects} objects of {size_bytes // MEBIBYTE} MiB"
    yield _contest(pair, "-large", title, "GB", ground, sizes, (objects, size_bytes))


def _contest(
    pair: tuple[str, str], ending: str, title: str, unit: str, ground: Ground, sizes: Sizes, content: tuple[int, int]
) -> Contest:
    kind, target_kind = pair
    name = f"clouds-{kind}-{target_kind}{ending}"
    large = unit == "GB"
    if reason := missing(kind, large=large) or missing(target_kind, large=large):
        return _left_out(name, f"{title}, {kind} to {target_kind}", unit, reason)
    data = _data(ground, *content)
    source, target = _filled(ground, kind, data), cloud_of(ground, target_kind)
    configs = _configs(ground, pair)
    notes = [note for note in _notes(ground, pair) if note]
    return Contest(
        name,
        ", ".join([f"{title}, {kind} to {target_kind}", *notes]),
        unit,
        data.objects if unit == "object" else data.total_bytes / GIGABYTE,
        sizes.cloud_rounds,
        {
            "brigade": lambda turn: _brigade(ground, source, f"{target_kind}:{turn.bucket}", configs, turn.state),
            "rclone": lambda turn: _rclone(ground, source, f"{target_kind}:{turn.bucket}", configs),
        },
        partial(_judge, target, data),
        place=target,
    )


@contextmanager
def _unchanged(ground: Ground, sizes: Sizes) -> Iterator[Contest]:
    """The second sync of a pair: listings alone say that nothing has changed."""
    kind, target_kind = UNCHANGED_PAIR
    name = "clouds-unchanged"
    title = f"{sizes.cloud_unchanged_objects:,} unchanged objects, {kind} to {target_kind}"
    if reason := missing(kind) or missing(target_kind):
        yield _left_out(name, title, "object", reason)
        return
    data = _data(ground, sizes.cloud_unchanged_objects, sizes.unchanged_bytes)
    source, cloud = _filled(ground, kind, data), cloud_of(ground, target_kind)
    bucket, state, configs = cloud.make_bucket(), ground.directory / f"{name}.db", _configs(ground, UNCHANGED_PAIR)
    target = f"{target_kind}:{bucket}"
    must(ground, _brigade(ground, source, target, configs, state), sizes.timeout_seconds)

    def judge(tool: str, _: Turn, measured: Measured) -> str:
        told = tools.trouble_told(measured, skipped=data.objects) if tool == "brigade" else ""
        return told or cloud.trouble(bucket, data)

    yield Contest(
        name,
        title,
        "object",
        data.objects,
        sizes.cloud_rounds,
        {
            "brigade": lambda _: _brigade(ground, source, target, configs, state),
            # Without --checksum it would compare times, which no cloud can set.
            "rclone": lambda _: _rclone(ground, source, target, configs, "--checksum"),
        },
        judge,
        fresh_bucket=False,
    )
    cloud.drop_bucket(bucket)


@contextmanager
def _start(ground: Ground, sizes: Sizes) -> Iterator[Contest]:
    """What the programs take before the first object: part of every figure above, and most of those of few objects."""
    there = [kind for kind in ("gcs", "azure", "swift") if not missing(kind)]
    empty = {kind: cloud_of(ground, kind).make_bucket() for kind in ("s3", *there)}
    contenders: dict[str, Callable[[Turn], Command]] = {}
    for kind in there:
        asked = f"s3:{empty['s3']}", f"{kind}:{empty[kind]}", _configs(ground, ("s3", kind))
        contenders[f"brigade-{kind}"] = partial(_brigade_turn, ground, *asked)
        contenders[f"rclone-{kind}"] = partial(_rclone_turn, ground, *asked)
    left_out = {f"brigade-{kind}": reason for kind in ("azure", "swift") if (reason := missing(kind))}
    title = "the program starts, finds nothing to do and ends, s3 to each cloud"
    rounds = sizes.cloud_rounds
    try:
        yield Contest(
            "clouds-start", title, "run", 1, rounds, contenders, _judge_start, fresh_bucket=False, left_out=left_out
        )
    finally:
        for kind, bucket in empty.items():
            cloud_of(ground, kind).drop_bucket(bucket)


def _judge_start(name: str, _: Turn, measured: Measured) -> str:
    return tools.trouble_told(measured) if name.startswith("brigade") else ""


def _left_out(name: str, title: str, unit: str, reason: str) -> Contest:
    return Contest(name, title, unit, 1, 0, {}, lambda *_: "", left_out=dict.fromkeys(_LEFT_OUT, reason))


def _judge(target: Cloud, data: Data, name: str, turn: Turn, measured: Measured) -> str:
    told = tools.trouble_told(measured, copied=data.objects) if name == "brigade" else ""
    return told or target.trouble(turn.bucket, data)


def _brigade(ground: Ground, source: str, target: str, configs: Configs, state: Path) -> Command:
    return tools.brigade_sync(ground, source, target, state=state, config=configs.brigade)


def _rclone(ground: Ground, source: str, target: str, configs: Configs, *flags: str) -> Command:
    flags = (*tools.RCLONE_CLOUD_FLAGS, *flags)
    return tools.rclone_copy(ground, source, target, *flags, config=configs.rclone)


def _brigade_turn(ground: Ground, source: str, target: str, configs: Configs, turn: Turn) -> Command:
    return _brigade(ground, source, target, configs, turn.state)


def _rclone_turn(ground: Ground, source: str, target: str, configs: Configs, _: Turn) -> Command:
    return _rclone(ground, source, target, configs)


def _notes(ground: Ground, pair: tuple[str, str]) -> Iterator[str]:
    for kind in pair:
        if kind != "file":
            cloud = cloud_of(ground, kind)
            yield cloud.note
            yield cloud.read_note if kind == pair[0] else ""


def _configs(ground: Ground, pair: tuple[str, str]) -> Configs:
    """Each server is called by its kind."""
    clouds = {kind: cloud_of(ground, kind) for kind in pair if kind != "file"}
    sections = [
        "\n".join([f"[{kind}]", *(f"{key} = {value}" for key, value in cloud.rclone.items()), ""])
        for kind, cloud in clouds.items()
    ]
    name = "-".join(pair)
    # JSON is YAML.
    stores = json.dumps({"stores": {kind: cloud.brigade for kind, cloud in clouds.items()}})
    return Configs(ground.write(f"{name}.yaml", stores), ground.write(f"{name}.conf", "\n".join(sections)))


def _data(ground: Ground, objects: int, size_bytes: int) -> Data:
    return ground.kept(f"data-{objects}-{size_bytes}", lambda: _made(ground, objects, size_bytes))


@contextmanager
def _made(ground: Ground, objects: int, size_bytes: int) -> Iterator[Data]:
    root = ground.directory / f"cloud-{objects}-{size_bytes}-files"
    try:
        yield make_data(root, objects=objects, size_bytes=size_bytes)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _filled(ground: Ground, kind: str, data: Data) -> str:
    """Where the source of a kind is; every pair with this source reads the same."""
    if kind == "file":
        return str(data.directory)
    bucket = ground.kept(f"{kind}-{data.directory.name}", lambda: _bucket(ground, cloud_of(ground, kind), data))
    return f"{kind}:{bucket}"


@contextmanager
def _bucket(ground: Ground, cloud: Cloud, data: Data) -> Iterator[str]:
    bucket = cloud.make_bucket()
    configs = _configs(ground, (cloud.kind, "file"))
    must(ground, _rclone(ground, str(data.directory), f"{cloud.kind}:{bucket}", configs), 600)
    if trouble := cloud.trouble(bucket, data):
        raise StartFailed(f"the source bucket is not what it should be: {trouble}")
    yield bucket


def _named() -> Iterator[tuple[str, Workload]]:
    for pair in PAIRS:
        yield f"clouds-{'-'.join(pair)}", partial(_small, pair)
    for pair in PAIRS:
        yield f"clouds-{'-'.join(pair)}-large", partial(_large, pair)
    yield "clouds-unchanged", _unchanged
    yield "clouds-start", _start


CLOUD_WORKLOADS: Mapping[str, Workload] = dict(_named())
