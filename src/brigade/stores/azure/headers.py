"""A blob's attributes as HTTP headers, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping

from brigade.errors import NotFound, Rejected
from brigade.objects import Attributes, ObjectInfo
from brigade.wire.azurelisting import md5_checksum
from brigade.wire.azuretiers import class_of, tier_of
from brigade.wire.encodedwords import decoded_words, encoded_word
from brigade.wire.encoding import encode_value
from brigade.wire.metadatanames import decode_name, encode_name, is_identifier
from brigade.wire.s3time import http_date_ns

HeaderList = list[tuple[str, str]]

META = "x-ms-meta-"
EXPIRES = "brigade_expires"
"""The item of metadata that carries Expires, a header that Azure does not have; it is hidden again when it is read."""
# Written for an object without a type, because Azure would make one up; it is what S3 says of such objects.
NO_CONTENT_TYPE = "binary/octet-stream"
MOST_TAGS = 10
_CONTENT_HEADERS = (
    ("x-ms-blob-content-encoding", "content_encoding"),
    ("x-ms-blob-content-disposition", "content_disposition"),
    ("x-ms-blob-content-language", "content_language"),
    ("x-ms-blob-cache-control", "cache_control"),
)
_PLAIN_VALUE = re.compile(r"[!-~]+(?: [!-~]+)*").fullmatch
_SENDABLE = re.compile(r"[ -~\t]*").fullmatch
_TAG_TEXT = re.compile(r"[A-Za-z0-9 +\-./:=_]*").fullmatch


def content_headers(attributes: Attributes) -> HeaderList:
    """The headers of the content. Raises `Rejected` for one that Azure cannot hold."""
    headers = [("x-ms-blob-content-type", attributes.content_type or NO_CONTENT_TYPE)]
    for header, field in _CONTENT_HEADERS:
        value = getattr(attributes, field)
        if value is not None:
            headers.append((header, value))
    for header, value in headers:
        if not _SENDABLE(value):
            name = header.removeprefix("x-ms-blob-")
            raise Rejected(f"the value of {name} is not plain ASCII, which Azure demands of headers")
    return headers


def metadata_headers(attributes: Attributes, *, encode_names: bool) -> HeaderList:
    """The metadata. Raises `Rejected` for a name that is no identifier, unless names are encoded."""
    headers = []
    for name, value in attributes.metadata.items():
        sent = encode_name(name.lower()) if encode_names else name.lower()
        if not is_identifier(sent):
            raise Rejected(
                f"the name {name!r} of metadata is no identifier, which Azure demands",
                hint="set metadata_names: encode for this store to carry such names in a form of their own",
            )
        if sent == EXPIRES:
            raise Rejected(f"metadata cannot be named {EXPIRES}: Expires is carried under it")
        headers.append((META + sent, value if _is_plain(value) else encoded_word(value)))
    if attributes.expires is not None:
        headers.append(
            (META + EXPIRES, attributes.expires if _is_plain(attributes.expires) else encoded_word(attributes.expires))
        )
    return headers


def tier_headers(attributes: Attributes) -> HeaderList:
    """The access tier, if a storage class is asked for."""
    return [("x-ms-access-tier", tier_of(attributes.storage_class))] if attributes.storage_class else []


def tag_headers(tags: Mapping[str, str] | None) -> HeaderList:
    """The index tags of a new blob."""
    return [("x-ms-tags", tags_text(tags))] if tags else []


def tags_text(tags: Mapping[str, str]) -> str:
    """Tags as `x-ms-tags` wants them. Raises `Rejected` for what Azure cannot hold."""
    check_tags(tags)
    return "&".join([f"{encode_value(name)}={encode_value(value)}" for name, value in tags.items()])


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise `Rejected` for tags that Azure cannot hold."""
    if len(tags) > MOST_TAGS:
        raise Rejected(f"the object has {len(tags)} tags and Azure takes {MOST_TAGS}")
    for name, value in tags.items():
        if not (_TAG_TEXT(name) and _TAG_TEXT(value)):
            raise Rejected(
                f"Azure cannot hold the tag {name!r}",
                hint="names and values are made of ASCII letters, digits, space and + - . / : = _",
            )
        if not 1 <= len(name) <= 128 or len(value) > 256:
            raise Rejected(f"Azure cannot hold the tag {name!r}: a name has 1 to 128 characters, a value up to 256")


def attribute_headers(attributes: Attributes, *, encode_names: bool) -> HeaderList:
    """All that a new blob carries besides its bytes."""
    return [
        *content_headers(attributes),
        *metadata_headers(attributes, encode_names=encode_names),
        *tier_headers(attributes),
        *tag_headers(attributes.tags),
    ]


def info_from(
    key: str, headers: Mapping[str, str], size_bytes: int, *, decode_names: bool, no_count_means_none: bool
) -> ObjectInfo:
    """The blob that the headers of HEAD or GET describe. Raises `NotFound` for a directory."""
    get = headers.get
    metadata = {name[len(META) :]: decoded_words(value) for name, value in headers.items() if name.startswith(META)}
    if get("x-ms-resource-type") == "directory" or metadata.get("hdi_isfolder", "").lower() == "true":
        raise NotFound("there is no such blob, only a directory", key=key)
    expires = metadata.pop(EXPIRES, None)
    if decode_names:
        metadata = {decode_name(name): value for name, value in metadata.items()}
    content_type = get("content-type")
    tag_count = get("x-ms-tag-count")
    storage_class = class_of(get("x-ms-access-tier"))
    attributes = Attributes(
        None if content_type == NO_CONTENT_TYPE else content_type,
        get("content-encoding") or None,
        get("content-disposition") or None,
        get("content-language") or None,
        get("cache-control") or None,
        expires,
        metadata,
        storage_class=storage_class,
    )
    whole = "content-range" not in headers and get("x-ms-blob-type", "BlockBlob") == "BlockBlob"
    return ObjectInfo(
        key,
        size_bytes,
        get("etag", "").strip('"') or None,
        http_date_ns(get("last-modified", "")),
        storage_class,
        None,
        attributes,
        int(tag_count) if tag_count else (0 if no_count_means_none else None),
        checksum=md5_checksum(get("content-md5")) if whole else None,
    )


def _is_plain(value: str) -> bool:
    """True for what comes back as it is: no blanks at the ends or in a row, nothing but ASCII, not like an encoded word."""
    return _PLAIN_VALUE(value) is not None and "=?" not in value
