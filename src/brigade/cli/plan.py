"""A dry run, printed: one line for each object that would be touched."""

from __future__ import annotations

import sys

from brigade.cli.text import one_line, quote_key
from brigade.engine.report import ActionKind, Outcome


class PlanPrinter:
    """The observer of a dry run. What would be skipped is only counted: the plan is what would be done."""

    def outcome(self, outcome: Outcome) -> None:
        if outcome.action is ActionKind.SKIP and outcome.error is None:
            return
        words = outcome.reason if outcome.error is None else f"{outcome.reason}; fails: {outcome.error}"
        sys.stdout.write(f"{outcome.action}  {quote_key(outcome.key)}  {one_line(words)}\n")

    def planned(self, objects: int, size_bytes: int) -> None:
        """The plan is told by outcomes."""

    def moved(self, size_bytes: int) -> None:
        """Nothing moves."""
