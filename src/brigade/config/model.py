"""The whole configuration as one typed value, and its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from brigade.config.api import ApiSection
from brigade.config.feeds import WebhookSection
from brigade.config.fields import Secret, Section, Text
from brigade.config.gateway import GatewaySection
from brigade.config.observing import LogSection, MetricsSection, TracesSection
from brigade.config.replications import ReplicationSection
from brigade.config.stores import StoreSection


class Config(Section):
    """`brigade.yaml`."""

    state: Annotated[
        Text | None, Field(description="Where Brigade remembers: sqlite:///path or postgresql://…; by default a file")
    ] = None
    stores: Annotated[dict[str, StoreSection], Field(description="Endpoints and directories by name")] = Field(
        default_factory=dict
    )
    replications: Annotated[dict[str, ReplicationSection], Field(description="What is kept in step, by name")] = Field(
        default_factory=dict
    )
    seal_key: Annotated[
        Secret | None, Field(repr=False, description="Seals the secrets of what is set up at run time")
    ] = None
    api: Annotated[ApiSection | None, Field(description="The control API and the pages")] = None
    gateway: Annotated[GatewaySection | None, Field(description="An S3 endpoint in front of the stores")] = None
    webhook: Annotated[WebhookSection | None, Field(description="Where stores post their events")] = None
    log: Annotated[LogSection, Field(description="What `brigade run` writes while it goes on")] = LogSection()
    traces: Annotated[TracesSection | None, Field(description="Where traces go")] = None
    metrics: Annotated[MetricsSection | None, Field(description="Where metrics and health are told over HTTP")] = None


def json_schema() -> dict[str, Any]:
    """The JSON Schema of `brigade.yaml`, for editors and reviews."""
    schema = Config.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "brigade.yaml"}
