"""The metrics in the text format of Prometheus: read at each scrape from the counts of the process and from the state."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import TYPE_CHECKING, NamedTuple

from brigade.clock import Clock
from brigade.control.health import Answer
from brigade.control.meters import Meters
from brigade.control.metric_table import METRICS, Backlogs, Metric, Value, View
from brigade.errors import StateError
from brigade.state.rows import Lag
from brigade.state.state import State
from brigade.telemetry import MOST_LABELS, OTHER, Histogram, label_of

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

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

    def prepare(self) -> None:
        """Load what a scrape needs."""
        _render([])

    async def answer(self) -> Answer:
        """All metrics in the text format of Prometheus. What is counted stands still only while it is copied."""
        async with self._reading:
            if self._clock.monotonic_seconds() >= self._stale_seconds:
                await self._read_backlogs()
        view = View(self._meters, self._backlogs, self._state.commits, self._clock.now_ns())
        readings = [
            _Reading(metric, [(labels, _still(value)) for labels, value in metric.read(view)]) for metric in METRICS
        ]
        # With hundreds of replications the text takes a tenth of a second.
        return await asyncio.to_thread(_render, readings)

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


class _Reading(NamedTuple):
    """The samples of one metric as they were."""

    metric: Metric
    samples: list[tuple[tuple[str, ...], Value]]


def _still(value: Value) -> Value:
    return value.copy() if isinstance(value, Histogram) else value


def _render(readings: Sequence[_Reading]) -> Answer:
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
    from prometheus_client.process_collector import ProcessCollector
    from prometheus_client.registry import Collector

    class Page(Collector):
        def collect(self) -> Iterator[Family]:
            yield from ProcessCollector(registry=None).collect()
            yield from map(_family, readings)

    return Answer(200, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(Page()))


def _family(reading: _Reading) -> Family:
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    metric, samples = reading
    if metric.kind == "histogram":
        histograms = HistogramMetricFamily(metric.name, metric.words, labels=metric.labels)
        for labels, value in samples:
            assert isinstance(value, Histogram)
            histograms.add_metric(labels, _buckets(value), value.total)
        return histograms
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.words, labels=metric.labels)
    for labels, value in samples:
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
