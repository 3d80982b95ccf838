"""The documents of S3 besides the listing: what is asked in XML, and what is answered in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from brigade.objects import Grant, MultipartInfo, PartInfo
from brigade.wire.encoding import decode_plus
from brigade.wire.s3time import iso_ns
from brigade.wire.xml import Node, XmlError, escape, parse

_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_EXPECTED_REGION = re.compile(r"expecting '([A-Za-z0-9._-]+)'").search


class ErrorDocument(NamedTuple):
    """An error in the server's words; `region` is where a misdirected request belongs, if it says so."""

    code: str
    message: str
    region: str | None = None


class PartsPage(NamedTuple):
    """One page of ListParts, and the marker of the next."""

    parts: list[PartInfo]
    next_marker: str | None


class UploadsPage(NamedTuple):
    """One page of ListMultipartUploads, and the key and upload markers of the next."""

    uploads: list[MultipartInfo]
    next_key: str | None
    next_upload: str


class Written(NamedTuple):
    """What CompleteMultipartUpload, CopyObject and UploadPartCopy answer; the ETag may be missing."""

    etag: str | None


def plain_etag(text: str | None) -> str | None:
    """An ETag without its quotes, None where there is none."""
    return (text or "").strip().removeprefix("W/").strip('"') or None


def parse_error(body: bytes) -> ErrorDocument:
    """The error in a body; one that is empty or no error document gives an empty code and its text, shortened."""
    try:
        root = parse(body)
    except XmlError:
        return ErrorDocument("", " ".join(body[:300].decode("utf-8", "replace").split()))
    error = root if root.name == "Error" else root.child("Error")
    if error is None:
        return ErrorDocument("", "")
    message = error.text_of("Message") or ""
    expected = _EXPECTED_REGION(message)
    region = error.text_of("Region") or (expected.group(1) if expected else None)
    return ErrorDocument((error.text_of("Code") or "").strip(), message, region)


def hidden_error(body: bytes) -> ErrorDocument | None:
    """The error in the body of a 200: long calls answer their status before they know how they end."""
    return parse_error(body) if b"<Error>" in body or b"<Error " in body else None


def parse_written(body: bytes) -> Written:
    """The answer to a completed upload or a copy."""
    return Written(plain_etag(parse(body).text_of("ETag")))


def parse_upload_id(body: bytes) -> str:
    """The id that CreateMultipartUpload answers."""
    upload_id = parse(body).text_of("UploadId")
    if not upload_id:
        raise XmlError("the answer names no upload id")
    return upload_id


def parse_parts(body: bytes) -> PartsPage:
    """One page of ListParts."""
    root = parse(body)
    parts = [
        PartInfo(
            int(_required(node, "PartNumber")),
            int(_required(node, "Size")),
            plain_etag(_required(node, "ETag")) or "",
        )
        for node in root.all("Part")
    ]
    return PartsPage(parts, _required(root, "NextPartNumberMarker") if _is_truncated(root) else None)


def parse_uploads(body: bytes, *, always_encoded: bool = False) -> UploadsPage:
    """One page of ListMultipartUploads; `always_encoded`: the keys are encoded even if the page does not say so."""
    root = parse(body)
    encoded = root.text_of("EncodingType") == "url"
    uploads = [
        MultipartInfo(
            _decoded(_required(node, "Key"), encoded or always_encoded),
            _required(node, "UploadId"),
            _moment(node.text_of("Initiated")),
        )
        for node in root.all("Upload")
    ]
    if not _is_truncated(root):
        return UploadsPage(uploads, None, "")
    next_key = _decoded(_required(root, "NextKeyMarker"), encoded)
    return UploadsPage(uploads, next_key, root.text_of("NextUploadIdMarker") or "")


def build_complete(parts: Iterable[PartInfo]) -> bytes:
    """The request of CompleteMultipartUpload; parts in rising order."""
    rows = [f"<Part><PartNumber>{p.number}</PartNumber><ETag>&quot;{escape(p.etag)}&quot;</ETag></Part>" for p in parts]
    return f"<CompleteMultipartUpload {_NAMESPACE}>{''.join(rows)}</CompleteMultipartUpload>".encode()


def build_delete(keys: Sequence[str]) -> bytes:
    """The request of DeleteObjects, in quiet mode: only failures are answered. Raises `XmlError` for keys XML cannot hold."""
    rows = [f"<Object><Key>{escape(key)}</Key></Object>" for key in keys]
    return f"<Delete {_NAMESPACE}>{''.join(rows)}<Quiet>true</Quiet></Delete>".encode()


def parse_deleted(body: bytes) -> dict[str, ErrorDocument]:
    """The keys that DeleteObjects could not delete, with their errors."""
    root = parse(body)
    if root.name != "DeleteResult":
        raise XmlError(f"the answer to a deletion is not a DeleteResult but {root.name!r}")
    return {
        _required(node, "Key"): ErrorDocument(node.text_of("Code") or "", node.text_of("Message") or "")
        for node in root.all("Error")
    }


def build_tagging(tags: Mapping[str, str]) -> bytes:
    """The request of PutObjectTagging."""
    rows = [f"<Tag><Key>{escape(name)}</Key><Value>{escape(value)}</Value></Tag>" for name, value in tags.items()]
    return f"<Tagging {_NAMESPACE}><TagSet>{''.join(rows)}</TagSet></Tagging>".encode()


def parse_tagging(body: bytes) -> dict[str, str]:
    """The answer of GetObjectTagging."""
    tag_set = parse(body).child("TagSet")
    return {_required(tag, "Key"): tag.text_of("Value") or "" for tag in (tag_set.all("Tag") if tag_set else [])}


def parse_acl(body: bytes) -> tuple[Grant, ...]:
    """The grants of an access control policy."""
    grants = parse(body).child("AccessControlList")
    return tuple(_grant(node) for node in (grants.all("Grant") if grants else []))


def build_location(region: str) -> bytes:
    """The request of CreateBucket in a region other than the first."""
    constraint = f"<LocationConstraint>{escape(region)}</LocationConstraint>"
    return f"<CreateBucketConfiguration {_NAMESPACE}>{constraint}</CreateBucketConfiguration>".encode()


def _grant(node: Node) -> Grant:
    grantee = node.child("Grantee") or Node("Grantee")
    for element, prefix in (("URI", "uri"), ("ID", "id"), ("EmailAddress", "email")):
        name = grantee.text_of(element)
        if name:
            return Grant(f"{prefix}:{name}", _required(node, "Permission"))
    raise XmlError("a grant names nobody")


def _is_truncated(root: Node) -> bool:
    """Some servers never say so; a page taken for the last one costs parts that are sent again, and no more."""
    truncated = root.text_of("IsTruncated")
    if truncated not in ("true", "false", None):
        raise XmlError(f"{root.name} does not say whether it is complete")
    return truncated == "true"


def _required(node: Node, name: str) -> str:
    text = node.text_of(name)
    if text is None:
        raise XmlError(f"{node.name} lacks {name}")
    return text


def _decoded(text: str, encoded: bool) -> str:
    return decode_plus(text) if encoded else text


def _moment(text: str | None) -> int:
    return iso_ns(text) if text else 0
