"""An object's attributes as Swift's headers, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping

from brigade.errors import Rejected
from brigade.objects import DYNAMIC, SEGMENTED, Attributes, ObjectInfo
from brigade.wire.encoding import decode
from brigade.wire.s3time import http_date_ns
from brigade.wire.swift import Limits, timestamp_ns

HeaderList = list[tuple[str, str]]

META = "x-object-meta-"
# Sent for "none", because Swift would guess one from the key.
NO_CONTENT_TYPE = "binary/octet-stream"

_CONTENT_HEADERS = (
    ("content-encoding", "content_encoding"),
    ("content-disposition", "content_disposition"),
    ("content-language", "content_language"),
    ("cache-control", "cache_control"),
    ("expires", "expires"),
)
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# What comes through: an underscore is dropped on the way, because for the server it cannot be told from a hyphen.
_PLAIN_NAME = re.compile(r"[a-z0-9.~!#$&'*+^`|-]+").fullmatch
_ESCAPED = re.compile(r"%[0-9a-f]{2}")


def attribute_headers(attributes: Attributes, limits: Limits, *, encode_names: bool) -> HeaderList:
    """The headers that put these attributes on an object. Raises `Rejected` for what Swift would refuse, drop or change."""
    headers = [("content-type", attributes.content_type or NO_CONTENT_TYPE)]
    for header, field in _CONTENT_HEADERS:
        value = getattr(attributes, field)
        if value is not None:
            headers.append((header, value))
    if attributes.delete_at_seconds is not None:
        headers.append(("x-delete-at", str(attributes.delete_at_seconds)))
    if attributes.metadata:
        headers += _metadata(attributes.metadata, limits, encode_names=encode_names)
    for name, value in headers:
        if _UNSENDABLE.search(value):
            raise Rejected(f"the value of {name} has a control character, which no header can carry")
    return headers


def _metadata(metadata: Mapping[str, str], limits: Limits, *, encode_names: bool) -> HeaderList:
    headers = []
    sum_bytes = 0
    for name, value in metadata.items():
        sent = _name(name.lower(), encode_names=encode_names)
        value_bytes = len(value.encode("utf-8", "surrogateescape"))
        if value != value.strip(" \t"):
            raise Rejected(f"the metadata value of {name!r} begins or ends with a blank, which HTTP drops")
        if value_bytes > limits.max_meta_value_bytes:
            raise Rejected(f"the metadata value of {name!r} has more than {limits.max_meta_value_bytes} bytes")
        if len(sent) > limits.max_meta_name_bytes:
            raise Rejected(f"the metadata name {name!r} has more than {limits.max_meta_name_bytes} bytes")
        sum_bytes += len(sent) + value_bytes
        headers.append((META + sent, value))
    if len(headers) > limits.max_meta_count:
        raise Rejected(f"the object has more than {limits.max_meta_count} metadata values")
    if sum_bytes > limits.max_meta_bytes:
        raise Rejected(f"the metadata has more than {limits.max_meta_bytes} bytes in all")
    return headers


def _name(name: str, *, encode_names: bool) -> str:
    if _PLAIN_NAME(name):
        return name
    if not encode_names:
        raise Rejected(
            f"Swift drops the metadata name {name!r}",
            hint="set encode_metadata_names to carry such names percent-encoded",
        )
    return "".join(c if _PLAIN_NAME(c) else "".join([f"%{byte:02x}" for byte in c.encode()]) for c in name)


def info_from(key: str, headers: Mapping[str, str], size_bytes: int, *, encoded_names: bool) -> ObjectInfo:
    """The object that the headers of HEAD or GET describe."""
    get = headers.get
    metadata = {name[len(META) :]: value for name, value in headers.items() if name.startswith(META)}
    if metadata:
        metadata = {_told_name(name, encoded_names): _told_value(value) for name, value in metadata.items()}
    content_type = get("content-type")
    delete_at = get("x-delete-at", "")
    attributes = Attributes(
        None if content_type == NO_CONTENT_TYPE else content_type,
        get("content-encoding"),
        get("content-disposition"),
        get("content-language"),
        get("cache-control"),
        get("expires"),
        metadata,
        delete_at_seconds=int(delete_at) if delete_at.isdecimal() else None,
    )
    modified_ns = timestamp_ns(get("x-timestamp", "")) or http_date_ns(get("last-modified", ""))
    return ObjectInfo(key, size_bytes, etag_from(headers), modified_ns, attributes=attributes)


def etag_from(headers: Mapping[str, str]) -> str | None:
    """The ETag, which says by its beginning what kind of object it is."""
    etag = headers.get("etag", "").removeprefix("W/").strip('"')
    if not etag:
        return None
    if is_slo(headers):
        return SEGMENTED + etag
    return DYNAMIC + etag if is_dynamic(headers) else etag


def is_slo(headers: Mapping[str, str]) -> bool:
    """True for the headers of a static large object."""
    return headers.get("x-static-large-object", "").lower() == "true"


def is_dynamic(headers: Mapping[str, str]) -> bool:
    """True for the headers of a dynamic large object."""
    return "x-object-manifest" in headers


def match_value(etag: str) -> str:
    """An ETag of ours for If-Match and If-None-Match."""
    return etag if etag == "*" else f'"{etag.removeprefix(SEGMENTED).removeprefix(DYNAMIC)}"'


def _told_name(name: str, encoded: bool) -> str:
    if encoded and "%" in name and _ESCAPED.search(name):
        try:
            return decode(name)
        except UnicodeDecodeError:
            return name
    return name


def _told_value(value: str) -> str:
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        # Bytes that are no UTF-8: the only other text that HTTP knows is Latin-1.
        return value.encode("utf-8", "surrogateescape").decode("latin-1")
    return value
