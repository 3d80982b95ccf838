"""What `brigade run` writes: lines for people, or JSON for programs, with the same content and without secrets."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, MutableMapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from brigade.cli.redacting import Redactor
from brigade.cli.text import one_line

if TYPE_CHECKING:
    from brigade.config.observing import LogSection
    from brigade.control.run_all import Ended
    from brigade.control.watching import Failures
    from brigade.engine.report import Observer
    from brigade.errors import BrigadeError

log = logging.getLogger("brigade.run")


class Lines:
    """A line for everything. What it does goes to the output, troubles go to the error output.

    What a sibling does the first process has said already. `each_object`: settled objects are logged, too.
    """

    def __init__(self, redactor: Redactor, *, is_sibling: bool = False, each_object: bool = False) -> None:
        self._redactor = redactor
        self._is_sibling = is_sibling
        self._each_object = each_object

    def hide(self, secrets: Iterable[str]) -> None:
        self._redactor.learn(secrets)

    def started(self, words: str) -> None:
        if not self._is_sibling:
            typer.echo(self._redactor.text(one_line(words)))

    def trouble(self, name: str, words: str) -> None:
        typer.echo(self._redactor.text(f"note: {name}: {one_line(words)}"), err=True)

    def observers(self, name: str, *, following: bool) -> Sequence[Observer]:
        from brigade.control.following import GivenUp
        from brigade.control.object_log import ObjectLog

        found: list[Observer] = [GivenUp(name, self.trouble)] if following else []
        return [*found, ObjectLog(name)] if self._each_object else found

    def ended(self, ended: Ended, failures: Failures) -> None:
        from brigade.cli.crash import describe_crash
        from brigade.cli.summary import summary_lines
        from brigade.errors import BrigadeError

        if ended.result is not None:
            for line in summary_lines(ended.result, failures):
                typer.echo(self._redactor.text(f"{ended.name}: {line}"))
        elif isinstance(ended.error, BrigadeError):
            self.trouble(ended.name, f"{ended.error}; it is tried again")
        elif ended.error is not None:
            self.trouble(ended.name, describe_crash(ended.error))

    def failed(self, error: BrigadeError) -> bool:  # noqa: ARG002  (whoever called says it)
        """The process ends with an error; True if that is told."""
        return False

    def stopped(self) -> None:
        """All has ended in good order."""
        if not self._is_sibling:
            typer.echo("stopped")


class Events:
    """The same as events: everything goes through the log."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def hide(self, secrets: Iterable[str]) -> None:
        self._redactor.learn(secrets)

    def started(self, words: str) -> None:
        log.info("%s", words)

    def trouble(self, name: str, words: str) -> None:
        log.warning("%s", words, extra={"fields": {"name": name}})

    def observers(self, name: str, *, following: bool) -> Sequence[Observer]:  # noqa: ARG002  (given up or failed, it is one line)
        from brigade.control.object_log import ObjectLog

        return [ObjectLog(name)]

    def ended(self, ended: Ended, failures: Failures) -> None:  # noqa: ARG002  (each had a line of its own)
        from brigade.cli.crash import describe_crash
        from brigade.control.verdict import summary
        from brigade.errors import BrigadeError

        fields: dict[str, object] = {"replication": ended.name}
        if ended.result is not None:
            level = logging.INFO if ended.result.in_step else logging.WARNING
            log.log(level, "a run has ended", extra={"fields": fields | summary(ended.result)})
        elif ended.error is not None:
            known = isinstance(ended.error, BrigadeError)
            words = str(ended.error) if known else describe_crash(ended.error)
            log.error("a run could not go on", extra={"fields": fields | {"error": words}})

    def failed(self, error: BrigadeError) -> bool:
        """The process ends with an error; True if that is told."""
        log.critical("%s", error)
        return True

    def stopped(self) -> None:
        """All has ended in good order."""
        log.info("stopped")


def begin_logs(section: LogSection, *, as_json: bool, is_sibling: bool) -> Lines | Events:
    """Set up the log of this process, and give what tells it."""
    as_json = as_json or section.format == "json"
    redactor = Redactor()
    level = logging.getLevelName((section.level or ("info" if as_json else "warning")).upper())
    handler = logging.StreamHandler()
    handler.setFormatter(_json(redactor) if as_json else _OneLine(redactor))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("brigade").setLevel(level)
    logging.getLogger("brigade.access").setLevel(logging.INFO if section.access else logging.CRITICAL)
    if as_json:
        return Events(redactor)
    return Lines(redactor, is_sibling=is_sibling, each_object=level <= logging.INFO)


class _OneLine(logging.Formatter):
    """An error's name and words in place of its traceback."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        words = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        line = one_line(f"{words}: {type(error).__name__}: {error}" if error is not None else words)
        return self._redactor.text(f"note: {line}" if record.levelno >= logging.WARNING else line)


def _json(redactor: Redactor) -> logging.Formatter:
    """One JSON value a line: when, how serious, who says what, then the fields of the event."""
    import structlog

    def fields(_logger: object, _name: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
        record: logging.LogRecord = event["_record"]
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        head = {"timestamp": when, "level": record.levelname.lower(), "logger": record.name, "process": os.getpid()}
        # Where the fields say all, the words for people have a short name instead.
        name = getattr(record, "event", event["event"])
        return {**event, "event": name, **head, **getattr(record, "fields", {})}

    def redact(_logger: object, _name: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
        return redactor.fields(event)

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[fields],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(default=str),
        ],
    )
