"""`make bench`: holds the contests, writes the result and the tables.

    python -m bench [--quick] [--only small,gateway] [--rounds 5] [--no-docs]

The exit code is 0 when every run did all it had to do, whoever was faster.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench import results, tables
from bench.contest import Contest, Run, hold
from bench.ground import prepared
from bench.sizes import SIZES, Sizes
from bench.targets import verdicts
from bench.workloads import WORKLOADS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks and return the exit code."""
    asked = _parser().parse_args(arguments)
    sizes = SIZES["quick" if asked.quick else asked.size]
    if asked.rounds:
        every = ("rounds", "start_rounds", "live_rounds", "cloud_rounds")
        sizes = replace(sizes, **dict.fromkeys(every, asked.rounds))
    document = results.document(sizes, _hold_all(sizes, asked.only or list(WORKLOADS)))
    document["targets"] = verdicts(document["workloads"])
    path = results.write(document, asked.results)
    _tell("\n" + tables.as_text(document) + f"\nwritten to {path}")
    if sizes.name == "full" and not asked.only and not asked.no_docs:
        tables.write_docs(document)
    return 1 if results.failures(document) else 0


def _hold_all(sizes: Sizes, names: Sequence[str]) -> list[tuple[Contest, dict[str, list[Run]]]]:
    held = []
    with prepared() as ground:
        for name in names:
            with WORKLOADS[name](ground, sizes) as contest:
                _tell(f"\n{contest.title}")
                held.append((contest, hold(contest, ground, sizes, _tell)))
    return held


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description="Brigade and its peers, measured in turn.")
    parser.add_argument("--quick", action="store_true", help="small sizes, for a first look")
    parser.add_argument("--size", choices=list(SIZES), default="full", help="how much is moved")
    parser.add_argument("--rounds", type=int, help="how often each tool runs")
    parser.add_argument("--only", type=workloads_named, help="these workloads, separated by commas")
    parser.add_argument("--results", type=Path, default=results.DIRECTORY, help="folder for the result")
    parser.add_argument("--no-docs", action="store_true", help="leave docs/benchmarks.md as it is")
    return parser


def workloads_named(text: str) -> list[str]:
    """The workloads of these names; the first word of several names them all."""
    names = []
    for word in text.split(","):
        found = [word] if word in WORKLOADS else [name for name in WORKLOADS if name.startswith(f"{word}-")]
        if not found:
            raise argparse.ArgumentTypeError(f"{word!r} is no workload; there are {', '.join(WORKLOADS)}")
        names += found
    return names


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
