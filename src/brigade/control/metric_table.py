"""The metrics of a process as a table: name, labels, and where the value comes from. Nothing is counted here.

What they are good for stands in docs/reference/metrics.md.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from brigade import __version__
from brigade.control.meters import Meters
from brigade.state.rows import Lag
from brigade.telemetry import Histogram, ReplicationCounts

_SECOND_NS = 1_000_000_000

Value = float | Histogram
Samples = Iterable[tuple[tuple[str, ...], Value]]


class Backlogs(NamedTuple):
    """How far each replication is behind, by label, as of some moment."""

    lags: dict[str, Lag]
    up: bool


class View(NamedTuple):
    """All that one scrape looks at."""

    meters: Meters
    backlogs: Backlogs
    commits: int
    now_ns: int


class Metric(NamedTuple):
    """One family. Counters end in `_total`; the unit stands last before that."""

    name: str
    kind: str
    labels: tuple[str, ...]
    words: str
    read: Callable[[View], Samples]


def _of_replications(read: Callable[[ReplicationCounts], Value]) -> Callable[[View], Samples]:
    return lambda view: [((name,), read(each)) for name, each in view.meters.telemetry.replications.items()]


def _objects(view: View) -> Iterator[tuple[tuple[str, ...], Value]]:
    for name, counts in view.meters.telemetry.replications.items():
        for (action, proof), count in counts.objects.items():
            yield (name, action, proof), count


def _copied_bytes(view: View) -> Iterator[tuple[tuple[str, ...], Value]]:
    for name, counts in view.meters.telemetry.replications.items():
        for proof, size_bytes in counts.copied_bytes.items():
            yield (name, proof), size_bytes


def _failed(view: View) -> Iterator[tuple[tuple[str, ...], Value]]:
    for name, counts in view.meters.telemetry.replications.items():
        for action, count in counts.failed.items():
            yield (name, action), count


def _ended_runs(view: View) -> Iterator[tuple[tuple[str, ...], Value]]:
    for name, counts in view.meters.telemetry.replications.items():
        for result, count in counts.ended.items():
            yield (name, result), count


def _last_runs(view: View) -> Iterator[tuple[tuple[str, ...], Value]]:
    for name, counts in view.meters.telemetry.replications.items():
        if counts.ended_ns:
            yield (name,), counts.ended_ns / _SECOND_NS


def _lag_seconds(view: View) -> Iterator[tuple[tuple[str, ...], Value]]:
    for name, lag in view.backlogs.lags.items():
        oldest_ns = view.now_ns if lag.oldest_marked_ns is None else lag.oldest_marked_ns
        yield (name,), max(0, view.now_ns - oldest_ns) / _SECOND_NS


def _feed_changes(view: View) -> Iterator[tuple[tuple[str, ...], Value]]:
    for (kind, name), counts in view.meters.feeds.items():
        for result in ("marked", "ignored", "failed", "refused"):
            yield (kind, name, result), getattr(counts, result)


_REPLICATION = ("replication",)

METRICS = (
    Metric(
        "brigade_build_info",
        "gauge",
        ("version", "python"),
        "Always 1; the labels say what runs",
        lambda _: [((__version__, platform.python_version()), 1)],
    ),
    Metric(
        "brigade_ready",
        "gauge",
        (),
        "1 if /readyz answers 200",
        lambda view: [((), int(not view.meters.health.reasons()))],
    ),
    Metric(
        "brigade_event_loop_delay_seconds",
        "gauge",
        (),
        "How late the event loop came back, the longest of the last half minute",
        lambda view: [((), view.meters.health.loop_delay_seconds)],
    ),
    Metric(
        "brigade_configuration_valid",
        "gauge",
        (),
        "0 if the latest reading of the configuration was refused",
        lambda view: [((), int(not view.meters.health.refused))],
    ),
    Metric(
        "brigade_configuration_reloads_total",
        "counter",
        ("result",),
        "Readings of the configuration after the first: ok or refused",
        lambda view: [((result,), view.meters.telemetry.reloads[result]) for result in ("ok", "refused")],
    ),
    Metric("brigade_state_up", "gauge", (), "1 if the state answers", lambda view: [((), int(view.backlogs.up))]),
    Metric(
        "brigade_state_commits_total",
        "counter",
        (),
        "Transactions that this process wrote to the state",
        lambda view: [((), view.commits)],
    ),
    Metric(
        "brigade_backlog_keys",
        "gauge",
        _REPLICATION,
        "Keys that wait or are in work, as the state knows them",
        lambda view: [((name,), lag.length) for name, lag in view.backlogs.lags.items()],
    ),
    Metric(
        "brigade_parked_keys",
        "gauge",
        _REPLICATION,
        "Keys that were given up and wait for a decision, as the state knows them",
        lambda view: [((name,), lag.parked) for name, lag in view.backlogs.lags.items()],
    ),
    Metric(
        "brigade_lag_seconds", "gauge", _REPLICATION, "Age of the oldest change that waits, 0 if none", _lag_seconds
    ),
    Metric(
        "brigade_change_age_seconds",
        "histogram",
        _REPLICATION,
        "Age of changes when they were settled: the recovery point that was kept",
        _of_replications(lambda counts: counts.ages),
    ),
    Metric(
        "brigade_change_retries_total",
        "counter",
        _REPLICATION,
        "Attempts at changes that failed and are made again",
        _of_replications(lambda counts: counts.retried),
    ),
    Metric(
        "brigade_changes_parked_total",
        "counter",
        _REPLICATION,
        "Changes that were given up",
        _of_replications(lambda counts: counts.parked),
    ),
    Metric(
        "brigade_changes_again_total",
        "counter",
        _REPLICATION,
        "Keys that changed again while they were in work",
        _of_replications(lambda counts: counts.again),
    ),
    Metric(
        "brigade_leases_lost_total",
        "counter",
        _REPLICATION,
        "Claims that another process took over",
        _of_replications(lambda counts: counts.leases_lost),
    ),
    Metric(
        "brigade_objects_total",
        "counter",
        ("replication", "action", "proof"),
        "Objects settled, by what was done and how that was proven",
        _objects,
    ),
    Metric(
        "brigade_copied_bytes_total",
        "counter",
        ("replication", "proof"),
        "Bytes of the objects that were copied",
        _copied_bytes,
    ),
    Metric(
        "brigade_failed_objects_total",
        "counter",
        ("replication", "action"),
        "Objects that failed in a run or were given up",
        _failed,
    ),
    Metric(
        "brigade_runs_total",
        "counter",
        ("replication", "result"),
        "Runs that ended and that this process had a part in, by result",
        _ended_runs,
    ),
    Metric(
        "brigade_last_run_timestamp_seconds",
        "gauge",
        _REPLICATION,
        "When the last run of this process ended, since 1970",
        _last_runs,
    ),
    Metric(
        "brigade_runs_under_way",
        "gauge",
        _REPLICATION,
        "Runs that go on in this process",
        _of_replications(lambda counts: counts.run.active),
    ),
    Metric(
        "brigade_run_planned_objects",
        "gauge",
        _REPLICATION,
        "Objects that the last run found to copy; grows while it lists",
        _of_replications(lambda counts: counts.run.planned_objects),
    ),
    Metric(
        "brigade_run_planned_bytes",
        "gauge",
        _REPLICATION,
        "Their bytes",
        _of_replications(lambda counts: counts.run.planned_bytes),
    ),
    Metric(
        "brigade_run_copied_objects",
        "gauge",
        _REPLICATION,
        "Objects that the last run has copied",
        _of_replications(lambda counts: counts.run.copied_objects),
    ),
    Metric(
        "brigade_run_moved_bytes",
        "gauge",
        _REPLICATION,
        "Bytes that the last run has brought to the target",
        _of_replications(lambda counts: counts.run.moved_bytes),
    ),
    Metric(
        "brigade_store_requests_total",
        "counter",
        ("store", "operation", "outcome"),
        "Requests to stores, each attempt: ok or the class of the error",
        lambda view: view.meters.telemetry.requests.items(),
    ),
    Metric(
        "brigade_store_retries_total",
        "counter",
        ("store", "operation"),
        "Requests to stores that were made again",
        lambda view: view.meters.telemetry.retries.items(),
    ),
    Metric(
        "brigade_store_read_bytes_total",
        "counter",
        ("store",),
        "Bytes read from stores",
        lambda view: [((name,), size) for name, size in view.meters.telemetry.read_bytes.items()],
    ),
    Metric(
        "brigade_store_written_bytes_total",
        "counter",
        ("store",),
        "Bytes written to stores",
        lambda view: [((name,), size) for name, size in view.meters.telemetry.written_bytes.items()],
    ),
    Metric(
        "brigade_feed_changes_total",
        "counter",
        ("feed", "name", "result"),
        "Changes that feeds were told of: marked, ignored, failed; refused are senders turned away",
        _feed_changes,
    ),
    Metric(
        "brigade_feed_rescans_total",
        "counter",
        ("feed", "name"),
        "Rescans that feeds asked for, since they may have missed something",
        lambda view: [(label, counts.rescans) for label, counts in view.meters.feeds.items()],
    ),
    Metric(
        "brigade_gateway_requests_total",
        "counter",
        ("operation", "status"),
        "Requests of clients, by class of operation and of status",
        lambda view: view.meters.telemetry.gateway.requests.items(),
    ),
    Metric(
        "brigade_gateway_request_seconds",
        "histogram",
        ("operation",),
        "Time from the head of a request to the end of its answer",
        lambda view: [((kind,), histogram) for kind, histogram in view.meters.telemetry.gateway.seconds.items()],
    ),
    Metric(
        "brigade_gateway_requests_under_way",
        "gauge",
        (),
        "Requests that are being served",
        lambda view: [((), view.meters.telemetry.gateway.under_way)],
    ),
    Metric(
        "brigade_gateway_received_bytes_total",
        "counter",
        (),
        "Bytes of the bodies that clients sent",
        lambda view: [((), view.meters.telemetry.gateway.received_bytes)],
    ),
    Metric(
        "brigade_gateway_sent_bytes_total",
        "counter",
        (),
        "Bytes sent to clients",
        lambda view: [((), view.meters.telemetry.gateway.sent_bytes)],
    ),
    Metric(
        "brigade_gateway_notes_total",
        "counter",
        (),
        "Writes that were noted on the backlog before they went on",
        lambda view: [((), view.meters.telemetry.gateway.noted)],
    ),
    Metric(
        "brigade_gateway_note_failures_total",
        "counter",
        ("step",),
        "Writes that could not be noted (note) or settled (settle)",
        lambda view: [((step,), view.meters.telemetry.gateway.note_failures[step]) for step in ("note", "settle")],
    ),
)
