"""Traces: one from a request to the copy that it led to, through the exporter in memory."""

from __future__ import annotations

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased

from brigade.control.tracing import MOST_KEY_CHARACTERS, Noted, Traces
from brigade.engine.report import ActionKind, Outcome
from brigade.gateway.account import Account
from brigade.objects import Proof
from brigade.testing.clock import ManualClock


class Traced:
    """Traces and what they exported."""

    def __init__(self, sampler=ALWAYS_ON):
        self.exporter = InMemorySpanExporter()
        self.clock = ManualClock(auto=False)
        provider = TracerProvider(sampler=ParentBased(sampler), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.traces = Traces(provider, self.clock)

    @property
    def spans(self):
        return {span.name: span for span in self.exporter.get_finished_spans()}


def outcome(key="key", error=None):
    return Outcome(key, ActionKind.COPY, "missing at the target", Proof.MD5, 12, error, 0.25)


@pytest.fixture
def traced():
    return Traced()


def serve(traced, headers=None, keys=None, status=200):
    request = traced.traces.begin(headers or {})
    if keys:
        request.noted(keys)
    account = Account(request)
    account.status = status
    traced.clock.advance(2)
    request.end(account)


def test_a_copy_stands_in_the_trace_of_the_request_that_noted_its_key(traced):
    serve(traced, keys={1: ["key", "other"], 2: ["key"]})
    traced.traces.watching("photos", 1).outcome(outcome())
    request, copy = traced.spans["gateway request"], traced.spans["settle copy"]
    assert copy.parent.span_id == request.context.span_id
    assert copy.context.trace_id == request.context.trace_id
    assert copy.attributes["brigade.replication"] == "photos"
    assert copy.attributes["brigade.key"] == "key"
    assert copy.attributes["brigade.proof"] == "md5"
    assert request.end_time - request.start_time == 2_000_000_000
    assert copy.end_time - copy.start_time == 250_000_000


def test_a_second_copy_has_a_trace_of_its_own_and_the_latest_request_counts(traced):
    serve(traced, keys={1: ["key"]})
    serve(traced, keys={1: ["key"]})
    watching = traced.traces.watching("photos", 1)
    watching.outcome(outcome())
    watching.outcome(outcome())
    _, second, first_copy, second_copy = traced.exporter.get_finished_spans()
    assert first_copy.parent.span_id == second.context.span_id
    assert second_copy.parent is None


def test_the_trace_of_a_client_goes_on(traced):
    serve(traced, {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, {1: ["key"]})
    traced.traces.watching("photos", 1).outcome(outcome())
    for span in traced.spans.values():
        assert f"{span.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"


def test_what_is_not_sampled_is_not_sampled_to_its_end():
    traced = Traced(ALWAYS_OFF)
    serve(traced, keys={1: ["key"]})
    traced.traces.watching("photos", 1).outcome(outcome())
    assert not traced.spans
    asked_for = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    serve(traced, asked_for, keys={1: ["key"]})
    traced.traces.watching("photos", 1).outcome(outcome())
    assert len(traced.spans) == 2


def test_failures_are_marked(traced):
    serve(traced, status=503)
    traced.traces.watching("photos", 1).outcome(outcome(error="no room"))
    assert not traced.spans["gateway request"].status.is_ok
    assert traced.spans["settle copy"].status.description == "no room"


def test_odd_and_endless_keys_are_attributes_too(traced):
    traced.traces.watching("photos", 1).outcome(outcome("\udcff" + "x" * 5000))
    key = traced.spans["settle copy"].attributes["brigade.key"]
    assert key.startswith("\\udcffx")
    assert len(key) <= MOST_KEY_CHARACTERS + 10


def test_only_the_newest_notes_are_remembered():
    noted = Noted(most=2)
    for number, key in enumerate(("a", "b", "a", "c")):
        noted.remember(1, key, number)
    assert [noted.take(1, key) for key in ("a", "b", "c")] == [2, None, 3]


def test_nothing_of_it_is_loaded_where_no_traces_are_asked_for():
    script = (
        "import sys, brigade.wiring.live, brigade.cli.live, brigade.gateway.app, brigade.control.metrics\n"
        "print(*[name for name in sys.modules if name.startswith(('opentelemetry', 'prometheus', 'structlog'))])"
    )
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == ""
