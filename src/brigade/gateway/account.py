"""What is told of a request when it has ended: which operation it was, how it was answered, how much passed."""

from __future__ import annotations

import logging

from brigade.gateway.bodies import Inflow
from brigade.gateway.inbound import Inbound
from brigade.gateway.settings import User
from brigade.telemetry import GatewayCounts

log = logging.getLogger("brigade.access")

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
        if log.isEnabledFor(logging.INFO):
            self._log(seconds)
        counts.received_bytes += self.received_bytes
        counts.sent_bytes += self.sent_bytes
        counts.count(self.kind, self.status, seconds)

    def _log(self, seconds: float) -> None:
        """A line without the query, which may hold a signature."""
        inbound = self.inbound
        fields = {
            "method": "" if inbound is None else inbound.method,
            "operation": "" if inbound is None else inbound.operation.name,
            "bucket": "" if inbound is None else inbound.bucket,
            "key": "" if inbound is None else inbound.key,
            "user": "" if self.user is None else self.user.name,
            "status": self.status,
            "received_bytes": self.received_bytes,
            "bytes": self.sent_bytes,
            "duration_ms": round(seconds * 1000, 1),
        }
        words = "%(operation)s %(bucket)r %(key)r %(status)d (%(duration_ms)g ms)"
        log.info(words, fields, extra={"event": "request", "fields": fields})
