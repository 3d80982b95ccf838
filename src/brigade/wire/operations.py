"""What a request does, told from its method, its path and its sub-resource: one table.

A sub-resource that the table does not know is forwarded all the same; unless it reads, it counts as a change.
"""

from __future__ import annotations

from collections.abc import Container
from enum import Enum
from typing import NamedTuple


class Touches(Enum):
    """Which keys a request may change."""

    NOTHING = "nothing"
    KEY = "key"
    LISTED = "listed"  # the keys in the body of a bulk deletion
    FORM = "form"  # the key in a form field
    BUCKET = "bucket"


class Operation(NamedTuple):
    """A request by its published name, and what it may change."""

    name: str
    touches: Touches = Touches.NOTHING


_KEY, _BUCKET, _NOTHING = Touches.KEY, Touches.BUCKET, Touches.NOTHING

# The sub-resources that name an operation, in the order in which they are looked for.
_KEY_RESOURCES = (
    "uploadId", "uploads", "tagging", "acl", "retention", "legal-hold", "attributes", "restore", "select", "torrent",
    "renameObject", "encryption",
)  # fmt: skip
_BUCKET_RESOURCES = (
    "delete", "uploads", "versions", "location", "versioning", "acl", "policy", "policyStatus", "cors", "lifecycle",
    "tagging", "notification", "replication", "website", "encryption", "logging", "accelerate", "requestPayment",
    "object-lock", "ownershipControls", "publicAccessBlock", "inventory", "analytics", "metrics", "intelligent-tiering",
    "session",
)  # fmt: skip

# Method, sub-resource of a key → operation. Parts become visible only by completing, so they touch nothing yet.
_ON_KEY: dict[tuple[str, str], Operation] = {
    ("PUT", ""): Operation("PutObject", _KEY),
    ("POST", "uploads"): Operation("CreateMultipartUpload"),
    ("PUT", "uploadId"): Operation("UploadPart"),
    ("POST", "uploadId"): Operation("CompleteMultipartUpload", _KEY),
    ("DELETE", "uploadId"): Operation("AbortMultipartUpload"),
    ("GET", "uploadId"): Operation("ListParts"),
    ("DELETE", ""): Operation("DeleteObject", _KEY),
    ("PUT", "tagging"): Operation("PutObjectTagging", _KEY),
    ("DELETE", "tagging"): Operation("DeleteObjectTagging", _KEY),
    ("PUT", "acl"): Operation("PutObjectAcl", _KEY),
    ("PUT", "retention"): Operation("PutObjectRetention", _KEY),
    ("PUT", "legal-hold"): Operation("PutObjectLegalHold", _KEY),
    ("POST", "restore"): Operation("RestoreObject", _KEY),
    ("POST", "select"): Operation("SelectObjectContent"),
    ("GET", ""): Operation("GetObject"),
    ("HEAD", ""): Operation("HeadObject"),
}
_ON_BUCKET: dict[tuple[str, str], Operation] = {
    ("PUT", ""): Operation("CreateBucket", _BUCKET),
    ("DELETE", ""): Operation("DeleteBucket", _BUCKET),
    ("HEAD", ""): Operation("HeadBucket"),
    ("GET", ""): Operation("ListObjects"),
    ("POST", "delete"): Operation("DeleteObjects", Touches.LISTED),
    ("POST", ""): Operation("PostObject", Touches.FORM),
}
_READS = ("GET", "HEAD", "OPTIONS")
LIST_BUCKETS = Operation("ListBuckets")


def identify(
    method: str, *, has_bucket: bool, has_key: bool, parameters: Container[str], headers: Container[str]
) -> Operation:
    """The operation of a request; `parameters` are the names in its query, `headers` lower-case names."""
    if not has_bucket:
        return LIST_BUCKETS if method == "GET" else Operation(f"{method} service")
    table, resources = (_ON_KEY, _KEY_RESOURCES) if has_key else (_ON_BUCKET, _BUCKET_RESOURCES)
    resource = ""
    if parameters:
        resource = next((name for name in resources if name in parameters), "")
    known = table.get((method, resource))
    if known is None:
        touches = _NOTHING if method in _READS else _KEY if has_key else _BUCKET
        return Operation(f"{method} ?{resource}" if resource else method, touches)
    if method == "PUT" and "x-amz-copy-source" in headers:
        if known.name == "PutObject":
            return Operation("CopyObject", _KEY)
        if known.name == "UploadPart":
            return Operation("UploadPartCopy")
    return known
