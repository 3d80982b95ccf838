"""Counters that the layers feed and progress, reports and metrics read. No I/O, no third party."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Telemetry:
    """Counts of one process. `requests` by (store, operation, outcome), bytes by store."""

    requests: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    retries: Counter[tuple[str, str]] = field(default_factory=Counter)
    read_bytes: Counter[str] = field(default_factory=Counter)
    written_bytes: Counter[str] = field(default_factory=Counter)

    def count_request(self, store: str, operation: str, outcome: str) -> None:
        """One finished request; `outcome` is `ok` or the error's class name."""
        self.requests[store, operation, outcome] += 1
