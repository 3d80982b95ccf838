"""The exposition: what was counted stands there under its name, and a scrape costs the state little."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from prometheus_client.parser import text_string_to_metric_families

from brigade.control.meters import Metered, MeteredRun, Meters
from brigade.control.metric_table import METRICS
from brigade.control.metrics import FRESH_SECONDS, Exposition
from brigade.engine.report import ActionKind, Counts, Outcome, RunResult
from brigade.errors import Refused, StateError
from brigade.objects import Proof
from brigade.state.rows import Lag, ReplicationRow
from brigade.telemetry import MOST_LABELS, Telemetry
from brigade.testing.clock import ManualClock


class FakeState:
    """As much of the state as a scrape reads."""

    def __init__(self):
        self.rows = []
        self.lags_by_id = {}
        self.error = None
        self.reads = 0
        self.commits = 7
        self.replications = self.backlog = self

    async def all(self):
        return self.rows

    async def lags(self):
        self.reads += 1
        if self.error is not None:
            raise self.error
        return self.lags_by_id


@pytest.fixture
def clock():
    return ManualClock(auto=False)


@pytest.fixture
def meters(clock):
    meters = Meters(Telemetry(), clock)
    meters.health._state_trouble = ""
    return meters


@pytest.fixture
def state():
    return FakeState()


@pytest.fixture
def exposition(meters, state, clock):
    return Exposition(meters, state, clock, {"photos", "all"})


async def samples(exposition):
    answer = await exposition.answer()
    assert answer.status == 200
    families = text_string_to_metric_families(answer.body.decode())
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in families
        for sample in family.samples
    }


def outcome(action=ActionKind.COPY, proof=Proof.MD5, size_bytes=10, error=None):
    return Outcome("a/key", action, "why", proof, size_bytes, error)


async def test_objects_and_bytes_by_action_and_proof(meters, exposition):
    metered = Metered(meters.telemetry.replication("photos"))
    for each in (outcome(), outcome(), outcome(ActionKind.SKIP, Proof.ETAG), outcome(error="no")):
        metered.outcome(each)
    found = await samples(exposition)
    assert found["brigade_objects_total", "copy", "md5", "photos"] == 2
    assert found["brigade_objects_total", "skip", "etag", "photos"] == 1
    assert found["brigade_copied_bytes_total", "md5", "photos"] == 20
    assert found["brigade_failed_objects_total", "copy", "photos"] == 1


async def test_a_run_shows_its_progress_and_then_its_result(meters, exposition, clock):
    with MeteredRun(meters.telemetry.replication("photos"), clock) as metered:
        metered.observer.planned(3, 300)
        metered.observer.moved(100)
        metered.observer.outcome(outcome(size_bytes=100))
        found = await samples(exposition)
        assert found["brigade_runs_under_way", "photos"] == 1
        assert found["brigade_run_planned_objects", "photos"] == 3
        assert found["brigade_run_planned_bytes", "photos"] == 300
        assert found["brigade_run_copied_objects", "photos"] == 1
        assert found["brigade_run_moved_bytes", "photos"] == 100
        metered.result = RunResult(Counts(failed=1))
    found = await samples(exposition)
    assert found["brigade_runs_under_way", "photos"] == 0
    assert found["brigade_runs_total", "photos", "failed"] == 1
    assert found["brigade_last_run_timestamp_seconds", "photos"] == clock.now_ns() / 1e9


@pytest.mark.parametrize(
    ("result", "error", "ended"),
    [
        (RunResult(), None, ["done"]),
        (RunResult(refusal="too many"), None, ["refused"]),
        (RunResult(incomplete="no listing"), None, ["failed"]),
        (None, StateError("gone"), ["failed"]),
        (None, asyncio.CancelledError(), ["interrupted"]),
        (None, Refused("another one goes on"), []),
        (None, None, []),
    ],
)
def test_how_a_run_ended_is_counted_once(meters, clock, result, error, ended):
    counts = meters.telemetry.replication("photos")
    with suppress(BaseException), MeteredRun(counts, clock) as metered:
        metered.result = result
        if error is not None:
            raise error
    assert [str(result) for result in counts.ended] == ended
    assert counts.run.active == 0


async def test_ages_are_cumulated_as_prometheus_wants_them(meters, exposition):
    ages = meters.telemetry.replication("photos").ages
    for seconds in (0.07, 0.07, 45.0, 1e9):
        ages.observe(seconds)
    found = await samples(exposition)
    assert found["brigade_change_age_seconds_bucket", "0.05", "photos"] == 0
    assert found["brigade_change_age_seconds_bucket", "0.1", "photos"] == 2
    assert found["brigade_change_age_seconds_bucket", "60.0", "photos"] == 3
    assert found["brigade_change_age_seconds_bucket", "+Inf", "photos"] == 4
    assert found["brigade_change_age_seconds_count", "photos"] == 4


async def test_the_backlog_is_told_with_a_wildcards_buckets_together_and_without_what_is_gone(exposition, state, clock):
    now_ns = clock.now_ns()
    names = {1: "photos", 2: "all/a", 3: "all/b", 4: "removed"}
    state.rows = [ReplicationRow(number, name, str(number)) for number, name in names.items()]
    state.lags_by_id = {
        2: Lag(5, now_ns - 10_000_000_000, 1),
        3: Lag(7, now_ns - 30_000_000_000, 2),
        4: Lag(9, 0, 9),
        99: Lag(1, 0, 0),
    }
    found = await samples(exposition)
    assert found["brigade_backlog_keys", "all"] == 12
    assert found["brigade_lag_seconds", "all"] == 30
    assert found["brigade_parked_keys", "all"] == 3
    assert found["brigade_backlog_keys", "photos"] == 0
    assert found["brigade_lag_seconds", "photos"] == 0
    assert not [key for key in found if "removed" in key]


async def test_the_state_is_read_once_in_a_while_and_its_failure_is_a_metric(exposition, state, clock):
    state.rows = [ReplicationRow(1, "photos", "1")]
    state.lags_by_id = {1: Lag(4, None, 0)}
    for _ in range(3):
        assert (await samples(exposition))["brigade_state_up",] == 1
    assert state.reads == 1
    clock.advance(FRESH_SECONDS)
    state.error = StateError("away")
    found = await samples(exposition)
    assert (found["brigade_state_up",], found["brigade_backlog_keys", "photos"]) == (0, 4)
    assert state.reads == 2


async def test_a_state_that_does_not_answer_is_not_asked_again(exposition, state, meters):
    meters.health._state_trouble = "away"
    assert (await samples(exposition))["brigade_state_up",] == 0
    assert state.reads == 0


async def test_feeds_and_stores_and_the_gateway_are_told(meters, exposition):
    telemetry = meters.telemetry
    telemetry.count_request("ceph", "get", "Throttled")
    telemetry.retries["ceph", "get"] += 1
    meters.feed("watch", "photos").marked += 3
    telemetry.gateway.count("put", 200, 0.3)
    telemetry.gateway.note_failures["note"] += 1
    telemetry.reloads["refused"] += 1
    found = await samples(exposition)
    assert found["brigade_store_requests_total", "get", "Throttled", "ceph"] == 1
    assert found["brigade_store_retries_total", "get", "ceph"] == 1
    assert found["brigade_feed_changes_total", "watch", "photos", "marked"] == 3
    assert found["brigade_gateway_requests_total", "put", "2xx"] == 1
    assert found["brigade_gateway_request_seconds_sum", "put"] == 0.3
    assert found["brigade_gateway_note_failures_total", "note"] == 1
    assert found["brigade_configuration_reloads_total", "refused"] == 1
    assert found["brigade_state_commits_total",] == 7


async def test_labels_that_look_like_syntax_are_escaped(meters, exposition):
    meters.telemetry.count_request('a"b\nc\\', "get", "ok")
    assert (await samples(exposition))["brigade_store_requests_total", "get", "ok", 'a"b\nc\\'] == 1


async def test_more_replications_than_labels_end_in_one_bucket(meters, state, clock):
    names = [f"r{number:05}" for number in range(MOST_LABELS + 20)]
    state.rows = [ReplicationRow(number, name, name) for number, name in enumerate(names)]
    state.lags_by_id = {number: Lag(1, None, 0) for number in range(len(names))}
    found = await samples(Exposition(meters, state, clock, names))
    assert found["brigade_backlog_keys", "other"] == 20
    assert len([key for key in found if key[0] == "brigade_backlog_keys"]) == MOST_LABELS + 1


def test_names_follow_the_rules():
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    for metric in METRICS:
        assert metric.name.startswith("brigade_")
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.words and not metric.words.endswith(".")
