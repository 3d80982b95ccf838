"""The keys of `api:`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from brigade.config.fields import Address, Count, Section
from brigade.config.gateway import TlsSection


class ApiSection(Section):
    """The control API and the pages, for people and programs that look and act."""

    listen: Annotated[Address, Field(description="Address and port: 127.0.0.1:9100, [::1]:9100")] = ("127.0.0.1", 9100)
    requests_per_second: Annotated[
        float | None, Field(gt=0, strict=False, description="Requests a second of one client; null for any number")
    ] = 50.0
    burst: Annotated[Count, Field(description="Requests that one client may make at once")] = 200
    tls: Annotated[TlsSection | None, Field(description="Serve HTTPS with this certificate")] = None
