"""The keys of `metrics:`, `log:` and `traces:`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from brigade.config.fields import Address, Section, Text


class MetricsSection(Section):
    """Metrics and health of each process of `brigade run`, over HTTP."""

    listen: Annotated[Address, Field(description="Address and port: 127.0.0.1:9101, [::1]:9101")] = ("127.0.0.1", 9101)


class LogSection(Section):
    """What `brigade run` writes while it goes on."""

    format: Annotated[Literal["text", "json"], Field(description="Lines for people, or one JSON value a line")] = "text"
    level: Annotated[
        Literal["debug", "info", "warning", "error"] | None,
        Field(description="The least that is written; info for json, warning for text"),
    ] = None
    access: Annotated[bool, Field(description="A line for each request at the gateway")] = False


class TracesSection(Section):
    """Where traces go, by OpenTelemetry's protocol over HTTP."""

    endpoint: Annotated[
        str, Field(pattern=r"^https?://[^?#]+$", description="Where spans are posted: http://127.0.0.1:4318/v1/traces")
    ] = "http://127.0.0.1:4318/v1/traces"
    sample: Annotated[
        float, Field(ge=0, le=1, description="The part of the requests that is traced, of those without a trace")
    ] = 0.1
    service: Annotated[Text, Field(description="The name of the service")] = "brigade"
