"""Runs `brigade` with a look at its stack each millisecond: `python -m bench.sampler OUT VERB ARGUMENT…`.

Writes JSON: the CPU nanoseconds of each stack, innermost function first. What a function written in C takes counts
for the Python function that called it. Only the main thread is seen.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType

INTERVAL_SECONDS = 0.001
_MOST_FRAMES = 60


class Sampler:
    """Charges each stack with the CPU used since the last look, so that waiting costs nothing.

    A timer of CPU time would be simpler, but Linux lets it ring on its ticks only, each four milliseconds.
    """

    def __init__(self) -> None:
        self.stacks: Counter[tuple[str, ...]] = Counter()
        self._used_ns = time.thread_time_ns()

    def start(self) -> None:
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, INTERVAL_SECONDS, INTERVAL_SECONDS)

    def stop(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _look(self, _: int, frame: FrameType | None) -> None:
        used_ns = time.thread_time_ns()
        stack: list[str] = []
        while frame is not None and len(stack) < _MOST_FRAMES:
            stack.append(_name(frame))
            frame = frame.f_back
        self.stacks[tuple(stack)] += used_ns - self._used_ns
        # What the look itself took is left out.
        self._used_ns = time.thread_time_ns()


def _name(frame: FrameType) -> str:
    code = frame.f_code
    module = frame.f_globals.get("__name__", "?")
    return f"{module}:{code.co_qualname}"


def main(arguments: list[str]) -> int:
    """Sample one run of the command line."""
    out, *rest = arguments
    sampler = Sampler()
    sampler.start()
    try:
        from brigade.cli.main import main as run

        return run(rest)
    finally:
        sampler.stop()
        Path(out).write_text(json.dumps([[list(stack), used_ns] for stack, used_ns in sampler.stacks.items()]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
