"""An object's attributes as HTTP headers, and back."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence

from brigade.errors import Rejected
from brigade.objects import Attributes, Checksum, ChecksumAlgorithm, Grant, ObjectInfo, ObjectLock
from brigade.stores.s3.settings import Encryption, S3Settings
from brigade.wire.encodedwords import decoded_words, encoded_word
from brigade.wire.encoding import encode_value
from brigade.wire.s3time import http_date_ns

HeaderList = list[tuple[str, str]]

META = "x-amz-meta-"
# What S3 reports for an object that was written without a type. Sent for "none" too, since some servers guess one.
NO_CONTENT_TYPE = "binary/octet-stream"
_CONTENT_HEADERS = (
    ("content-encoding", "content_encoding"),
    ("content-disposition", "content_disposition"),
    ("content-language", "content_language"),
    ("cache-control", "cache_control"),
    ("expires", "expires"),
    ("x-amz-storage-class", "storage_class"),
)
_CHECKSUMS = ("crc64nvme", "sha256", "crc32c", "crc32", "sha1")
_GRANT_HEADERS = {
    "FULL_CONTROL": "x-amz-grant-full-control",
    "READ": "x-amz-grant-read",
    "READ_ACP": "x-amz-grant-read-acp",
    "WRITE_ACP": "x-amz-grant-write-acp",
    "WRITE": "x-amz-grant-write",
}
_GRANTEES = {"id": "id", "uri": "uri", "email": "emailAddress"}
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def attribute_headers(attributes: Attributes, *, encoded_metadata: bool) -> HeaderList:
    """The headers that put these attributes on an object, tags and ACL included where they are known."""
    headers = [("content-type", attributes.content_type or NO_CONTENT_TYPE)]
    for header, field in _CONTENT_HEADERS:
        value = getattr(attributes, field)
        if value is not None:
            headers.append((header, value))
    for name, value in attributes.metadata.items():
        sent = encoded_word(value) if encoded_metadata and _needs_encoding(value) else value
        headers.append((META + name.lower(), sent))
    if attributes.tags:
        headers.append(("x-amz-tagging", tagging_value(attributes.tags)))
    if attributes.lock is not None:
        headers += _lock_headers(attributes.lock)
    if attributes.acl is not None:
        headers += grant_headers(attributes.acl)
    for name, value in headers:
        if _UNSENDABLE.search(value):
            raise Rejected(f"the value of {name} has a control character, which no header can carry")
    return headers


def tagging_value(tags: Mapping[str, str]) -> str:
    """Tags as the `x-amz-tagging` header wants them."""
    return "&".join([f"{encode_value(name)}={encode_value(value)}" for name, value in tags.items()])


def grant_headers(acl: Sequence[Grant]) -> HeaderList:
    """Grants as headers; none at all means the owner alone."""
    if not acl:
        return [("x-amz-acl", "private")]
    grouped: dict[str, list[str]] = {}
    for grantee, permission in acl:
        kind, _, name = grantee.partition(":")
        header = _GRANT_HEADERS.get(permission)
        if header is None or kind not in _GRANTEES:
            raise Rejected(f"S3 has no grant of {permission} to {grantee!r}")
        grouped.setdefault(header, []).append(f'{_GRANTEES[kind]}="{name}"')
    return [(header, ", ".join(grantees)) for header, grantees in grouped.items()]


def _lock_headers(lock: ObjectLock) -> HeaderList:
    headers = []
    if lock.mode is not None and lock.retain_until is not None:
        headers.append(("x-amz-object-lock-mode", lock.mode))
        headers.append(("x-amz-object-lock-retain-until-date", lock.retain_until))
    if lock.legal_hold:
        headers.append(("x-amz-object-lock-legal-hold", "ON"))
    return headers


def write_encryption(settings: S3Settings) -> HeaderList:
    """The headers that have a new object encrypted as the settings say."""
    if settings.encryption is Encryption.SSE_S3:
        return [("x-amz-server-side-encryption", "AES256")]
    if settings.encryption is Encryption.SSE_KMS:
        headers = [("x-amz-server-side-encryption", "aws:kms")]
        if settings.kms_key:
            headers.append(("x-amz-server-side-encryption-aws-kms-key-id", settings.kms_key))
        return headers
    return customer_key(settings)


def customer_key(settings: S3Settings, *, copy_source: bool = False) -> HeaderList:
    """The headers that SSE-C wants on every call that touches content."""
    if settings.encryption is not Encryption.SSE_C or settings.customer_key is None:
        return []
    import hashlib

    prefix = "x-amz-copy-source-" if copy_source else "x-amz-"
    digest = hashlib.md5(settings.customer_key, usedforsecurity=False).digest()
    return [
        (f"{prefix}server-side-encryption-customer-algorithm", "AES256"),
        (f"{prefix}server-side-encryption-customer-key", base64.b64encode(settings.customer_key).decode()),
        (f"{prefix}server-side-encryption-customer-key-md5", base64.b64encode(digest).decode()),
    ]


def info_from(
    key: str, headers: Mapping[str, str], size_bytes: int, *, encoded_metadata: bool, no_count_means_none: bool
) -> ObjectInfo:
    """The object that the headers of HEAD or GET describe."""
    get = headers.get
    metadata = {name[11:]: value for name, value in headers.items() if name.startswith(META)}
    if metadata:
        metadata = {name: _decoded_value(value, encoded_metadata) for name, value in metadata.items()}
    count_text = get("x-amz-tagging-count")
    tag_count = int(count_text) if count_text else (0 if no_count_means_none else None)
    content_type = get("content-type")
    attributes = Attributes(
        None if content_type == NO_CONTENT_TYPE else content_type,
        _without_framing(get("content-encoding")),
        get("content-disposition"),
        get("content-language"),
        get("cache-control"),
        get("expires"),
        metadata,
        None,
        get("x-amz-storage-class"),
        _lock(headers),
    )
    etag = get("etag", "").removeprefix("W/").strip('"') or None
    parts = get("x-amz-mp-parts-count")
    return ObjectInfo(
        key,
        size_bytes,
        etag,
        http_date_ns(get("last-modified", "")),
        attributes.storage_class,
        get("x-amz-version-id"),
        attributes,
        tag_count,
        int(parts) if parts else None,
        checksum_from(headers),
        _has_opaque_etag(headers),
    )


def _has_opaque_etag(headers: Mapping[str, str]) -> bool:
    """AWS, "Common response headers": under SSE-KMS and SSE-C the ETag is not an MD5 digest of the data."""
    scheme = headers.get("x-amz-server-side-encryption")
    if scheme is not None and scheme.startswith("aws:kms"):
        return True
    return "x-amz-server-side-encryption-customer-algorithm" in headers


def checksum_from(headers: Mapping[str, str]) -> Checksum | None:
    """The checksum of the whole object, if an answer tells one; one made of part checksums is none."""
    if headers.get("x-amz-checksum-type") == "COMPOSITE":
        return None
    for name in _CHECKSUMS:
        value = headers.get(f"x-amz-checksum-{name}")
        if value and "-" not in value:
            try:
                return Checksum(ChecksumAlgorithm(name), base64.b64decode(value, validate=True).hex())
            except binascii.Error:
                return None
    return None


def _lock(headers: Mapping[str, str]) -> ObjectLock | None:
    mode = headers.get("x-amz-object-lock-mode")
    hold = headers.get("x-amz-object-lock-legal-hold") == "ON"
    if mode is None and not hold:
        return None
    return ObjectLock(mode, headers.get("x-amz-object-lock-retain-until-date"), hold)


def _without_framing(encoding: str | None) -> str | None:
    """Content-Encoding without `aws-chunked`, the framing of an upload that some servers keep."""
    if encoding is None or "aws-chunked" not in encoding:
        return encoding
    kept = [part.strip() for part in encoding.split(",") if part.strip() not in ("", "aws-chunked")]
    return ",".join(kept) or None


def _needs_encoding(value: str) -> bool:
    """True for what would not come back as it is: other than ASCII, spaces at the ends, or like an encoded word."""
    return not value.isascii() or value != value.strip() or "=?" in value


def _decoded_value(value: str, encoded: bool) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            # Bytes that are no UTF-8: the only other text that HTTP knows is Latin-1.
            return value.encode("utf-8", "surrogateescape").decode("latin-1")
    return decoded_words(value) if encoded else value


def base64_of(hexadecimal: str) -> str:
    """A digest in hex, as headers want it."""
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
