"""The keys of a store of type `swift`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from brigade.config.fields import Duration, Secret, Text
from brigade.config.limited import Limited


class SwiftSection(Limited):
    """An account of OpenStack Swift."""

    type: Literal["swift"]
    auth_url: Annotated[
        Text | None, Field(description="URL of the log-in: Swift's own (…/auth/v1.0) or Keystone's")
    ] = None
    auth_version: Annotated[
        Literal["1", "2", "3"] | None,
        Field(description="Version of the log-in; told by the end of auth_url if left out"),
    ] = None
    user: Annotated[Text | None, Field(description="User; account:user for version 1")] = None
    key: Annotated[Secret | None, Field(repr=False, description="Password of the user")] = None
    user_domain_name: Annotated[Text | None, Field(description="Domain of the user, by name")] = None
    user_domain_id: Annotated[Text | None, Field(description="Domain of the user, by id")] = None
    project_name: Annotated[Text | None, Field(description="Project (tenant), by name")] = None
    project_id: Annotated[Text | None, Field(description="Project (tenant), by id")] = None
    project_domain_name: Annotated[Text | None, Field(description="Domain of the project, by name")] = None
    project_domain_id: Annotated[Text | None, Field(description="Domain of the project, by id")] = None
    application_credential_id: Annotated[Text | None, Field(description="Application credential, by id")] = None
    application_credential_name: Annotated[
        Text | None, Field(description="Application credential, by name; needs the user")
    ] = None
    application_credential_secret: Annotated[
        Secret | None, Field(repr=False, description="Secret of the application credential")
    ] = None
    region: Annotated[Text | None, Field(description="Region of the endpoint in Keystone's catalogue")] = None
    interface: Annotated[
        Literal["public", "internal", "admin"], Field(description="Which of its addresses to take from the catalogue")
    ] = "public"
    storage_url: Annotated[Text | None, Field(description="URL of the account, instead of what the log-in answers")] = (
        None
    )
    token: Annotated[Secret | None, Field(repr=False, description="A token got elsewhere; goes with storage_url")] = (
        None
    )
    account: Annotated[Text | None, Field(description="Another account than the log-in's own: AUTH_…")] = None
    segments_container: Annotated[
        Text | None, Field(description="Container for segments; the container's name with _segments if left out")
    ] = None
    storage_policy: Annotated[Text | None, Field(description="Storage policy of containers that are made")] = None
    dlo: Annotated[
        Literal["segments", "flatten", "ignore"] | bool,
        Field(
            description="Dynamic large objects: copies keep their segments as parts, or do not, or nobody looks for them"
        ),
    ] = "segments"
    delete_segments: Annotated[bool, Field(description="Delete the segments of a large object with it")] = True
    encode_metadata_names: Annotated[
        bool, Field(description="Carry metadata names that Swift would drop percent-encoded, instead of failing")
    ] = False
    ca_bundle: Annotated[Text | None, Field(description="File with the certificate authorities to trust")] = None
    verify_tls: Annotated[bool, Field(description="Check the certificate of the server")] = True
    connect_timeout: Annotated[Duration | None, Field(description="Give up connecting after")] = None
    idle_timeout: Annotated[Duration | None, Field(description="Give up on a silent connection after")] = None


class Mistake(NamedTuple):
    """A key (or empty, for the section) and what is wrong with it."""

    key: str
    words: str


def swift_mistakes(section: SwiftSection) -> Iterator[Mistake]:
    """What the credentials of a section lack."""
    for key in ("auth_url", "storage_url"):
        url = getattr(section, key)
        if url is not None and not url.startswith(("https://", "http://")):
            yield Mistake(key, "must be a URL: https://host:port/path")
    if section.token is not None:
        if section.storage_url is None:
            yield Mistake("token", "a token needs a storage_url")
        return
    if section.auth_url is None:
        yield Mistake("", "needs auth_url with user and key, or token and storage_url")
    elif section.application_credential_secret is not None:
        if section.auth_version in ("1", "2"):
            yield Mistake("auth_version", "application credentials need version 3")
        by_name = section.application_credential_name is not None and section.user is not None
        if section.application_credential_id is None and not by_name:
            yield Mistake("", "the application credential needs its id, or its name and the user")
    elif section.user is None or section.key is None:
        yield Mistake("", "user and key belong together: give both, or an application credential")
