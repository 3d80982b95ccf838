"""Reading a page of List Blobs, fast: every blob of a container passes here.

The page is first read by the XML parser, which checks that it is whole and well-formed. Its entries are then taken apart as
text, which is many times faster than a tree of them; the few pages that this could misread (comments, CDATA) are refused.
"""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple
from xml.parsers import expat

from brigade.errors import ListingBroken
from brigade.objects import Checksum, ChecksumAlgorithm, ObjectInfo
from brigade.wire.azuretiers import class_of
from brigade.wire.encoding import decode
from brigade.wire.s3time import http_date_ns
from brigade.wire.xml import MAX_DOCUMENT_BYTES, XmlError, unescape

_NAME = re.compile(r"\s*<Name(?: Encoded=\"(true|false)\")?>([^<]*)</Name>").match
_NEXT = re.compile(r"<NextMarker>([^<]*)</NextMarker>|<NextMarker ?/>").search
_FOLDER = re.compile(r"<hdi_isfolder>true</hdi_isfolder>", re.IGNORECASE).search
_FIRST, _LAST = "<Blobs>", "</Blobs>"


class BlobPage(NamedTuple):
    """One page: its blobs, the keys under which only uncommitted blocks lie, and the marker of the next page."""

    entries: list[ObjectInfo]
    uncommitted: list[str]
    marker: str | None


def parse_blobs(body: bytes, *, uncommitted: bool = False, versions: bool = False) -> BlobPage:
    """Read an answer of List Blobs. Raises `ListingBroken` unless the page is whole and can be relied on.

    `uncommitted` says that keys without a blob were asked for, too, `versions` that snapshots and older versions were: those
    have a `version_id`.
    """
    try:
        return _parse(body, asked_uncommitted=uncommitted, asked_versions=versions)
    except (UnicodeDecodeError, expat.ExpatError, XmlError, ValueError, KeyError) as error:
        raise ListingBroken(f"a page of the listing cannot be read: {error}") from error


def _parse(body: bytes, *, asked_uncommitted: bool, asked_versions: bool) -> BlobPage:
    if len(body) > MAX_DOCUMENT_BYTES:
        raise XmlError(f"the document has more than {MAX_DOCUMENT_BYTES} bytes")
    text = body.decode("utf-8-sig")
    if "<!" in text:
        raise XmlError("the document has comments, CDATA or a document type")
    expat.ParserCreate().Parse(body, True)
    first, last = text.find(_FIRST), text.rfind(_LAST)
    inner = text[first + len(_FIRST) : last] if first >= 0 else ""
    following = _NEXT(text, max(last, 0))
    if "<EnumerationResults" not in text[:300] or (first < 0 and "<Blobs" not in text) or following is None:
        raise XmlError("it is no answer to List Blobs, or does not say whether the listing ends with it")
    entries: list[ObjectInfo] = []
    uncommitted: list[str] = []
    moments: dict[str, int] = {}
    for piece in inner.split("<Blob>")[1:]:
        properties, _, metadata = piece.partition("<Metadata>")
        key = _key(properties)
        if asked_uncommitted and "<Content-Type" not in properties:
            uncommitted.append(key)
        elif (info := _entry(key, properties, metadata, moments)) is not None:
            entries.append(info._replace(version_id=_version(properties)) if asked_versions else info)
    return BlobPage(entries, uncommitted, unescape(following[1] or "") or None)


def _key(properties: str) -> str:
    name = _NAME(properties)
    if name is None:
        raise XmlError(f"an entry of the listing has no name: {properties[:80]!r}")
    key = unescape(name[2]) if "&" in name[2] else name[2]
    return decode(key) if name[1] == "true" else key


def _entry(key: str, properties: str, metadata: str, moments: dict[str, int]) -> ObjectInfo | None:
    """One blob; None for a directory."""
    if "<ResourceType>directory<" in properties or (metadata and _FOLDER(metadata)):
        return None
    etag, modified = _text(properties, "<Etag>"), _text(properties, "<Last-Modified>")
    modified_ns = moments.get(modified)
    if modified_ns is None:
        modified_ns = moments[modified] = http_date_ns(modified)
    if not etag or not modified_ns:
        raise XmlError(f"an entry of the listing lacks its ETag or its time: {properties[:80]!r}")
    is_block = "<BlobType>BlockBlob<" in properties or "<BlobType>" not in properties
    return ObjectInfo(
        key,
        int(_text(properties, "<Content-Length>")),
        (unescape(etag) if "&" in etag else etag).strip('"'),
        modified_ns,
        class_of(_text(properties, "<AccessTier>")),
        checksum=md5_checksum(_text(properties, "<Content-MD5>")) if is_block else None,
    )


def _version(properties: str) -> str | None:
    """Which version an entry is, None for the blob as it is now. A snapshot says so."""
    # What stands before the properties belongs to the entry; the rest is the writer's text.
    own = properties.partition("<Properties>")[0]
    if snapshot := _text(own, "<Snapshot>"):
        return f"snapshot={snapshot}"
    is_current = _text(own, "<IsCurrentVersion>") == "true"
    return None if is_current else _text(own, "<VersionId>") or None


def _text(properties: str, tag: str) -> str:
    """The text of an element, empty where it is not there."""
    begin = properties.find(tag)
    if begin < 0:
        return ""
    begin += len(tag)
    return properties[begin : properties.find("<", begin)]


def md5_checksum(text: str | None) -> Checksum | None:
    """An MD5 in base64, as headers and listings tell it; None where it is none."""
    if not text:
        return None
    try:
        digest = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return None
    return Checksum(ChecksumAlgorithm.MD5, digest.hex()) if len(digest) == 16 else None
