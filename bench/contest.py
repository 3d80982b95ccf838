"""One workload, run by all its contenders in turn, round after round: A B C, A B C, …"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from bench.ground import Ground
from bench.measure import Command, Measured, measure
from bench.sizes import Sizes


class Turn(NamedTuple):
    """What one run may use: an empty directory of its own and, in most workloads, a fresh bucket at the target."""

    directory: Path
    bucket: str

    @property
    def state(self) -> Path:
        """Where Brigade remembers; fresh for each run."""
        return self.directory / "state.db"


class Run(NamedTuple):
    """One run and what was wrong with it; empty if it did all it had to do. `figures` are those of one workload."""

    measured: Measured
    server_cpu_seconds: float
    trouble: str
    figures: Mapping[str, float] = {}


class Place(Protocol):
    """Where buckets are made for single runs."""

    def make_bucket(self) -> str: ...

    def drop_bucket(self, bucket: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Contest:
    """A workload. `units` is how many objects or gigabytes it moves, `judge` finds what is wrong with an outcome.

    A fresh bucket is made at `place`, the common server if there is none. `left_out`: who cannot take part, and why.
    """

    name: str
    title: str
    unit: str
    units: float
    rounds: int
    contenders: Mapping[str, Callable[[Turn], Command]] = field(repr=False)
    judge: Callable[[str, Turn, Measured], str] = field(repr=False)
    fresh_bucket: bool = True
    place: Place | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)


def hold(contest: Contest, ground: Ground, sizes: Sizes, tell: Callable[[str], None]) -> dict[str, list[Run]]:
    """All rounds of a contest: the runs of each contender, in order."""
    runs: dict[str, list[Run]] = {name: [] for name in contest.contenders}
    for name, reason in contest.left_out.items():
        tell(f"{contest.name:18} left out: {name}: {reason}")
    for number in range(contest.rounds):
        for name in contest.contenders:
            run = _run(contest, ground, name, sizes)
            runs[name].append(run)
            tell(_line(contest, name, number, run))
    return runs


def _run(contest: Contest, ground: Ground, name: str, sizes: Sizes) -> Run:
    with one_turn(contest, ground) as turn:
        command = contest.contenders[name](turn)
        ground.calm_down(sizes.calm_seconds)
        served_seconds = ground.server_cpu_seconds()
        measured = measure(command, directory=turn.directory, timeout_seconds=sizes.timeout_seconds)
        served_seconds = ground.server_cpu_seconds() - served_seconds
        trouble = _failure(measured, sizes.timeout_seconds)
        if command.drives and not trouble:
            return _driven(contest, name, turn, measured)
        return Run(measured, served_seconds, trouble or contest.judge(name, turn, measured))


def _driven(contest: Contest, name: str, turn: Turn, measured: Measured) -> Run:
    """The run as its driver tells it."""
    told = json.loads(measured.output)
    cost = {field: told.pop(field) for field in ("wall_seconds", "cpu_seconds", "user_seconds", "peak_rss_bytes")}
    served_seconds, trouble = told.pop("server_cpu_seconds"), told.pop("trouble")
    return Run(measured._replace(**cost), served_seconds, trouble or contest.judge(name, turn, measured), told)


@contextmanager
def one_turn(contest: Contest, ground: Ground) -> Iterator[Turn]:
    """What one run uses, gone after it."""
    directory = ground.directory / "turn"
    directory.mkdir()
    place = contest.place or ground
    bucket = place.make_bucket() if contest.fresh_bucket else ""
    try:
        yield Turn(directory, bucket)
    finally:
        if bucket:
            place.drop_bucket(bucket)
        shutil.rmtree(directory)


def _failure(measured: Measured, timeout_seconds: float) -> str:
    if measured.exit_code is None:
        return f"not done after {timeout_seconds:g} s"
    if measured.exit_code:
        words = (measured.errors or measured.output).strip().splitlines()
        return f"exit code {measured.exit_code}: {words[-1] if words else 'no word why'}"
    return ""


def _line(contest: Contest, name: str, number: int, run: Run) -> str:
    cost = run.measured
    rate = contest.units / cost.wall_seconds
    return (
        f"{contest.name:18} {number + 1}/{contest.rounds} {name:18} {cost.wall_seconds:8.2f} s {cost.cpu_seconds:8.2f} s CPU"
        f" {cost.peak_rss_bytes / 2**20:6.0f} MiB {rate:10.1f} {contest.unit}s/s"
        + (f"  FAILED: {run.trouble}" if run.trouble else "")
    )
