"""The fidelity table: what of an object survives between two stores, told before anything is copied."""

from __future__ import annotations

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


# A store that has all there is: the source to judge a single store by.
EVERYTHING = Capabilities(tags=True, storage_classes=True, acl=True, object_lock=True)

_ASPECTS = (
    ("content headers", "content_headers"),
    ("user metadata", "metadata"),
    ("tags", "tags"),
    ("storage class", "storage_classes"),
    ("ACL", "acl"),
    ("object lock", "object_lock"),
)


def fidelity(source: Capabilities, target: Capabilities) -> list[Fidelity]:
    """Every aspect of an object and what a copy from `source` to `target` makes of it."""
    rows = [_keys(source, target), _content(source, target)]
    rows += [_aspect(what, getattr(source, name), getattr(target, name)) for what, name in _ASPECTS]
    # A directory has no metadata of its own that could be empty.
    can_be_empty = source.metadata and source.empty_metadata_values and not source.local_reads
    if can_be_empty and target.metadata and not target.empty_metadata_values:
        rows.append(Fidelity("empty metadata values", Fate.LOST, "the target drops them"))
    return rows


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
    return Fidelity("content", Fate.CARRIED, "proven by reading it back")
