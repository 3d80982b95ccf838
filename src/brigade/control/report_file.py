"""The report of a run as JSON Lines: one line for each object considered, written as it happens."""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from brigade.engine.report import Outcome
from brigade.errors import BrigadeError, UsageError

# Big enough that the disk is asked once for some thousand objects.
_BUFFER_BYTES = 256 * 1024


def report_line(outcome: Outcome) -> str:
    """The line of one object. Keys may hold anything, so all but ASCII is escaped."""
    key, action, reason, proof, size_bytes, error, *_ = outcome
    return (
        f'{{"key": {quoted(key)}, "action": "{action}", "reason": {quoted(reason)}, "proof": "{proof}", '
        f'"size_bytes": {size_bytes}, "error": {"null" if error is None else quoted(error)}}}\n'
    )


class ReportFile:
    """An observer that writes `key, action, reason, proof, size_bytes, error` for each object.

    A file that cannot be written does not stop the run; it makes it fail at the end, because a report with holes must
    not pass for a whole one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._broken: OSError | None = None
        try:
            self._file: IO[str] = path.open("w", encoding="ascii", buffering=_BUFFER_BYTES)
        except OSError as error:
            raise UsageError(f"--report {path}: cannot be written: {error.strerror}") from None

    def outcome(self, outcome: Outcome) -> None:
        try:
            self._file.write(report_line(outcome))
        except OSError as caught:
            self._broken = self._broken or caught

    def planned(self, objects: int, size_bytes: int) -> None:
        """Not part of the report."""

    def moved(self, size_bytes: int) -> None:
        """Not part of the report."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError as caught:
            self._broken = self._broken or caught
        if self._broken is not None and kind is None:
            raise BrigadeError(
                f"the report {self._path} is not complete: {self._broken.strerror}",
                hint="make room and run again with --report: what is in step is skipped",
            )
