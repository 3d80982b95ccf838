"""Reading a page of ListObjectsV2, fast: every object of a bucket passes here.

The entries of a page are shaped alike. The shape is learned from the first entry and made into one regular
expression, which then reads all of them. That counts only if it accounts for every character from the
first entry to the last; what is left of the page, and any page of another make, goes through the full
parser. So the fast way never skips an entry, and a page that is cut off or damaged raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from brigade.errors import ListingBroken
from brigade.objects import ObjectInfo
from brigade.wire.encoding import decode_plus
from brigade.wire.s3time import SECOND_NS, iso_ns
from brigade.wire.xml import Node, XmlError, parse, unescape

Row = tuple[str, str, str, str, str]

_FIELDS = ("Key", "LastModified", "ETag", "Size", "StorageClass")
_START, _END = "<Contents>", "</Contents>"
_TAG = re.compile(r"<(/?)(\w+)>([^<]*)")
_QUOTES = ("&quot;", "&#34;", '"')
_UTF8 = re.compile(rb"\s*<\?xml[^>]*encoding=['\"](?i:utf-8)['\"]").match


class Listing(NamedTuple):
    """One page: its entries, and the token of the next page (None: the listing is complete)."""

    entries: list[ObjectInfo]
    token: str | None


class _Shape(NamedTuple):
    """How to read the entries of a page: what they look like, which groups are wanted, how long they are without them."""

    pattern: re.Pattern[str]
    pick: Callable[[tuple[str, ...]], Row]
    fixed_length: int


def parse_listing(body: bytes) -> Listing:
    """Read an answer of ListObjectsV2. Raises `ListingBroken` unless the page is whole and consistent."""
    try:
        fast = _fast_rows(body.decode()) if b"encoding" not in body[:64] or _UTF8(body) else None
        root = parse(body if fast is None else fast[1])
        if root.name != "ListBucketResult":
            raise ListingBroken(f"the answer to a listing is not a ListBucketResult but {root.name!r}")
        rows = fast[0] if fast is not None else [_row(node) for node in root.all("Contents")]
        return _listing(root, rows, escaped=fast is not None)
    except (UnicodeDecodeError, XmlError, ValueError) as error:
        raise ListingBroken(f"a page of the listing cannot be read: {error}") from error


def _listing(root: Node, rows: list[Row], *, escaped: bool) -> Listing:
    truncated = root.text_of("IsTruncated")
    if truncated not in ("true", "false"):
        raise ListingBroken(f"the page does not say whether the listing ends with it (IsTruncated: {truncated!r})")
    token = root.text_of("NextContinuationToken") if truncated == "true" else None
    if truncated == "true" and not token:
        raise ListingBroken("the listing goes on, but has no token for its next page")
    held = len(rows) + len(root.all("CommonPrefixes"))
    counted = root.text_of("KeyCount")
    if counted and int(counted) > held:
        raise ListingBroken(f"the page says it holds {counted} keys and holds {held}")
    return Listing(_entries(rows, encoded=root.text_of("EncodingType") == "url", escaped=escaped), token)


def _entries(rows: list[Row], *, encoded: bool, escaped: bool) -> list[ObjectInfo]:
    minutes: dict[str, int] = {}
    entries = []
    for raw_key, modified, raw_etag, size, storage_class in rows:
        key = unescape(raw_key) if escaped and "&" in raw_key else raw_key
        etag = unescape(raw_etag) if escaped and "&" in raw_etag else raw_etag
        if encoded and ("%" in key or "+" in key):
            # Ceph writes each slash as %2F, which alone need not cost a whole decoding.
            key = key.replace("%2F", "/")
            key = decode_plus(key) if "%" in key or "+" in key else key
        minute_ns = minutes.get(modified[:16])
        if minute_ns is None:
            minute_ns = minutes[modified[:16]] = iso_ns(modified) // (60 * SECOND_NS) * (60 * SECOND_NS)
        # Whole seconds: HEAD tells no more, and both must give one fingerprint.
        modified_ns = minute_ns + int(modified[17:19]) * SECOND_NS
        entries.append(ObjectInfo(key, int(size), etag.strip('"') or None, modified_ns, storage_class or None))
    return entries


def _row(node: Node) -> Row:
    key, modified, etag, size, storage_class = (node.text_of(name) for name in _FIELDS)
    if key is None or size is None or not modified:
        raise ListingBroken("an entry of the listing lacks its key, size or time")
    return key, modified, etag or "", size, storage_class or ""


def _fast_rows(text: str) -> tuple[list[Row], str] | None:
    """The entries, still escaped, and the page without them; None if this page needs the full parser."""
    first, last = text.find(_START), text.rfind(_END) + len(_END)
    if first < 0 or last < first or "<!" in text or "\r" in text:
        return None
    shape = _shape_of(text[first : text.find(_END, first) + len(_END)])
    if shape is None:
        return None
    found = shape.pattern.findall(text, first, last)
    if shape.fixed_length * len(found) + sum(map(len, chain.from_iterable(found))) != last - first:
        return None
    return list(map(shape.pick, found)), text[:first] + text[last:]


def _shape_of(entry: str) -> _Shape | None:
    """Take an entry apart: each leaf becomes a group, its quotes stay outside the group."""
    tags = _TAG.findall(entry)
    parts, names, depth = [], [], 0
    for position, (slash, name, text) in enumerate(tags):
        depth += -1 if slash else 1
        is_leaf = not slash and tags[position + 1][:2] == ("/", name)
        if is_leaf:
            quote = next((q for q in _QUOTES if text.startswith(q) and text.endswith(q) and len(text) > len(q)), "")
            parts.append(f"<{name}>{quote}([^<]*){quote}")
            names.append(name if depth == 2 else f"{depth}:{name}")
        else:
            parts.append(f"<{slash}{name}>")
    if sum(len(f"<{slash}{name}>{text}") for slash, name, text in tags) != len(entry):
        return None
    return _shape("".join(parts), tuple(names)) if set(_FIELDS) <= set(names) else None


@lru_cache(maxsize=16)
def _shape(template: str, names: tuple[str, ...]) -> _Shape:
    pick = itemgetter(*(names.index(field) for field in _FIELDS))
    return _Shape(re.compile(template), pick, len(template.replace("([^<]*)", "")))
