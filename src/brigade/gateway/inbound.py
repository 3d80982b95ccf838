"""One request as a client sent it: the target byte for byte, the headers in order, the bucket and key it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from brigade.wire.encoding import decode, decode_plus
from brigade.wire.operations import Operation, identify
from brigade.wire.s3faults import Fault
from brigade.wire.verify import Incoming

MAX_KEY_BYTES = 4096
# HTTP takes a missing length for an empty body; S3 does not where the body becomes an object.
_TELLS_SIZE = ("PutObject", "UploadPart")


@dataclass(slots=True)
class Inbound:
    """`path` and `query` stand as on the request line; `headers` have lower-case names, `by_name` joins repeated ones.

    `upstream_path` is the path with the bucket in it, whichever way it was addressed. `size_bytes` None: not told.
    """

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    by_name: dict[str, str]
    bucket: str = ""
    key: str = ""
    upstream_path: str = ""
    parameters: frozenset[str] = frozenset()
    operation: Operation = field(default_factory=lambda: Operation("unknown"))
    size_bytes: int | None = None

    @property
    def incoming(self) -> Incoming:
        """What the signature is checked over."""
        return Incoming(self.method, self.path, self.query, self.by_name, self.upstream_path)

    def parameter(self, name: str) -> str:
        """The value of a parameter of the query, empty if it is not there. Raises `Fault` for one that is not UTF-8."""
        for piece in self.query.split("&"):
            given, _, value = piece.partition("=")
            if given == name:
                try:
                    return decode_plus(value)
                except UnicodeError as error:
                    raise Fault("InvalidURI") from error
        return ""


def read_inbound(
    method: str, target: str, raw_headers: Sequence[tuple[bytes, bytes]], domains: Sequence[str]
) -> Inbound:
    """Take a request apart. Raises `Fault` for a target that is no path, or that no key can be read from."""
    if not target.startswith("/"):
        raise Fault("InvalidURI")
    path, _, query = target.partition("?")
    headers, by_name = _headers(raw_headers)
    inbound = Inbound(method, path, query, headers, by_name)
    host_bucket = _bucket_of_host(by_name.get("host", ""), domains) if domains else ""
    inbound.upstream_path = f"/{host_bucket}{path}" if host_bucket else path
    raw_bucket, _, raw_key = inbound.upstream_path[1:].partition("/")
    try:
        inbound.bucket = decode(raw_bucket)
        inbound.key = decode(raw_key)
    except UnicodeError as error:
        raise Fault("InvalidURI") from error
    if inbound.bucket in (".", "..") or "/" in inbound.bucket:
        raise Fault("InvalidBucketName")
    if len(raw_key) > MAX_KEY_BYTES:
        raise Fault("KeyTooLongError")
    if query:
        inbound.parameters = frozenset([piece.partition("=")[0] for piece in query.split("&")])
    inbound.operation = identify(
        method,
        has_bucket=bool(raw_bucket),
        has_key=bool(raw_key),
        parameters=inbound.parameters,
        headers=by_name,
    )
    inbound.size_bytes = _size(by_name, default=None if inbound.operation.name in _TELLS_SIZE else 0)
    return inbound


def _headers(raw_headers: Sequence[tuple[bytes, bytes]]) -> tuple[list[tuple[str, str]], dict[str, str]]:
    headers = [
        (name.decode("latin-1").lower(), value.decode("utf-8", "surrogateescape")) for name, value in raw_headers
    ]
    by_name = dict(headers)
    if len(by_name) < len(headers):
        by_name = {}
        for name, value in headers:
            by_name[name] = f"{by_name[name]},{value}" if name in by_name else value
        if "," in by_name.get("host", "") or "," in by_name.get("authorization", "").partition("Signature=")[2]:
            raise Fault("InvalidRequest", "Host and Authorization may be given once.")
    return headers, by_name


def _bucket_of_host(host: str, domains: Sequence[str]) -> str:
    name = host.lower()
    if not name.endswith("]"):
        name = name.rpartition(":")[0] if ":" in name else name
    for domain in domains:
        if name.endswith(f".{domain}"):
            return name[: -len(domain) - 1]
    return ""


def _size(by_name: dict[str, str], *, default: int | None) -> int | None:
    """The length of the body, None where it comes in chunks of HTTP's own and nothing tells."""
    if "transfer-encoding" in by_name:
        return None
    length = by_name.get("content-length")
    if length is None:
        return default
    if not (length.isascii() and length.isdigit() and len(length) < 18):
        raise Fault("InvalidRequest", "Content-Length is not a number.")
    return int(length)
