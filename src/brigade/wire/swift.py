"""The documents of OpenStack Swift: listings, manifests of static large objects, times, and what a cluster says of itself."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import Any, NamedTuple

from brigade.errors import ListingBroken
from brigade.objects import SEGMENTED, ObjectInfo
from brigade.wire.s3time import SECOND_NS, iso_ns

EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
_BOUNDS = re.compile(r"(\d+)-(\d+)").fullmatch


class Page(NamedTuple):
    """One page of a container. `doubtful` are the places of entries that may be more than the nothing they say.

    `folders` are the common prefixes, where a delimiter was asked for.
    """

    entries: list[ObjectInfo]
    doubtful: list[int]
    folders: list[str]


def parse_page(body: bytes, *, doubt_empty: bool = False) -> Page:
    """Read a listing with `format=json`. Raises `ListingBroken` unless it is whole."""
    try:
        items = json.loads(body)
        if not isinstance(items, list):
            raise TypeError("it is no list")
        page = Page([], [], [])
        for item in items:
            if "subdir" in item:
                page.folders.append(item["subdir"])
                continue
            info = _entry(item)
            if info.size_bytes == 0 and info.etag == EMPTY_MD5 and (doubt_empty or "symlink_path" in item):
                page.doubtful.append(len(page.entries))
            page.entries.append(info)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ListingBroken(f"a page of the listing cannot be read: {error!r}") from error
    return page


def _entry(item: Mapping[str, Any]) -> ObjectInfo:
    etag, _, more = item["hash"].partition(";")
    whole = item.get("slo_etag") or _parameter(more, "slo_etag")
    if whole:
        etag = SEGMENTED + whole.strip('"')
    return ObjectInfo(item["name"], int(item["bytes"]), etag, listed_ns(item["last_modified"]))


def _parameter(text: str, name: str) -> str:
    """A parameter of a hash as it stands where no middleware has taken it apart: `; s3_etag=…; slo_etag=…`."""
    for part in text.split(";"):
        found, _, value = part.strip().partition("=")
        if found == name:
            return value
    return ""


def names_of(body: bytes) -> list[str]:
    """The names in a listing of an account."""
    try:
        return [item["name"] for item in json.loads(body) if "name" in item]
    except (ValueError, KeyError, TypeError) as error:
        raise ListingBroken(f"the list of containers cannot be read: {error!r}") from error


def listed_ns(text: str) -> int:
    """`2026-11-20T12:40:36.984100`, always UTC. Raises ValueError for anything else."""
    return iso_ns(f"{text[:19]}Z") + int(text[20:26].ljust(6, "0") or 0) * 1000


def timestamp_ns(text: str) -> int:
    """`1795178436.98410`, as X-Timestamp has it; 0 for anything else."""
    seconds, _, fraction = text.partition(".")
    fraction = fraction[:5].ljust(5, "0")
    if not (seconds.isdecimal() and fraction.isdecimal()):
        return 0
    return int(seconds) * SECOND_NS + int(fraction) * 10_000


@dataclass(frozen=True, slots=True)
class Segment:
    """One entry of a manifest. `path` is `/container/object`, `size_bytes` what it gives to the whole.

    `byte_range` (`0-99`) takes a piece of the object, `nested` says that the object is a large object itself, and `data`
    stands for content inside the manifest (then `path` is empty).
    """

    path: str
    size_bytes: int
    etag: str
    byte_range: str = ""
    nested: bool = False
    data: str = ""
    object_bytes: int = 0

    @property
    def md5(self) -> str | None:
        """The MD5 of what the segment gives, None where the manifest does not tell it."""
        return None if self.byte_range or self.nested else self.etag


def parse_manifest(body: bytes) -> list[Segment]:
    """Read a manifest as `multipart-manifest=get` answers it. Raises ValueError for anything else."""
    try:
        return [_segment(item) for item in json.loads(body)]
    except (KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise ValueError(f"it is no manifest: {error!r}") from error


def _segment(item: Mapping[str, Any]) -> Segment:
    if "data" in item:
        content = base64.b64decode(item["data"])
        digest = md5(content, usedforsecurity=False).hexdigest()
        return Segment("", len(content), digest, data=item["data"], object_bytes=len(content))
    size_bytes = int(item["bytes"])
    byte_range = item.get("range") or ""
    given = size_bytes
    if byte_range:
        bounds = _BOUNDS(byte_range)
        if bounds is None:
            raise ValueError(f"a segment has the range {byte_range!r}")
        given = int(bounds[2]) - int(bounds[1]) + 1
    nested = bool(item.get("sub_slo"))
    return Segment(item["name"], given, item["hash"].strip('"'), byte_range, nested, object_bytes=size_bytes)


def build_manifest(segments: Sequence[Segment]) -> bytes:
    """The document for `multipart-manifest=put`: every size and ETag is named, so that Swift checks them."""
    return json.dumps([_item(segment) for segment in segments], ensure_ascii=False, separators=(",", ":")).encode()


def _item(segment: Segment) -> dict[str, Any]:
    if segment.data:
        return {"data": segment.data}
    item: dict[str, Any] = {
        "path": segment.path,
        "etag": segment.etag,
        "size_bytes": segment.object_bytes or segment.size_bytes,
    }
    if segment.byte_range:
        item["range"] = segment.byte_range
    return item


def whole_etag(segments: Sequence[Segment]) -> str:
    """The ETag that Swift gives to the whole: the MD5 of its segments' ETags as text."""
    digest = md5(usedforsecurity=False)
    for segment in segments:
        text = f"{segment.etag}:{segment.byte_range};" if segment.byte_range else segment.etag
        digest.update(text.encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a cluster allows, as `/info` tells it; these values are Swift's own where it tells nothing.

    `bulk_deletes` is the most keys in one request, 0 where there is no such request.
    """

    max_file_bytes: int = 5 * 1024**3
    max_key_bytes: int = 1024
    max_page: int = 10_000
    max_meta_count: int = 90
    max_meta_name_bytes: int = 128
    max_meta_value_bytes: int = 256
    max_meta_bytes: int = 4096
    has_slo: bool = True
    max_segments: int = 1000
    min_segment_bytes: int = 1
    bulk_deletes: int = 1000
    forbidden_characters: str = ""
    forbidden_pattern: str = ""


def parse_limits(body: bytes) -> Limits:
    """Read the answer of `/info`. Raises ValueError for what is none."""
    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - whoever reads documents listens to ValueError
    swift, slo, bulk, names = (
        found if isinstance(found := document.get(name), dict) else {}
        for name in ("swift", "slo", "bulk_delete", "name_check")
    )
    plain = Limits()
    return Limits(
        max_file_bytes=int(swift.get("max_file_size", plain.max_file_bytes)),
        max_key_bytes=int(swift.get("max_object_name_length", plain.max_key_bytes)),
        max_page=int(swift.get("container_listing_limit", plain.max_page)),
        max_meta_count=int(swift.get("max_meta_count", plain.max_meta_count)),
        max_meta_name_bytes=int(swift.get("max_meta_name_length", plain.max_meta_name_bytes)),
        max_meta_value_bytes=int(swift.get("max_meta_value_length", plain.max_meta_value_bytes)),
        max_meta_bytes=int(swift.get("max_meta_overall_size", plain.max_meta_bytes)),
        has_slo="slo" in document,
        max_segments=int(slo.get("max_manifest_segments", plain.max_segments)),
        min_segment_bytes=max(1, int(slo.get("min_segment_size", plain.min_segment_bytes))),
        bulk_deletes=int(bulk.get("max_deletes_per_request", plain.bulk_deletes)) if "bulk_delete" in document else 0,
        forbidden_characters=str(names.get("forbidden_chars") or ""),
        forbidden_pattern=str(names.get("forbidden_regexp") or ""),
    )


class Outcome(NamedTuple):
    """What a request says that answers in its body: the status, Swift's words, and what failed (path, status)."""

    status: int
    words: str
    failed: list[tuple[str, str]]
    etag: str


def parse_outcome(body: bytes) -> Outcome:
    """Read the body of a bulk request or of a manifest's PUT with heartbeat. Raises ValueError for what is none."""
    document = json.loads(body)
    try:
        status = int(str(document["Response Status"])[:3])
        failed = [(str(path), str(words)) for path, words in document.get("Errors", ())]
        words = str(document.get("Response Body", ""))
        return Outcome(status, words, failed, str(document.get("Etag", "")).strip('"'))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the outcome cannot be read: {error!r}") from error
