"""CopyObject and UploadPartCopy whose source lies in another store: read there, written here, nothing held whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from brigade.gateway.inbound import Inbound
from brigade.gateway.relay import Sent
from brigade.gateway.upstream import Outbound, Upstream, without_signature
from brigade.gateway.visit import Visit
from brigade.stores.http.base import HttpResponse
from brigade.wire.encoding import encode_key, encode_query, encode_value
from brigade.wire.s3faults import Fault
from brigade.wire.s3requests import CopySource, build_copied
from brigade.wire.s3xml import parse_tagging
from brigade.wire.sigv4 import UNSIGNED_PAYLOAD

MAX_COPY_BYTES = 5 * 1024**3

_CONTENT = frozenset(
    (
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
        "x-amz-website-redirect-location",
    )
)
# What a copy says of its source, and how a read says it.
_SOURCE_HEADERS = {
    "x-amz-copy-source-if-match": "if-match",
    "x-amz-copy-source-if-none-match": "if-none-match",
    "x-amz-copy-source-if-modified-since": "if-modified-since",
    "x-amz-copy-source-if-unmodified-since": "if-unmodified-since",
    "x-amz-copy-source-range": "range",
    "x-amz-copy-source-server-side-encryption-customer-algorithm": "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-copy-source-server-side-encryption-customer-key": "x-amz-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key-md5": "x-amz-server-side-encryption-customer-key-md5",
}
_DIRECTIVES = frozenset(("x-amz-copy-source", "x-amz-metadata-directive", "x-amz-tagging-directive", *_SOURCE_HEADERS))


class _CopiedBody:
    """The object as it is read from the other store."""

    replayable = False

    def __init__(self, response: HttpResponse, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._response = response

    def chunks(self) -> AsyncIterator[bytes]:
        return self._response.chunks()


async def copy_across(visit: Visit, source: CopySource, reads: Upstream, writes: Upstream) -> Sent:
    """Copy an object, or a part of one, between two stores."""
    inbound = visit.inbound
    is_part = inbound.operation.name == "UploadPartCopy"
    path = f"/{encode_value(source.bucket)}/{encode_key(source.key)}"
    query = encode_query([("versionId", source.version_id)]) if source.version_id else ""
    asked = [(_SOURCE_HEADERS[name], value) for name, value in inbound.headers if name in _SOURCE_HEADERS]
    async with await reads.send(Outbound("GET", path, query, asked, signed=visit.signed)) as response:
        if response.status in (304, 412):
            raise Fault("PreconditionFailed")
        if response.status not in (200, 206):
            return await visit.outflow.relay(response)
        headers = [] if is_part else _attributes(inbound, response.headers)
        if not is_part and _keeps_tags(inbound, response.headers):
            headers.append(("x-amz-tagging", await _tags(visit, reads, path, query)))
        body = _CopiedBody(response, _size_of(response.headers))
        token = None if is_part else await visit.intend(writes.name, inbound.bucket, [inbound.key])
        sent = await _write(visit, writes, headers, body, response.headers.get("x-amz-version-id"), token)
    if sent.whole:
        await visit.settle(token)
    return sent


async def _write(
    visit: Visit,
    writes: Upstream,
    attributes: list[tuple[str, str]],
    body: _CopiedBody,
    version_id: str | None,
    token: object | None,
) -> Sent:
    inbound = visit.inbound
    kept = [(name, value) for name, value in inbound.headers if name not in _DIRECTIVES and not _is_attribute(name)]
    outbound = Outbound(
        "PUT",
        inbound.upstream_path,
        without_signature(inbound.query),
        [*kept, *attributes],
        body,
        UNSIGNED_PAYLOAD,
        signed=visit.signed,
    )
    async with await writes.send(outbound) as answer:
        if answer.status != 200:
            return await visit.outflow.relay(answer)
        await answer.read()
        await visit.answered(token, answer.status)
        kind = "CopyPartResult" if inbound.operation.name == "UploadPartCopy" else "CopyObjectResult"
        headers = [(name, value) for name, value in answer.headers.items() if name.startswith("x-amz-")]
        if version_id is not None:
            headers.append(("x-amz-copy-source-version-id", version_id))
        headers.append(("Content-Type", "application/xml"))
        document = build_copied(kind, answer.headers.get("etag", ""), visit.now_iso())
        return await visit.outflow.answer(200, "OK", headers, document)


def _is_attribute(name: str) -> bool:
    return name in _CONTENT or name.startswith("x-amz-meta-") or name == "x-amz-tagging"


def _attributes(inbound: Inbound, source: Mapping[str, str]) -> list[tuple[str, str]]:
    """Headers and metadata of the copy: the source's, unless the request replaces them."""
    replaces = inbound.by_name.get("x-amz-metadata-directive", "").upper() == "REPLACE"
    given = inbound.by_name if replaces else source
    headers = [(name, value) for name, value in given.items() if name in _CONTENT or name.startswith("x-amz-meta-")]
    if _replaces_tags(inbound) and "x-amz-tagging" in inbound.by_name:
        headers.append(("x-amz-tagging", inbound.by_name["x-amz-tagging"]))
    return headers


def _replaces_tags(inbound: Inbound) -> bool:
    return inbound.by_name.get("x-amz-tagging-directive", "").upper() == "REPLACE"


def _keeps_tags(inbound: Inbound, source: Mapping[str, str]) -> bool:
    return not _replaces_tags(inbound) and source.get("x-amz-tagging-count", "0") != "0"


async def _tags(visit: Visit, reads: Upstream, path: str, query: str) -> str:
    parts = ["tagging", query] if query else ["tagging"]
    async with await reads.send(Outbound("GET", path, "&".join(parts), signed=visit.signed)) as response:
        body = await response.read()
        if response.status != 200:
            raise Fault("AccessDenied", "The tags of the source cannot be read.")
        return encode_query(parse_tagging(body).items())


def _size_of(headers: Mapping[str, str]) -> int:
    length = headers.get("content-length", "")
    if not length.isdigit():
        raise Fault("InternalError", "The source does not tell its size.")
    if int(length) > MAX_COPY_BYTES:
        raise Fault("InvalidRequest", "The specified copy source is larger than the maximum allowable size: 5368709120")
    return int(length)
