"""What the servers that speak S3 really do: one table, filled from experiments, and how a server is recognised."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from brigade.stores.base import Capabilities, ListingOrder
from brigade.stores.s3.settings import Vendor
from brigade.wire.sigv4 import ASCII_BLANKS, SPACES_ONLY, UNICODE_BLANKS


@dataclass(frozen=True, slots=True)
class Traits:
    """One vendor's dialect.

    `blanks`: what its signature check collapses in header values. `encoded_metadata`: values that are not
    ASCII travel as RFC 2047 words. `tells_tag_count`: HEAD and GET name the number of tags, and say nothing for none.
    `quoted_write_match`: If-Match on PUT is quoted, as the standard has it. `conditional_complete`:
    CompleteMultipartUpload looks at conditions. `copy_tags`: CopyObject replaces tags. `encodes_uploads`: keys in
    ListMultipartUploads are encoded though the page does not say so. `path_keys`: keys are
    paths of a file system inside, and some cannot be held. `checksums`: HEAD tells checksums when asked. `loses_etags`:
    an object whose tags were deleted is listed without its ETag, which HEAD still tells.
    """

    capabilities: Capabilities
    blanks: re.Pattern[str] = ASCII_BLANKS
    encoded_metadata: bool = False
    tells_tag_count: bool = False
    quoted_write_match: bool = True
    conditional_complete: bool = True
    copy_tags: bool = True
    encodes_uploads: bool = False
    path_keys: bool = False
    checksums: bool = False
    loses_etags: bool = False


_AWS = Capabilities(
    strict_etags=True,
    part_reads=True,
    conditional_writes=True,
    conditional_deletes=True,
    tags=True,
    storage_classes=True,
    acl=True,
    object_lock=True,
)
# A server nobody has tried: nothing is expected of it that would do harm if it were missing. Part reads are
# checked on each answer, and given up for good at the first that is none.
_GENERIC = Capabilities(part_reads=True)

TRAITS: dict[Vendor, Traits] = {
    Vendor.AWS: Traits(_AWS, encoded_metadata=True, tells_tag_count=True, checksums=True),
    Vendor.CEPH: Traits(
        Capabilities(
            strict_etags=True,
            conditional_writes=True,
            copy_keeps_etag=True,
            tags=True,
            multipart_tags=False,
            listing_tells_tags=True,
            storage_classes=True,
            acl=True,
            object_lock=True,
        ),
        blanks=SPACES_ONLY,
        tells_tag_count=True,
        quoted_write_match=False,
        copy_tags=False,
        encodes_uploads=True,
        conditional_complete=False,
        loses_etags=True,
    ),
    Vendor.SEAWEEDFS: Traits(
        Capabilities(
            strict_etags=True,
            listing_order=ListingOrder.COMPONENTS,
            start_after=False,
            part_reads=True,
            conditional_writes=True,
            copy_keeps_etag=True,
            empty_metadata_values=False,
            tags=True,
            storage_classes=True,
            object_lock=True,
        ),
        blanks=UNICODE_BLANKS,
        tells_tag_count=True,
        path_keys=True,
    ),
    Vendor.MINIO: Traits(
        Capabilities(part_reads=True, conditional_writes=True, tags=True, storage_classes=True, object_lock=True),
        blanks=UNICODE_BLANKS,
        tells_tag_count=True,
    ),
    Vendor.SWIFT: Traits(
        Capabilities(part_reads=True),
        encoded_metadata=True,
        conditional_complete=False,
    ),
    Vendor.MOTO: Traits(
        Capabilities(verifies_md5=False, tags=True, storage_classes=True, acl=True),
        conditional_complete=False,
    ),
    Vendor.GENERIC: Traits(_GENERIC, conditional_complete=False),
}

_CEPH_REQUEST_ID = re.compile(r"tx[0-9a-f]{18,24}-[0-9a-f]{8,12}-[0-9a-f]+-.+").fullmatch


def recognise(headers: Mapping[str, str]) -> Vendor:
    """The vendor that an answer's headers betray; not AWS, whose Server header many others borrow."""
    server = headers.get("server", "").lower()
    for mark, vendor in (
        ("seaweedfs", Vendor.SEAWEEDFS),
        ("minio", Vendor.MINIO),
        ("werkzeug", Vendor.MOTO),
        ("ceph", Vendor.CEPH),
    ):
        if mark in server:
            return vendor
    if "x-openstack-request-id" in headers or "x-trans-id" in headers:
        return Vendor.SWIFT
    is_ceph = any(name.startswith("x-rgw-") for name in headers)
    if is_ceph or _CEPH_REQUEST_ID(headers.get("x-amz-request-id", "")):
        return Vendor.CEPH
    return Vendor.GENERIC
