"""The keys of `stores:`, one section for each type of store."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from brigade.config.azure import AzureSection as AzureSection
from brigade.config.feeds import QueueSection
from brigade.config.fields import Count, Duration, Secret, Size, Text
from brigade.config.gcs import GcsSection as GcsSection
from brigade.config.limited import Limited as Limited
from brigade.config.swift import SwiftSection as SwiftSection
from brigade.stores.base import ListingOrder


class S3Section(Limited):
    """An S3-compatible endpoint."""

    type: Literal["s3"]
    endpoint: Annotated[
        Text | None, Field(pattern=r"^https?://[^/?#@]+/?$", description="The URL of the endpoint; AWS if left out")
    ] = None
    region: Annotated[Text | None, Field(description="The region to sign for; found out if left out")] = None
    access_key: Annotated[Text | None, Field(description="Access key; if left out, what AWS tools would use")] = None
    secret_key: Annotated[Secret | None, Field(repr=False, description="Secret key")] = None
    session_token: Annotated[Secret | None, Field(repr=False, description="Session token of temporary keys")] = None
    profile: Annotated[Text | None, Field(description="Profile of the AWS configuration files")] = None
    anonymous: Annotated[bool, Field(description="Sign nothing: public buckets")] = False
    addressing: Annotated[
        Literal["auto", "path", "virtual"], Field(description="Where the name of the bucket stands in the URL")
    ] = "auto"
    ca_bundle: Annotated[Text | None, Field(description="File with the certificate authorities to trust")] = None
    verify_tls: Annotated[bool, Field(description="Check the certificate of the server")] = True
    connect_timeout: Annotated[Duration | None, Field(description="Give up connecting after")] = None
    idle_timeout: Annotated[Duration | None, Field(description="Give up on a silent connection after")] = None
    vendor: Annotated[
        Literal["auto", "aws", "ceph", "seaweedfs", "minio", "swift", "moto", "generic"],
        Field(description="Whose S3 it is; asked of the server if left out"),
    ] = "auto"
    encryption: Annotated[
        Literal["none", "sse-s3", "sse-kms", "sse-c"], Field(description="How the server encrypts what is written")
    ] = "none"
    kms_key: Annotated[
        Text | None, Field(description="Key for sse-kms; the default key of the account if left out")
    ] = None
    customer_key: Annotated[Secret | None, Field(repr=False, description="Key for sse-c: 32 bytes in base64")] = None
    listing_order: Annotated[
        ListingOrder | None, Field(strict=False, description="Order of listings; known of the vendor if left out")
    ] = None
    min_part_size: Annotated[Size | None, Field(description="Smallest part of a multipart upload")] = None
    max_part_size: Annotated[Size | None, Field(description="Largest part of a multipart upload")] = None
    max_parts: Annotated[Count | None, Field(description="Most parts of a multipart upload")] = None
    requester_pays: Annotated[bool, Field(description="Accept to pay for requests to other people's buckets")] = False
    queue: Annotated[QueueSection | None, Field(description="The queue of SQS that its buckets send events to")] = None


class FileSection(Limited):
    """A directory."""

    type: Literal["file"]
    root: Annotated[Text, Field(description="The directory; relative ones start beside the configuration file")]
    symlinks: Annotated[Literal["skip", "follow", "store"], Field(description="What becomes of symbolic links")] = (
        "skip"
    )
    fsync: Annotated[bool, Field(description="Make each file durable before it counts as copied")] = True
    one_file_system: Annotated[bool, Field(description="Leave out directories on other devices")] = False
    read_threads: Annotated[Count | None, Field(description="Threads that read; more for slow disks")] = None
    write_threads: Annotated[Count | None, Field(description="Threads that write")] = None


class MemorySection(Limited):
    """A store in the memory of this process, for tests and for trying a configuration out."""

    type: Literal["memory"]


StoreSection = Annotated[
    S3Section | GcsSection | AzureSection | SwiftSection | FileSection | MemorySection, Field(discriminator="type")
]
