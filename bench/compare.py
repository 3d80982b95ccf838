"""Two results side by side: `python bench/compare.py OLD.json NEW.json`.

Prints, for each tool in each workload that both have, the new figure divided by the old one. Peers stand in the
table too: what they did not change, the machine did.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_MEASURES = (
    ("wall_seconds", "wall"),
    ("cpu_seconds", "CPU"),
    ("peak_rss_bytes", "memory"),
    ("server_cpu_seconds", "server CPU"),
)


def main(arguments: Sequence[str]) -> int:
    """Print the table; 2 where the results cannot be compared."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python bench/compare.py OLD.json NEW.json\n")
        return 2
    old, new = (json.loads(Path(name).read_text()) for name in arguments)
    if (old["schema"], old["sizes"]) != (new["schema"], new["sizes"]):
        sys.stderr.write("the two results are of different schemas or sizes\n")
        return 2
    sys.stdout.write("\n".join(_lines(old, new)) + "\n")
    return 0


def _lines(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    yield f"{old['date']} {old['revision']}  →  {new['date']} {new['revision']}; new divided by old, below 1 is less"
    yield f"{'workload':20}{'tool':20}" + "".join(f"{label:>12}" for _, label in _MEASURES)
    for workload, tool in _shared(old, new):
        before, after = (result["workloads"][workload]["tools"][tool] for result in (old, new))
        yield f"{workload:20}{tool:20}" + "".join(f"{_ratio(before, after, name):>12}" for name, _ in _MEASURES)


def _shared(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for workload, found in new["workloads"].items():
        for tool in found["tools"]:
            if tool in old["workloads"].get(workload, {"tools": {}})["tools"]:
                yield workload, tool


def _ratio(before: dict[str, Any], after: dict[str, Any], measure: str) -> str:
    if not before[measure] or after[measure] is None:
        return "-"
    return f"{after[measure] / before[measure]:.2f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
