"""The keys of a store of Google Cloud Storage."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from brigade.config.fields import Duration, Secret, Text
from brigade.config.limited import Limited


class GcsSection(Limited):
    """Google Cloud Storage."""

    type: Literal["gcs"]
    endpoint: Annotated[
        Text | None,
        Field(
            pattern=r"^https?://[^/?#@]+/?$",
            description="The URL of the endpoint; STORAGE_EMULATOR_HOST, which is asked without credentials, or Google if left out",
        ),
    ] = None
    credentials_file: Annotated[
        Text | None, Field(description="File of a service account; if left out, what Google's tools would use")
    ] = None
    credentials: Annotated[
        Secret | None, Field(repr=False, description="The text of such a file, instead of the file")
    ] = None
    access_token: Annotated[Secret | None, Field(repr=False, description="A token that is good now")] = None
    anonymous: Annotated[bool, Field(description="No credentials: public buckets")] = False
    project: Annotated[
        Text | None, Field(description="Where buckets are made and listed; that of the credentials if left out")
    ] = None
    user_project: Annotated[Text | None, Field(description="Pays for requests to other people's buckets")] = None
    location: Annotated[Text | None, Field(description="Where a new bucket lies: EU, us-east1")] = None
    storage_class: Annotated[
        Literal["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"] | None, Field(description="Class of a new bucket")
    ] = None
    versions: Annotated[
        Literal["newest", "all"],
        Field(description="Whether older generations are objects too; then the store can be a source only"),
    ] = "newest"
    ca_bundle: Annotated[Text | None, Field(description="File with the certificate authorities to trust")] = None
    verify_tls: Annotated[bool, Field(description="Check the certificate of the server")] = True
    connect_timeout: Annotated[Duration | None, Field(description="Give up connecting after")] = None
    idle_timeout: Annotated[Duration | None, Field(description="Give up on a silent connection after")] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = (self.credentials_file, self.credentials, self.access_token, self.anonymous or None)
        if sum(way is not None for way in ways) > 1:
            raise ValueError("give one of credentials_file, credentials, access_token and anonymous")
        return self
