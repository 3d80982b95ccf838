"""The keys of `metrics:`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from brigade.config.fields import Address, Section


class MetricsSection(Section):
    """Metrics and health of each process of `brigade run`, over HTTP."""

    listen: Annotated[Address, Field(description="Address and port: 127.0.0.1:9101, [::1]:9101")] = ("127.0.0.1", 9101)
