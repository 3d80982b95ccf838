"""Logs: one JSON value a line with the promised fields, text for people, and no secrets in either."""

from __future__ import annotations

import json
import logging

import pytest

from brigade.cli.logs import Events, Lines, begin_logs
from brigade.cli.redacting import STRUCK_OUT, Redactor
from brigade.config.observing import LogSection
from brigade.control.object_log import ObjectLog
from brigade.control.run_all import Ended
from brigade.control.watching import Failures
from brigade.engine.report import ActionKind, Counts, Outcome, RunResult
from brigade.errors import StateError, StoreError
from brigade.gateway.account import Account
from brigade.objects import Proof
from brigade.telemetry import GatewayCounts

COPIED = Outcome("a\nkey", ActionKind.COPY, "missing at the target", Proof.MD5, 12, None, 0.0134)
SKIPPED = Outcome("b", ActionKind.SKIP, "equal", Proof.ETAG, 12)
FAILED = Outcome("c", ActionKind.COPY, "differs", Proof.NONE, 12, "the store says no")


@pytest.fixture(autouse=True)
def loggers():
    """What is set up for one test is no concern of the next one."""
    names = ("", "brigade", "brigade.access")
    before = {name: (logging.getLogger(name).level, list(logging.getLogger(name).handlers)) for name in names}
    yield
    for name, (level, handlers) in before.items():
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).handlers[:] = handlers


def begin(*, as_json=True, **section):
    return begin_logs(LogSection(**section), as_json=as_json, is_sibling=False)


def settle(voice, *outcomes):
    for observer in voice.observers("photos", following=True):
        for outcome in outcomes:
            observer.outcome(outcome)


def lines(capsys):
    read = capsys.readouterr()
    assert not read.out
    return [json.loads(line) for line in read.err.splitlines()]


def test_a_settled_object_is_one_line_with_all_fields(capsys):
    settle(begin(), COPIED)
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("+00:00")
    assert line.pop("process") > 0
    assert line == {
        "event": "object",
        "level": "info",
        "logger": "brigade.objects",
        "replication": "photos",
        "key": "a\nkey",
        "operation": "copy",
        "outcome": "ok",
        "reason": "missing at the target",
        "proof": "md5",
        "bytes": 12,
        "duration_ms": 13.4,
    }


@pytest.mark.parametrize(
    ("level", "keys"), [("debug", ["a\nkey", "b", "c"]), ("info", ["a\nkey", "c"]), ("warning", ["c"]), ("error", [])]
)
def test_the_level_decides_which_objects_are_logged(capsys, level, keys):
    settle(begin(level=level), COPIED, SKIPPED, FAILED)
    assert [line["key"] for line in lines(capsys)] == keys


def test_what_failed_is_one_line_with_its_reason(capsys):
    settle(begin(), FAILED)
    (line,) = lines(capsys)
    assert (line["level"], line["outcome"], line["reason"]) == ("warning", "failed", "the store says no")


def test_troubles_runs_and_the_end_are_events(capsys):
    voice = begin()
    voice.started("gateway: listens")
    voice.trouble("photos", "the store is away")
    voice.ended(Ended("photos", RunResult(Counts(copied=3))), Failures())
    voice.ended(Ended("photos", None, StateError("locked")), Failures())
    assert voice.failed(StateError("no state"))
    voice.stopped()
    found = lines(capsys)
    assert [line["event"] for line in found] == [
        "gateway: listens",
        "the store is away",
        "a run has ended",
        "a run could not go on",
        "no state",
        "stopped",
    ]
    assert [line["level"] for line in found] == ["info", "warning", "info", "error", "critical", "info"]
    assert found[1]["name"] == "photos"
    assert (found[2]["replication"], found[2]["copied"], found[2]["in_step"]) == ("photos", 3, True)
    assert found[3]["error"] == "locked"


def test_what_libraries_log_is_json_too_with_the_traceback_in_its_line(capsys):
    begin()
    try:
        raise ValueError("odd")
    except ValueError:
        logging.getLogger("aiohttp.server").exception("it failed\nhere")
    (line,) = lines(capsys)
    assert (line["event"], line["logger"], line["level"]) == ("it failed\nhere", "aiohttp.server", "error")
    assert "ValueError: odd" in line["exception"]


def test_secrets_are_struck_out_of_words_fields_and_exceptions(capsys):
    voice = begin()
    voice.hide(["canary-secret", "short"])
    voice.trouble("photos", "it said canary-secret and short")
    settle(voice, FAILED._replace(error="signed with canary-secret"))
    try:
        raise ValueError("canary-secret")
    except ValueError:
        logging.getLogger("x").exception("no")
    logging.getLogger("x").warning("y", extra={"fields": {"access_token": "unheard of", "bytes": 3}})
    read = capsys.readouterr().err
    assert "canary-secret" not in read
    found = [json.loads(line) for line in read.splitlines()]
    assert found[0]["event"] == f"it said {STRUCK_OUT} and short"
    assert (found[3]["access_token"], found[3]["bytes"]) == (STRUCK_OUT, 3)


def test_text_stays_as_it_is_for_people(capsys):
    voice = begin(as_json=False)
    assert isinstance(voice, Lines)
    voice.hide(["canary-secret"])
    voice.started("gateway:\nlistens")
    voice.trouble("photos", "away: canary-secret")
    settle(voice, COPIED, SKIPPED)
    settle(voice, FAILED)
    logging.getLogger("brigade.gateway").warning("odd\x1b[31m canary-secret")
    voice.ended(Ended("photos", None, StoreError("gone")), Failures())
    voice.stopped()
    read = capsys.readouterr()
    assert read.out == "gateway: listens\nstopped\n"
    assert read.err.splitlines() == [
        f"note: photos: away: {STRUCK_OUT}",
        "note: photos: 'c' is given up until it changes: the store says no",
        f"note: odd\\x1b[31m {STRUCK_OUT}",
        "note: photos: gone; it is tried again",
    ]


def test_text_tells_of_each_object_where_that_is_asked_for(capsys):
    settle(begin(as_json=False, level="info"), COPIED, SKIPPED)
    assert capsys.readouterr().err == ("photos: copy 'a\\nkey' ok: missing at the target (12 bytes, 13.4 ms)\n")


def test_nothing_is_logged_of_objects_by_default_so_that_nothing_is_paid_for_it():
    assert begin(as_json=False).observers("photos", following=False) == []


def test_requests_are_logged_only_if_that_is_asked_for(capsys):
    begin()
    Account().close(GatewayCounts(), 0.1)
    assert lines(capsys) == []
    begin(access=True, level="error")
    Account().close(GatewayCounts(), 0.1)
    (line,) = lines(capsys)
    assert (line["event"], line["status"], line["duration_ms"]) == ("request", 0, 100.0)


def test_json_is_chosen_by_the_option_or_the_configuration():
    assert isinstance(begin(as_json=False, format="json"), Events)
    assert isinstance(begin(as_json=True, format="text"), Events)


def test_an_object_log_costs_next_to_nothing_where_nobody_listens():
    logging.getLogger("brigade").setLevel(logging.ERROR)
    before = logging.getLogRecordFactory()
    try:
        logging.setLogRecordFactory(None)  # whoever made a record would fail
        ObjectLog("photos").outcome(COPIED)
    finally:
        logging.setLogRecordFactory(before)


def test_the_longest_secret_is_struck_out_whole():
    redactor = Redactor()
    redactor.learn(["secret", "secret-and-more"])
    assert redactor.text("a secret-and-more b secret") == f"a {STRUCK_OUT} b {STRUCK_OUT}"
    redactor.learn(["another"])
    assert redactor.text("another secret") == f"{STRUCK_OUT} {STRUCK_OUT}"
