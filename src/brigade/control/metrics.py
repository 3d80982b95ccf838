"""The metrics in the text format of Prometheus: read at each scrape from the counts of the process and from the state."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from itertools import accumulate, islice
from typing import TYPE_CHECKING

from brigade.clock import Clock
from brigade.control.health import Answer
from brigade.control.meters import Meters
from brigade.control.metric_table import METRICS, Backlogs, Metric, View
from brigade.errors import StateError
from brigade.state.rows import Lag
from brigade.state.state import State
from brigade.telemetry import MOST_LABELS, OTHER, Histogram, label_of

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family
    from prometheus_client.registry import CollectorRegistry

FRESH_SECONDS = 5.0
"""So long what was read of the backlog serves further scrapes; longer where reading it took long."""

_STATE_SECONDS = 3.0
_IN_STEP = Lag(0, None, 0)


class Exposition:
    """Answers scrapes. `names` are the replications to tell of: the state may remember others, long gone."""

    def __init__(self, meters: Meters, state: State, clock: Clock, names: Collection[str]) -> None:
        self.names = names
        self._meters = meters
        self._state = state
        self._clock = clock
        self._backlogs = Backlogs({}, up=False)
        self._stale_seconds = float("-inf")
        self._reading = asyncio.Lock()
        self._view: View | None = None

    def prepare(self) -> None:
        """Load what a scrape needs."""
        self._registry.collect()

    async def answer(self) -> Answer:
        """All metrics in the text format of Prometheus."""
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

        async with self._reading:
            if self._clock.monotonic_seconds() >= self._stale_seconds:
                await self._read_backlogs()
        self._view = View(self._meters, self._backlogs, self._state.commits, self._clock.now_ns())
        return Answer(200, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self._registry))

    async def _read_backlogs(self) -> None:
        began_seconds = self._clock.monotonic_seconds()
        try:
            if self._meters.health.state_trouble:
                raise StateError(self._meters.health.state_trouble)
            async with asyncio.timeout(_STATE_SECONDS):
                names = {row.id: row.name for row in await self._state.replications.all()}
                lags = await self._state.backlog.lags()
        except (StateError, TimeoutError):
            self._backlogs = Backlogs(self._backlogs.lags, up=False)
        else:
            self._backlogs = Backlogs(_by_label(names, lags, self.names), up=True)
        ended_seconds = self._clock.monotonic_seconds()
        self._stale_seconds = ended_seconds + max(FRESH_SECONDS, 20 * (ended_seconds - began_seconds))

    @cached_property
    def _registry(self) -> CollectorRegistry:
        from prometheus_client.process_collector import ProcessCollector
        from prometheus_client.registry import Collector, CollectorRegistry

        exposition = self

        class Families(Collector):
            def collect(self) -> Iterator[Family]:
                return exposition.families()

        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(Families())
        return registry

    def families(self) -> Iterator[Family]:
        """The families of the table, with the samples of the latest scrape."""
        if self._view is not None:
            for metric in METRICS:
                yield _family(metric, self._view)


def _family(metric: Metric, view: View) -> Family:
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    if metric.kind == "histogram":
        histograms = HistogramMetricFamily(metric.name, metric.words, labels=metric.labels)
        for labels, value in metric.read(view):
            assert isinstance(value, Histogram)
            histograms.add_metric(labels, _buckets(value), value.total)
        return histograms
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.words, labels=metric.labels)
    for labels, value in metric.read(view):
        assert not isinstance(value, Histogram)
        family.add_metric(labels, value)
    return family


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Cumulated, as Prometheus wants them."""
    bounds = [*map(str, histogram.bounds), "+Inf"]
    return list(zip(bounds, accumulate(histogram.counts), strict=True))


def _by_label(names: Mapping[int, str], lags: Mapping[int, Lag], wanted: Collection[str]) -> dict[str, Lag]:
    """The lags with those of a wildcard's buckets put together; `wanted` are in step where nothing is known."""
    found = dict.fromkeys(islice(wanted, MOST_LABELS), _IN_STEP)
    for number, lag in lags.items():
        label = label_of(names.get(number, ""))
        if label in wanted:
            label = label if label in found else OTHER
            found[label] = _sum(found.get(label, _IN_STEP), lag)
    return found


def _sum(one: Lag, other: Lag) -> Lag:
    marked = [lag.oldest_marked_ns for lag in (one, other) if lag.oldest_marked_ns is not None]
    return Lag(one.length + other.length, min(marked, default=None), one.parked + other.parked)
