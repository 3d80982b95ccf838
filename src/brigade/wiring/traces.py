"""The exporter of traces, from the configuration. OpenTelemetry is loaded here, and only if traces are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from brigade import __version__
from brigade.clock import Clock
from brigade.errors import ConfigError

if TYPE_CHECKING:
    from brigade.config.observing import TracesSection
    from brigade.control.tracing import Traces

_HINT = "pip install 'bucket-brigade[otel]'"
# What is not exported by then at the end of the process is dropped: a collector that is away must not hold it up.
_EXPORT_SECONDS = 5


@asynccontextmanager
async def opened_traces(section: TracesSection | None, clock: Clock) -> AsyncIterator[Traces | None]:
    """Traces while the block runs; None where none are asked for. Raises `ConfigError` without OpenTelemetry."""
    if section is None:
        yield None
        return
    traces = _open(section, clock)
    try:
        yield traces
    finally:
        await asyncio.to_thread(traces.close)


def _open(section: TracesSection, clock: Clock) -> Traces:
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        raise ConfigError("traces: OpenTelemetry is not installed", hint=_HINT)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    from brigade.control.tracing import Traces

    resource = Resource.create({"service.name": section.service, "service.version": __version__})
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(section.sample)), resource=resource, shutdown_on_exit=False
    )
    exporter = OTLPSpanExporter(endpoint=section.endpoint, timeout=_EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Traces(provider, clock)
