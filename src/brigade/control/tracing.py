"""Traces by OpenTelemetry: a span for each request at the gateway, and one for each change that is settled.

Both stand in one trace where the same process noted the change and settled it: which request noted a key last is
remembered for the newest `MOST_NOTED` of them, in memory. Between processes nothing is passed on: a column for it would
cost every row of the backlog, so the spans only carry the same replication and key.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from brigade.clock import Clock
from brigade.engine.report import Outcome

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, SpanContext

MOST_NOTED = 10_000
MOST_KEY_CHARACTERS = 1024

_SECOND_NS = 1_000_000_000


class Served(Protocol):
    """A request as its span tells it: `brigade.gateway.account.Account` is one."""

    @property
    def kind(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def bucket(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def received_bytes(self) -> int: ...

    status: int
    sent_bytes: int


class RequestTrace:
    """The span of one request under way."""

    __slots__ = ("_clock", "_noted", "_span")

    def __init__(self, span: Span, noted: Noted, clock: Clock) -> None:
        self._span = span
        self._noted = noted
        self._clock = clock

    def noted(self, keys: Mapping[int, Sequence[str]]) -> None:
        """These keys of replications may change by this request."""
        context = self._span.get_span_context()
        for replication_id, changed in keys.items():
            for key in changed:
                self._noted.remember(replication_id, key, context)

    def end(self, served: Served) -> None:
        """The request has been served."""
        span = self._span
        if span.is_recording():
            from opentelemetry.trace import Status, StatusCode

            span.update_name(f"gateway {served.operation or 'request'}")
            span.set_attributes(
                {
                    "rpc.system": "aws-api",
                    "rpc.method": served.operation,
                    "http.response.status_code": served.status,
                    "brigade.operation": served.kind,
                    "brigade.bucket": served.bucket,
                    "brigade.key": _text(served.key),
                    "brigade.received_bytes": served.received_bytes,
                    "brigade.sent_bytes": served.sent_bytes,
                }
            )
            if not 0 < served.status < 500:
                span.set_status(Status(StatusCode.ERROR))
        span.end(self._clock.now_ns())


class Noted:
    """Which request noted a key last."""

    def __init__(self, most: int = MOST_NOTED) -> None:
        self._most = most
        self._contexts: OrderedDict[tuple[int, str], SpanContext] = OrderedDict()

    def remember(self, replication_id: int, key: str, context: SpanContext) -> None:
        contexts = self._contexts
        contexts[replication_id, key] = context
        contexts.move_to_end((replication_id, key))
        if len(contexts) > self._most:
            contexts.popitem(last=False)

    def take(self, replication_id: int, key: str) -> SpanContext | None:
        """The request, once."""
        return self._contexts.pop((replication_id, key), None)


class Traces:
    """The tracer of a process. What it is given to export is the provider's concern."""

    def __init__(self, provider: TracerProvider, clock: Clock) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("brigade")
        self._clock = clock
        self._noted = Noted()
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, headers: Mapping[str, str]) -> RequestTrace:
        """A request has come; its own trace goes on here if it brings one (`traceparent`)."""
        from opentelemetry.trace import SpanKind

        came_with = {name: value for name in ("traceparent", "tracestate") if (value := headers.get(name))}
        context = self._propagator.extract(came_with) if came_with else None
        span = self._tracer.start_span(
            "gateway request", context, kind=SpanKind.SERVER, start_time=self._clock.now_ns()
        )
        return RequestTrace(span, self._noted, self._clock)

    def watching(self, replication: str, replication_id: int) -> TracedObjects:
        """An observer of the changes of a replication."""
        return TracedObjects(self, replication, replication_id)

    def settled(self, replication: str, replication_id: int, outcome: Outcome) -> None:
        """A span for what has just been settled, below the request that noted it, if that is known."""
        from opentelemetry.trace import SpanKind, Status, StatusCode

        now_ns = self._clock.now_ns()
        span = self._tracer.start_span(
            f"settle {outcome.action}",
            self._context_of(replication_id, outcome.key),
            kind=SpanKind.CONSUMER,
            start_time=now_ns - round(outcome.duration_seconds * _SECOND_NS),
        )
        if span.is_recording():
            span.set_attributes(
                {
                    "brigade.replication": replication,
                    "brigade.key": _text(outcome.key),
                    "brigade.action": outcome.action,
                    "brigade.reason": outcome.reason,
                    "brigade.proof": outcome.proof,
                    "brigade.size_bytes": outcome.size_bytes,
                }
            )
            if outcome.error is not None:
                span.set_status(Status(StatusCode.ERROR, outcome.error))
        span.end(now_ns)

    def close(self) -> None:
        """Export what is left, and end. Blocks."""
        self._provider.shutdown()

    def _context_of(self, replication_id: int, key: str) -> Context | None:
        from opentelemetry.trace import NonRecordingSpan, set_span_in_context

        noted = self._noted.take(replication_id, key)
        return None if noted is None else set_span_in_context(NonRecordingSpan(noted))


class TracedObjects:
    """An observer that makes a span of each outcome."""

    def __init__(self, traces: Traces, replication: str, replication_id: int) -> None:
        self._traces = traces
        self._replication = replication
        self._replication_id = replication_id

    def outcome(self, outcome: Outcome) -> None:
        self._traces.settled(self._replication, self._replication_id, outcome)

    def planned(self, objects: int, size_bytes: int) -> None:
        """Of no interest here."""

    def moved(self, size_bytes: int) -> None:
        """Of no interest here."""


def _text(key: str) -> str:
    """A key as an attribute: valid Unicode, and not without end."""
    return key[:MOST_KEY_CHARACTERS].encode("utf-8", "backslashreplace").decode()
