"""`brigade store fidelity`: what of an object survives between the types of stores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from brigade.cli import options

if TYPE_CHECKING:
    from brigade.control.fidelity import PairFidelity

_ASPECTS = (
    "content headers", "user metadata", "tags", "storage class", "ACL", "object lock", "custom time", "time of deletion",
)  # fmt: skip


def fidelity(as_json: options.Json = False) -> None:
    """Show what of an object survives between each two types of stores; of two stores `store check` tells more."""
    from brigade.clock import SystemClock
    from brigade.control.fidelity import all_pairs
    from brigade.wiring.typical import typical_capabilities

    pairs = all_pairs(typical_capabilities(SystemClock()))
    if as_json:
        for pair in pairs:
            rows = [row._asdict() for row in pair.rows]
            typer.echo(json.dumps({"source": pair.source, "target": pair.target, "fidelity": rows}))
        return
    for line in table(pairs):
        typer.echo(line)


def table(pairs: Sequence[PairFidelity]) -> list[str]:
    """One line for each pair, then why what is carried in part is not carried whole."""
    lines = [f"| source | target | {' | '.join(_ASPECTS)} |", "|---" * (len(_ASPECTS) + 2) + "|"]
    notes: list[str] = []
    for pair in pairs:
        by_aspect = {row.what: row for row in pair.rows}
        cells = [_cell(by_aspect[what].fate) if what in by_aspect else "-" for what in _ASPECTS]
        lines.append(f"| {pair.source} | {pair.target} | {' | '.join(cells)} |")
        notes += [f"- to {pair.target}, {row.what}: {row.why}" for row in pair.rows if row.fate == "partly"]
    return [*lines, "", *dict.fromkeys(notes)]


def _cell(fate: str) -> str:
    return {"carried": "yes", "partly": "in part", "not carried": "no"}.get(fate, "-")
