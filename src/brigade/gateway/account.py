"""What is told of a request when it has ended: which operation it was, how it was answered, how much passed."""

from __future__ import annotations

from brigade.gateway.bodies import Inflow
from brigade.gateway.inbound import Inbound
from brigade.gateway.settings import User
from brigade.telemetry import GatewayCounts

# Classes and not names of operations: a client may invent methods and sub-resources without end.
_KINDS = {
    "GetObject": "get",
    "HeadObject": "head",
    "PutObject": "put",
    "PostObject": "put",
    "CopyObject": "copy",
    "DeleteObject": "delete",
    "DeleteObjects": "delete",
    "CreateMultipartUpload": "multipart",
    "UploadPart": "multipart",
    "UploadPartCopy": "multipart",
    "CompleteMultipartUpload": "multipart",
    "AbortMultipartUpload": "multipart",
    "ListParts": "multipart",
    "ListObjects": "list",
    "ListBuckets": "list",
    "GET ?versions": "list",
    "GET ?uploads": "list",
    "HeadBucket": "bucket",
    "CreateBucket": "bucket",
    "DeleteBucket": "bucket",
}


class Account:
    """Filled in while a request is served. `status` 0: no answer came to its end."""

    __slots__ = ("inbound", "inflow", "sent_bytes", "status", "user")

    def __init__(self) -> None:
        self.inbound: Inbound | None = None
        self.inflow: Inflow | None = None
        self.user: User | None = None
        self.status = 0
        self.sent_bytes = 0

    @property
    def kind(self) -> str:
        """The class of the operation."""
        return "other" if self.inbound is None else _KINDS.get(self.inbound.operation.name, "other")

    @property
    def received_bytes(self) -> int:
        """What came of the request's body."""
        return 0 if self.inflow is None else self.inflow.taken_bytes

    def close(self, counts: GatewayCounts, seconds: float) -> None:
        """The request has ended."""
        counts.received_bytes += self.received_bytes
        counts.sent_bytes += self.sent_bytes
        counts.count(self.kind, self.status, seconds)
