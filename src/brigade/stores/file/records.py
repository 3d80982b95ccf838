r"""The record that a file carries of its object: ETag, parts, headers, metadata and tags.

A record is one line for listings and then JSON:

    1 <size> <mtime ns> <inode or 0> <ETag or -> <number of tags>\n{"headers": …}

Size, mtime and inode are the fingerprint of the content it was written for. If the file differs from it, somebody
else wrote to it since: ETag and parts are void, while headers, metadata and tags, which people set, still hold.
The inode is 0 where the record lives on the file itself (an extended attribute), so that copies keep it.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from typing import Any, NamedTuple

from brigade.objects import Attributes

_HEADERS = (
    "content_type",
    "content_encoding",
    "content_disposition",
    "content_language",
    "cache_control",
    "expires",
)
_DECIMAL_SECONDS = re.compile(r"(-?)(\d{1,11})(?:\.(\d{1,9})\d*)?")
_OCTAL = re.compile(r"[0-7]{1,7}")
_NANOSECONDS = 1_000_000_000
PERMISSION_BITS = 0o777  # Never setuid, setgid or sticky: a bucket must not hand out privileges.


class Record(NamedTuple):
    """What was known of the object when its content was written."""

    size_bytes: int
    modified_ns: int
    inode: int
    etag: str | None
    attributes: Attributes
    part_sizes: tuple[int, ...] = ()

    def fits(self, status: os.stat_result) -> bool:
        """Whether the file still has the content that this record was written for."""
        return (
            self.size_bytes == status.st_size
            and self.modified_ns == status.st_mtime_ns
            and self.inode in (0, status.st_ino)
        )


class Glance(NamedTuple):
    """The first line of a record: all that a listing needs."""

    size_bytes: int
    modified_ns: int
    inode: int
    etag: str | None
    tag_count: int


def encode_record(record: Record) -> bytes:
    """The bytes to keep beside the content."""
    attributes = record.attributes
    tags = attributes.tags or {}
    rest: dict[str, Any] = {
        "headers": {name: value for name in _HEADERS if (value := getattr(attributes, name)) is not None},
        "metadata": dict(attributes.metadata),
        "tags": dict(tags),
        "parts": record.part_sizes,
    }
    rest = {name: value for name, value in rest.items() if value}
    line = f"1 {record.size_bytes} {record.modified_ns} {record.inode} {record.etag or '-'} {len(tags)}\n"
    return (line + json.dumps(rest, separators=(",", ":"))).encode()


def glance(raw: bytes) -> Glance | None:
    """The first line of a record; None if these bytes are not one of ours."""
    fields = raw.partition(b"\n")[0].split(b" ")
    if len(fields) != 6 or fields[0] != b"1":
        return None
    try:
        etag = fields[4].decode("ascii")
        return Glance(int(fields[1]), int(fields[2]), int(fields[3]), None if etag == "-" else etag, int(fields[5]))
    except ValueError:
        return None


def decode_record(raw: bytes) -> Record | None:
    """The record; None if these bytes are not one of ours, whole and readable."""
    first = glance(raw)
    if first is None:
        return None
    try:
        rest = json.loads(raw.partition(b"\n")[2])
        attributes = Attributes(**rest.get("headers", {}), metadata=rest.get("metadata", {}), tags=rest.get("tags", {}))
        parts = tuple(rest.get("parts", ()))
    except (ValueError, TypeError, AttributeError):
        return None
    return Record(first.size_bytes, first.modified_ns, first.inode, first.etag, attributes, parts)


def carried(attributes: Attributes) -> Attributes:
    """The attributes that a file can carry: no storage class, lock or ACL; no tags are zero tags."""
    return Attributes(
        content_type=attributes.content_type,
        content_encoding=attributes.content_encoding,
        content_disposition=attributes.content_disposition,
        content_language=attributes.content_language,
        cache_control=attributes.cache_control,
        expires=attributes.expires,
        metadata=dict(attributes.metadata),
        tags=dict(attributes.tags or {}),
    )


def plain_attributes(status: os.stat_result) -> Attributes:
    """What a file without a record is described by: its mtime and mode, as metadata."""
    return Attributes(
        metadata={"mtime": format_seconds(status.st_mtime_ns), "mode": format_mode(status.st_mode)}, tags={}
    )


def current_attributes(attributes: Attributes, status: os.stat_result, *, with_mtime: bool = True) -> Attributes:
    """The recorded attributes, with `mtime` and `mode` brought up to date where the file says otherwise."""
    metadata = attributes.metadata
    fresh: dict[str, str] = {}
    seconds_ns, mode = requested_times(metadata)
    if with_mtime and seconds_ns is not None and seconds_ns != status.st_mtime_ns:
        fresh["mtime"] = format_seconds(status.st_mtime_ns)
    if mode is not None and mode != stat.S_IMODE(status.st_mode) & PERMISSION_BITS:
        fresh["mode"] = format_mode(status.st_mode)
    if not fresh:
        return attributes
    return Attributes(
        content_type=attributes.content_type,
        content_encoding=attributes.content_encoding,
        content_disposition=attributes.content_disposition,
        content_language=attributes.content_language,
        cache_control=attributes.cache_control,
        expires=attributes.expires,
        metadata={**metadata, **fresh},
        tags=attributes.tags,
    )


def requested_times(metadata: Mapping[str, str]) -> tuple[int | None, int | None]:
    """The mtime in nanoseconds and the permission bits that the metadata ask for; None where they do not.

    Values that cannot be read are carried as they are and change nothing.
    """
    modified_ns = mode = None
    if (text := metadata.get("mtime")) is not None and (match := _DECIMAL_SECONDS.fullmatch(text)):
        sign, seconds, fraction = match.groups()
        modified_ns = int(seconds) * _NANOSECONDS + int((fraction or "").ljust(9, "0"))
        modified_ns = -modified_ns if sign else modified_ns
    if (text := metadata.get("mode")) is not None and _OCTAL.fullmatch(text):
        mode = int(text, 8) & PERMISSION_BITS
    return modified_ns, mode


def format_seconds(modified_ns: int) -> str:
    """Decimal seconds with no more digits than it needs: `1700000000.25`."""
    seconds, rest = divmod(abs(modified_ns), _NANOSECONDS)
    text = f"{seconds}.{rest:09d}".rstrip("0").rstrip(".") if rest else str(seconds)
    return f"-{text}" if modified_ns < 0 else text


def format_mode(mode: int) -> str:
    """Octal with the file type, as other tools write it: `100644`."""
    return f"{mode & (stat.S_IFMT(mode) | PERMISSION_BITS):o}"
