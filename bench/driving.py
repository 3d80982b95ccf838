"""What drivers share. A driver is a process that starts the programs to be measured, puts them to work, and prints
what they cost as one JSON object; `bench.contest` takes its figures from there instead of the driver's own.

The task comes in by the environment, because it holds keys.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from bench.measure import Command, process_cpu_seconds, process_peak_bytes, process_user_seconds
from brigade.testing.processes import Helper

TASK_VARIABLE = "BENCH_TASK"
_READY_SECONDS = 30


def task() -> dict[str, Any]:
    """What this driver is to do."""
    found: dict[str, Any] = json.loads(os.environ.pop(TASK_VARIABLE))
    return found


def report(**figures: object) -> None:
    """Print the figures. `trouble` says what went wrong, empty if nothing did."""
    sys.stdout.write(json.dumps(figures) + "\n")


def start(name: str, command: Command) -> Helper:
    """A program in the background, its output in `<name>.log` of the working directory."""
    here = Path.cwd()
    return Helper(command.arguments, directory=here, log=here / f"{name}.log", env=command.env)


def wait_for_words(helper: Helper, words: str) -> None:
    """Wait until the program has printed these words."""
    helper.wait_ready(lambda: words in helper.log.read_text(), seconds=_READY_SECONDS)


class Stretch:
    """What programs and servers use while the context is open, and how long that is."""

    def __init__(self, programs: Iterable[Helper], server_pids: Iterable[int]) -> None:
        self._pids = [program.pid for program in programs]
        self._server_pids = list(server_pids)
        self._began: tuple[float, ...] = ()
        self._ended: tuple[float, ...] = ()

    def __enter__(self) -> Self:
        self._began = self._look()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = self._look()

    def _look(self) -> tuple[float, ...]:
        return (
            time.perf_counter(),
            process_cpu_seconds(self._pids),
            process_user_seconds(self._pids),
            process_cpu_seconds(self._server_pids),
        )

    def figures(self) -> dict[str, float]:
        """By the names that a result has."""
        wall, cpu, user, server = (ended - began for began, ended in zip(self._began, self._ended, strict=True))
        peak_bytes = sum(map(process_peak_bytes, self._pids))
        return {
            "wall_seconds": wall,
            "cpu_seconds": cpu,
            "user_seconds": user,
            "server_cpu_seconds": server,
            "peak_rss_bytes": peak_bytes,
        }


def quantile(values: Iterable[float], share: float) -> float:
    """The value that this share of the values does not exceed; 0 of none."""
    ordered = sorted(values) or [0.0]
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def command_of(values: Mapping[str, Any]) -> Command:
    """A command that came as JSON."""
    return Command(values["arguments"], values["env"])
