"""Where Brigade's CPU goes in a workload: `python -m bench.profile small [--size quick] [--top 25]`.

Prints, as microseconds per object (or milliseconds per GB), what each function took by itself and with all that it
called, and what each part of the program took, with the libraries that it calls.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench import tools
from bench.contest import Contest, one_turn
from bench.ground import Ground, prepared
from bench.measure import Command, measure
from bench.sizes import SIZES
from bench.workloads import WORKLOADS

Stacks = list[tuple[list[str], int]]


class Profile(NamedTuple):
    """CPU nanoseconds: of functions by themselves and with what they call, of the parts of the program."""

    own: Counter[str]
    total: Counter[str]
    parts: Counter[str]
    used_ns: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile one run and print where its time went."""
    parser = argparse.ArgumentParser(prog="bench.profile")
    parser.add_argument("workload", choices=list(WORKLOADS))
    parser.add_argument("--size", choices=list(SIZES), default="quick")
    parser.add_argument("--contender", default="brigade")
    parser.add_argument("--top", type=int, default=25)
    asked = parser.parse_args(arguments)
    with prepared() as ground, WORKLOADS[asked.workload](ground, SIZES[asked.size]) as contest:
        for line in _profiled(ground, contest, asked.contender, asked.top):
            sys.stdout.write(line + "\n")
    return 0


def _profiled(ground: Ground, contest: Contest, contender: str, top: int) -> Iterator[str]:
    out = ground.directory / "stacks.json"
    with one_turn(contest, ground) as turn:
        command = contest.contenders[contender](turn)
        verb = list(command.arguments)[list(command.arguments).index("brigade") + 1 :]
        sampled: Command = tools.module("bench.sampler", str(out), *verb, env=dict(command.env))
        cost = measure(sampled, directory=turn.directory, timeout_seconds=600)
        if cost.exit_code != 0:
            raise SystemExit(f"brigade ended with {cost.exit_code}: {cost.errors or cost.output}")
    profile = _read(out)
    scale = 1 / 1000 / contest.units
    unit = f"µs/{contest.unit}"
    seen = f"{profile.used_ns * scale:.1f} {unit} seen in the main thread"
    yield f"{contest.title}: {cost.cpu_seconds / contest.units * 1e6:.1f} {unit} of CPU with the sampler, {seen}"
    for title, counter in (("alone", profile.own), ("with callees", profile.total), ("by part", profile.parts)):
        yield f"\n{unit:>12}  {title}"
        for name, used_ns in counter.most_common(top):
            yield f"{used_ns * scale:12.1f}  {name}"


def _read(path: Path) -> Profile:
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    stacks: Stacks = [(stack, used_ns) for stack, used_ns in json.loads(path.read_text())]
    for stack, used_ns in stacks:
        own[stack[0]] += used_ns
        parts[_part(stack)] += used_ns
        for name in set(stack):
            total[name] += used_ns
    return Profile(own, total, parts, sum(own.values()))


def _part(stack: list[str]) -> str:
    """The package of the innermost function of ours; imports and the event loop stand apart."""
    if any(name.startswith("importlib.") for name in stack):
        return "imports"
    for name in stack:
        # What the loop does before it calls back is charged to the callback that comes first after a read.
        if name in ("asyncio.runners:Runner.run", "brigade.stores.http.connection:Connection.get_buffer"):
            return "event loop and system calls"
        if name.startswith("brigade."):
            return ".".join(name.partition(":")[0].split(".")[1:3])
    return "other"


if __name__ == "__main__":
    sys.exit(main())
