"""The keys of a store of type `azure`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from brigade.config.fields import Duration, Secret, Text
from brigade.config.limited import Limited
from brigade.errors import ConfigError
from brigade.stores.base import ListingOrder
from brigade.wire.azureconnection import parse_connection_string


class AzureSection(Limited):
    """A storage account of Azure; its containers are buckets."""

    type: Literal["azure"]
    account: Annotated[Text | None, Field(description="The storage account; told by the endpoint if left out")] = None
    endpoint: Annotated[
        Text | None,
        Field(
            pattern=r"^https?://[^/?#@]+(/[^/?#]+)?/?$",
            description="The URL of the blob service; https://ACCOUNT.blob.core.windows.net if left out",
        ),
    ] = None
    key: Annotated[Secret | None, Field(repr=False, description="A key of the account")] = None
    sas: Annotated[Secret | None, Field(repr=False, description="A shared access signature: sv=…&sig=…")] = None
    connection_string: Annotated[
        Secret | None,
        Field(repr=False, description="Account, endpoint and key or SAS in one: AccountName=…;AccountKey=…"),
    ] = None
    tenant_id: Annotated[Text | None, Field(description="Tenant of a client of Entra ID")] = None
    client_id: Annotated[
        Text | None, Field(description="Client of Entra ID; without client_secret, a managed identity of this machine")
    ] = None
    client_secret: Annotated[Secret | None, Field(repr=False, description="Secret of the client of Entra ID")] = None
    anonymous: Annotated[bool, Field(description="Show no credentials: public containers")] = False
    api_version: Annotated[
        Text | None, Field(pattern=r"^\d{4}-\d\d-\d\d$", description="Version of the REST API to ask for")
    ] = None
    metadata_names: Annotated[
        Literal["identifiers", "encode"],
        Field(description="What becomes of metadata names that are no identifiers: not carried, or carried encoded"),
    ] = "identifiers"
    delete_snapshots: Annotated[
        bool, Field(description="Delete a blob's snapshots with it; if not, a blob that has some is not deleted")
    ] = False
    hierarchical: Annotated[
        bool | None, Field(description="Whether the account has a hierarchical namespace; asked of it if left out")
    ] = None
    listing_order: Annotated[
        ListingOrder | None, Field(strict=False, description="Order of listings; known of the account if left out")
    ] = None
    versions: Annotated[
        Literal["newest", "all"],
        Field(description="Whether snapshots and older versions are objects too; then the store can be a source only"),
    ] = "newest"
    ca_bundle: Annotated[Text | None, Field(description="File with the certificate authorities to trust")] = None
    verify_tls: Annotated[bool, Field(description="Check the certificate of the server")] = True
    connect_timeout: Annotated[Duration | None, Field(description="Give up connecting after")] = None
    idle_timeout: Annotated[Duration | None, Field(description="Give up on a silent connection after")] = None


def azure_mistakes(store: AzureSection) -> Iterator[tuple[str, str]]:
    """What cannot stand together: the key to blame (empty: the store), and why."""
    chosen = [name for name in ("key", "sas", "connection_string", "client_secret") if getattr(store, name) is not None]
    chosen += ["anonymous"] if store.anonymous else []
    if len(chosen) > 1:
        yield "", f"{' and '.join(chosen)} exclude each other: give one"
    if store.client_secret is not None and not (store.tenant_id and store.client_id):
        yield "client_secret", "it needs tenant_id and client_id"
    if store.tenant_id is not None and store.client_secret is None:
        yield "tenant_id", "it goes with client_id and client_secret"
    if store.connection_string is not None:
        if store.account is not None or store.endpoint is not None:
            yield "connection_string", "it names account and endpoint itself: leave them out"
        try:
            parse_connection_string(store.connection_string, "the text")
        except ConfigError as error:
            yield "connection_string", str(error)
