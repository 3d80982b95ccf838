"""Runs one command to its end and takes down what it cost: wall time, CPU of all its processes, peak memory."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

# Memory is looked at so often; the kernel keeps each process's own peak between two looks.
_LOOK_SECONDS = 0.02
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_TAIL_BYTES = 2000


class Command(NamedTuple):
    """What to run. Secrets go into `env` or files, never into `arguments`.

    `drives`: it is a driver, which prints what the programs that it drives have cost (see `bench.driving`).
    """

    arguments: Sequence[str]
    env: Mapping[str, str] = {}
    drives: bool = False


class Measured(NamedTuple):
    """The cost of one whole process with its children. `exit_code` is None where it ran out of time."""

    wall_seconds: float
    cpu_seconds: float
    user_seconds: float
    peak_rss_bytes: int
    exit_code: int | None
    output: str
    errors: str


def measure(command: Command, *, directory: Path, timeout_seconds: float) -> Measured:
    """Run to the end, or kill after `timeout_seconds`. Output goes through files, so no pipe slows it down."""
    with (directory / "out").open("w+b") as output, (directory / "err").open("w+b") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            command.arguments,
            cwd=directory,
            env={**os.environ, **command.env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            peak_bytes, in_time = _watch(process.pid, began + timeout_seconds)
            wall_seconds = time.perf_counter() - began
        finally:
            # Whatever it left running goes with it; it is a session of its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        return Measured(
            wall_seconds,
            usage.ru_utime + usage.ru_stime,
            usage.ru_utime,
            peak_bytes,
            process.returncode if in_time else None,
            _tail(output.fileno()),
            _tail(errors.fileno()),
        )


def _watch(pid: int, until: float) -> tuple[int, bool]:
    """The peak memory of the process and its children together; False if it was still running at `until`."""
    peak_bytes = 0
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while not poll.poll(_LOOK_SECONDS * 1000):
            peak_bytes = max(peak_bytes, _tree_rss_bytes(pid))
            if time.perf_counter() > until:
                return peak_bytes, False
    finally:
        os.close(descriptor)
    return peak_bytes, True


def _tree_rss_bytes(pid: int) -> int:
    # A process without children counts with its own peak, which no look can miss; several are summed as they stand.
    children = _children(pid)
    if not children:
        return _status_bytes(pid, "VmHWM:")
    return _status_bytes(pid, "VmRSS:") + sum(_tree_rss_bytes(child) for child in children)


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _status_bytes(pid: int, field: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return 0


def process_cpu_seconds(pids: Iterable[int]) -> float:
    """The CPU that running processes have used since they started."""
    return sum(user + system for user, system in map(_ticks, pids)) / _TICKS_PER_SECOND


def process_user_seconds(pids: Iterable[int]) -> float:
    """The part of it that was not the kernel's."""
    return sum(user for user, _ in map(_ticks, pids)) / _TICKS_PER_SECOND


def process_peak_bytes(pid: int) -> int:
    """The most memory that a running process has held."""
    return _status_bytes(pid, "VmHWM:")


def _ticks(pid: int) -> tuple[int, int]:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]), int(fields[12])
    return 0, 0


def _tail(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, _TAIL_BYTES, max(0, size - _TAIL_BYTES)).decode(errors="replace")
