"""A log line for each object that was settled."""

from __future__ import annotations

import logging

from brigade.engine.report import ActionKind, Outcome

log = logging.getLogger("brigade.objects")


class ObjectLog:
    """An observer that logs: what was done at `INFO`, what was left as it is at `DEBUG`, what failed at `WARNING`."""

    def __init__(self, replication: str) -> None:
        self._replication = replication

    def outcome(self, outcome: Outcome) -> None:
        level = _level(outcome)
        if not log.isEnabledFor(level):
            return
        failed = outcome.error is not None
        fields = {
            "replication": self._replication,
            "key": outcome.key,
            "operation": outcome.action,
            "outcome": "failed" if failed else "ok",
            "reason": outcome.error if failed else outcome.reason,
            "proof": outcome.proof,
            "bytes": outcome.size_bytes,
            "duration_ms": round(outcome.duration_seconds * 1000, 1),
        }
        words = "%(replication)s: %(operation)s %(key)r %(outcome)s: %(reason)s (%(bytes)d bytes, %(duration_ms)g ms)"
        log.log(level, words, fields, extra={"event": "object", "fields": fields})

    def planned(self, objects: int, size_bytes: int) -> None:
        """Of no interest here."""

    def moved(self, size_bytes: int) -> None:
        """Of no interest here."""


def _level(outcome: Outcome) -> int:
    if outcome.error is not None or outcome.action is ActionKind.CONFLICT:
        return logging.WARNING
    return logging.DEBUG if outcome.action is ActionKind.SKIP else logging.INFO
