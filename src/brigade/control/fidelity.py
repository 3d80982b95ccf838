"""The fidelity table: what of an object survives between two stores, told before anything is copied."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from brigade.stores.base import Capabilities


class Fate(StrEnum):
    """What becomes of one aspect of an object."""

    CARRIED = "carried"
    PARTLY = "partly"
    LOST = "not carried"
    ABSENT = "not there"


class Fidelity(NamedTuple):
    """One row: an aspect, its fate, and why."""

    what: str
    fate: Fate
    why: str


# A store that has all that S3 has: the source to judge a single store by.
EVERYTHING = Capabilities(tags=True, storage_classes=True, acl=True, object_lock=True)

_ASPECTS = (
    ("content headers", "content_headers"),
    ("user metadata", "metadata"),
    ("tags", "tags"),
    ("storage class", "storage_classes"),
    ("ACL", "acl"),
    ("object lock", "object_lock"),
)
# What few stores have is a row only where the source is one of them.
_RARE_ASPECTS = (("custom time", "custom_time"), ("time of deletion", "delete_at"))


def fidelity(source: Capabilities, target: Capabilities) -> list[Fidelity]:
    """Every aspect of an object and what a copy from `source` to `target` makes of it."""
    rows = [_keys(source, target), _content(source, target)]
    rows += [_aspect(what, getattr(source, name), getattr(target, name)) for what, name in _ASPECTS]
    rows += [_aspect(what, True, getattr(target, name)) for what, name in _RARE_ASPECTS if getattr(source, name)]
    partly = _partly(source, target)
    rows = [
        row._replace(fate=Fate.PARTLY, why=partly[row.what]) if row.fate is Fate.CARRIED and row.what in partly else row
        for row in rows
    ]
    # A directory has no metadata of its own that could be empty.
    can_be_empty = source.metadata and source.empty_metadata_values and not source.local_reads
    if can_be_empty and target.metadata and not target.empty_metadata_values:
        rows.append(Fidelity("empty metadata values", Fate.LOST, "the target drops them"))
    return rows


def _partly(source: Capabilities, target: Capabilities) -> dict[str, str]:
    """What both hold, but the target not all of it, and why."""
    found = {}
    if target.identifier_metadata and not source.identifier_metadata:
        found["user metadata"] = "names that are no identifiers (two-words) stay behind"
    if target.narrow_tags and not source.narrow_tags:
        found["tags"] = "at most ten, of ASCII letters, digits, space and +-./:=_; others fail with their reason"
    if target.stored_classes:
        renamed = (f"{given} becomes {told}" for given, told in target.stored_classes.items() if given.isupper())
        found["storage class"] = ", ".join(renamed)
    return found


def losses(source: Capabilities, target: Capabilities, *, acl: bool = False) -> list[str]:
    """What this pair cannot carry, in words for one line; an ACL counts only where it is asked for."""
    rows = fidelity(source, target)
    return [row.what for row in rows if row.fate is Fate.LOST and (acl or row.what != "ACL")]


def _aspect(what: str, at_source: bool, at_target: bool) -> Fidelity:
    if not at_source:
        return Fidelity(what, Fate.ABSENT, "the source has none")
    if not at_target:
        return Fidelity(what, Fate.LOST, "the target cannot hold it")
    note = "with --acl" if what == "ACL" else "both hold it"
    return Fidelity(what, Fate.CARRIED, note)


def _keys(source: Capabilities, target: Capabilities) -> Fidelity:
    if target.max_key_bytes < source.max_key_bytes:
        return Fidelity("keys", Fate.PARTLY, f"longer than {target.max_key_bytes} bytes fail with their reason")
    return Fidelity("keys", Fate.CARRIED, "byte for byte; one that the target refuses fails with its reason")


def _content(source: Capabilities, target: Capabilities) -> Fidelity:
    if source.content_etags and target.content_etags:
        return Fidelity("content", Fate.CARRIED, "proven by the ETags of both sides")
    if target.verifies_md5:
        return Fidelity("content", Fate.CARRIED, "proven by its MD5, which the target checks")
    if target.proves_writes:
        return Fidelity("content", Fate.CARRIED, "proven by a checksum, which the target computes")
    return Fidelity("content", Fate.CARRIED, "proven by reading it back")


class PairFidelity(NamedTuple):
    """What becomes of the aspects of an object between two types of stores."""

    source: str
    target: str
    rows: list[Fidelity]


def all_pairs(types: Mapping[str, Capabilities]) -> list[PairFidelity]:
    """Every ordered pair of types, each with itself too."""
    return [
        PairFidelity(source, target, fidelity(types[source], types[target])) for source in types for target in types
    ]
