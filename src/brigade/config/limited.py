"""What the section of every type of store may say."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from brigade.config.fields import Bandwidth, Count, Section


class Limited(Section):
    """Limits of one store, shared by every replication that uses its endpoint."""

    concurrency: Annotated[Count | None, Field(description="Requests at once")] = None
    requests_per_second: Annotated[float | None, Field(gt=0, strict=False, description="Requests a second")] = None
    bandwidth: Annotated[Bandwidth | None, Field(description="Bytes a second, read and written together")] = None
