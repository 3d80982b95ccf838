"""What a gateway reads in the requests of S3, and the few documents that it writes in the name of a store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from brigade.wire.encoding import decode, split_query
from brigade.wire.s3faults import Fault
from brigade.wire.xml import Node, XmlError, escape, parse

MAX_DELETED_KEYS = 1000
# A thousand keys of 1024 bytes, each byte as a character reference.
MAX_DELETE_BYTES = 8 * 1024 * 1024

_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


class CopySource(NamedTuple):
    """The object that x-amz-copy-source names."""

    bucket: str
    key: str
    version_id: str | None


class ListedBucket(NamedTuple):
    """One bucket of ListBuckets, and its creation date as the server wrote it."""

    name: str
    created: str


class BucketsPage(NamedTuple):
    """One page of ListBuckets."""

    buckets: list[ListedBucket]
    owner_id: str
    owner_name: str
    next_token: str | None


def parse_delete(body: bytes) -> list[str]:
    """The keys of a bulk deletion. Raises `Fault`."""
    try:
        root = parse(body)
    except XmlError as error:
        raise Fault("MalformedXML") from error
    keys = [node.text_of("Key") for node in root.all("Object")]
    if root.name != "Delete" or not keys or len(keys) > MAX_DELETED_KEYS:
        raise Fault("MalformedXML")
    named = [key for key in keys if key]
    if len(named) != len(keys):
        raise Fault("MalformedXML")
    return named


def parse_copy_source(text: str) -> CopySource:
    """What x-amz-copy-source means: `/bucket/key?versionId=…`, percent-encoded. Raises `Fault`."""
    path, _, query = text.partition("?versionId=")
    try:
        bucket, _, key = decode(path).removeprefix("/").partition("/")
        version = decode(query) or None
    except UnicodeError as error:
        raise Fault("InvalidArgument", "x-amz-copy-source is not UTF-8.") from error
    if not bucket or not key:
        raise Fault("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
    return CopySource(bucket, key, version)


def parse_buckets(body: bytes) -> BucketsPage:
    """One page of ListBuckets. Raises `XmlError`."""
    root = parse(body)
    if root.name != "ListAllMyBucketsResult":
        raise XmlError(f"not a list of buckets but {root.name!r}")
    rows = root.child("Buckets") or Node("Buckets")
    buckets = [
        ListedBucket(node.text_of("Name") or "", node.text_of("CreationDate") or "") for node in rows.all("Bucket")
    ]
    owner = root.child("Owner") or Node("Owner")
    token = root.text_of("ContinuationToken") or None
    return BucketsPage(buckets, owner.text_of("ID") or "", owner.text_of("DisplayName") or "", token)


def build_buckets(page: BucketsPage, prefix: str | None) -> bytes:
    """The answer of ListBuckets."""
    rows = [
        f"<Bucket><Name>{escape(bucket.name)}</Name><CreationDate>{escape(bucket.created)}</CreationDate></Bucket>"
        for bucket in page.buckets
    ]
    owner = f"<Owner><ID>{escape(page.owner_id)}</ID><DisplayName>{escape(page.owner_name)}</DisplayName></Owner>"
    token = f"<ContinuationToken>{escape(page.next_token)}</ContinuationToken>" if page.next_token else ""
    under = f"<Prefix>{escape(prefix)}</Prefix>" if prefix is not None else ""
    inner = f"{owner}<Buckets>{''.join(rows)}</Buckets>{token}{under}"
    return f"{_HEAD}<ListAllMyBucketsResult {_NAMESPACE}>{inner}</ListAllMyBucketsResult>".encode()


def select_buckets(buckets: Iterable[ListedBucket], query: str) -> tuple[list[ListedBucket], str | None]:
    """The page of a list that a query asks for, and the token of the next one: the last name of this one."""
    given = dict(split_query(query))
    prefix, after = given.get("prefix", ""), given.get("continuation-token", "")
    chosen = sorted(bucket for bucket in set(buckets) if bucket.name.startswith(prefix) and bucket.name > after)
    most = given.get("max-buckets", "")
    limit = int(most) if most.isascii() and most.isdigit() and 0 < int(most) <= 10_000 else 10_000
    page = chosen[:limit]
    return page, page[-1].name if len(chosen) > limit else None


def build_copied(kind: str, etag: str, modified: str) -> bytes:
    """The answer to a copy; `kind` is `CopyObjectResult` or `CopyPartResult`, `modified` an ISO time."""
    inner = f"<LastModified>{escape(modified)}</LastModified><ETag>{escape(etag)}</ETag>"
    return f"{_HEAD}<{kind} {_NAMESPACE}>{inner}</{kind}>".encode()
