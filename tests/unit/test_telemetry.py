"""Counters: histograms, labels that end."""

from __future__ import annotations

from brigade.telemetry import MOST_LABELS, OTHER, GatewayCounts, Histogram, ReplicationCounts, Telemetry


def test_a_value_on_a_bound_counts_below_it_and_one_above_all_bounds_counts_last():
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 7.0):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.total == 12.0


def test_the_buckets_of_a_wildcard_share_the_counts_of_the_wildcard():
    telemetry = Telemetry()
    telemetry.replication("all/photos").parked += 1
    telemetry.replication("all/films").parked += 1
    assert {name: counts.parked for name, counts in telemetry.replications.items()} == {"all": 2}


def test_labels_have_an_end_and_what_comes_later_is_counted_together():
    telemetry = Telemetry()
    for number in range(MOST_LABELS + 50):
        telemetry.replication(f"r{number}").retried += 1
    assert len(telemetry.replications) == MOST_LABELS + 1
    assert telemetry.replications[OTHER].retried == 50
    telemetry.replication("r7").retried += 1
    assert telemetry.replications["r7"].retried == 2


def test_a_new_run_begins_with_nothing_and_two_at_once_are_counted_together():
    counts = ReplicationCounts()
    counts.begin_run()
    counts.run.planned_objects = 5
    counts.begin_run()
    assert (counts.run.active, counts.run.planned_objects) == (2, 5)
    counts.end_run("done", 1)
    counts.end_run("failed", 2)
    assert (counts.run.active, counts.ended, counts.ended_ns) == (0, {"done": 1, "failed": 1}, 2)
    counts.begin_run()
    assert counts.run.planned_objects == 0


def test_a_request_without_an_answer_counts_as_cut():
    counts = GatewayCounts()
    counts.count("get", 206, 0.1)
    counts.count("get", 0, 0.1)
    assert counts.requests == {("get", "2xx"): 1, ("get", "cut"): 1}
    assert sum(counts.seconds["get"].counts) == 2
