"""Where an upload keeps its segments: names that say which object and which upload they belong to.

    <container>/<key>/<upload id>/<number>              a segment
    .brigade-uploads/<container>/<key>/<upload id>      the mark of an upload that has begun and not ended, with its attributes

Several containers may keep their segments in one, so the names tell them apart. A key that leaves no room for all that is
replaced by a digest; the mark holds the key itself.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from hashlib import sha256
from typing import NamedTuple

from brigade.objects import Attributes

MARKS = ".brigade-uploads/"
LONG = ".brigade-long/"
UPLOAD_PREFIX = "brigade-"
_UPLOAD_ID = re.compile(r"brigade-[0-9]{19}-[0-9a-f]{8}").fullmatch
_NUMBER = re.compile(r"[0-9]{8}").fullmatch
# What stands around a key at most: the marks' prefix, two slashes, an id, a number.
_AROUND_BYTES = len(MARKS) + 2 + 36 + 8


class SegmentName(NamedTuple):
    """A name in the container for segments, taken apart."""

    base: str
    upload_id: str
    number: int


def new_upload_id(now_ns: int, chance: float) -> str:
    """An id that nobody else takes."""
    return f"{UPLOAD_PREFIX}{now_ns:019d}-{int(chance * 2**32):08x}"


def is_upload_id(text: str) -> bool:
    """True for an id of ours."""
    return _UPLOAD_ID(text) is not None


def base_of(container: str, key: str, max_name_bytes: int) -> str:
    """What stands for an object of a container in the names."""
    base = f"{container}/{key}"
    if len(base) * 4 + _AROUND_BYTES <= max_name_bytes or len(base.encode()) + _AROUND_BYTES <= max_name_bytes:
        return base
    return f"{long_folder(container)}{sha256(key.encode()).hexdigest()}"


def long_folder(container: str) -> str:
    """What the bases of keys begin with that are too long for a name."""
    return f"{LONG}{sha256(container.encode()).hexdigest()[:32]}/"


def mark_name(base: str, upload_id: str) -> str:
    """The mark of an open upload."""
    return f"{MARKS}{base}/{upload_id}"


def folder_name(base: str, upload_id: str) -> str:
    """What the names of all segments of an upload begin with."""
    return f"{base}/{upload_id}/"


def segment_name(base: str, upload_id: str, number: int) -> str:
    """The name of one segment; numbers sort as text."""
    return f"{base}/{upload_id}/{number:08d}"


def parse_segment_name(name: str) -> SegmentName | None:
    """A name of ours, None for any other."""
    parts = name.rsplit("/", 2)
    if len(parts) != 3 or not is_upload_id(parts[1]) or _NUMBER(parts[2]) is None:
        return None
    return SegmentName(parts[0], parts[1], int(parts[2]))


def write_mark(key: str, attributes: Attributes) -> bytes:
    """The content of a mark."""
    kept = asdict(attributes)
    return json.dumps({"key": key, "attributes": {name: kept[name] for name in _KEPT}}).encode()


def read_mark(data: bytes) -> tuple[str, Attributes]:
    """The key and the attributes in a mark. Raises ValueError for what is none."""
    try:
        document = json.loads(data)
        return document["key"], Attributes(**{name: document["attributes"].get(name) for name in _KEPT})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no mark of an upload: {error!r}") from error


_KEPT = (
    "content_type",
    "content_encoding",
    "content_disposition",
    "content_language",
    "cache_control",
    "expires",
    "metadata",
    "delete_at_seconds",
)
