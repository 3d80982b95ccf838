"""What is told of a request when it has ended: which operation it was, how it was answered, how much passed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from brigade.gateway.bodies import Inflow
from brigade.gateway.inbound import Inbound
from brigade.gateway.settings import User
from brigade.telemetry import GatewayCounts

log = logging.getLogger("brigade.access")


class RequestTrace(Protocol):
    """The trace of one request."""

    def noted(self, keys: Mapping[int, Sequence[str]]) -> None:
        """These keys of replications, by number, may change by it."""

    def end(self, served: Account) -> None:
        """It has been served."""


class Traces(Protocol):
    """Whoever traces requests."""

    def begin(self, headers: Mapping[str, str]) -> RequestTrace:
        """A request has come, with these headers."""


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

    __slots__ = ("inbound", "inflow", "sent_bytes", "status", "trace", "user")

    def __init__(self, trace: RequestTrace | None = None) -> None:
        self.trace = trace
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
    def operation(self) -> str:
        """Its published name, empty for what was no request."""
        return "" if self.inbound is None else self.inbound.operation.name

    @property
    def bucket(self) -> str:
        """The bucket, empty if none is named."""
        return "" if self.inbound is None else self.inbound.bucket

    @property
    def key(self) -> str:
        """The key, empty if none is named."""
        return "" if self.inbound is None else self.inbound.key

    @property
    def received_bytes(self) -> int:
        """What came of the request's body."""
        return 0 if self.inflow is None else self.inflow.taken_bytes

    def close(self, counts: GatewayCounts, seconds: float) -> None:
        """The request has ended."""
        if log.isEnabledFor(logging.INFO):
            self._log(seconds)
        if self.trace is not None:
            self.trace.end(self)
        counts.received_bytes += self.received_bytes
        counts.sent_bytes += self.sent_bytes
        counts.count(self.kind, self.status, seconds)

    def _log(self, seconds: float) -> None:
        """A line without the query, which may hold a signature."""
        fields = {
            "method": "" if self.inbound is None else self.inbound.method,
            "operation": self.operation,
            "bucket": self.bucket,
            "key": self.key,
            "user": "" if self.user is None else self.user.name,
            "status": self.status,
            "received_bytes": self.received_bytes,
            "bytes": self.sent_bytes,
            "duration_ms": round(seconds * 1000, 1),
        }
        words = "%(operation)s %(bucket)r %(key)r %(status)d (%(duration_ms)g ms)"
        log.info(words, fields, extra={"event": "request", "fields": fields})
