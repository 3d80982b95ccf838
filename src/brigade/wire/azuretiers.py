"""Access tiers of Azure and storage classes of S3: one is said in the words of the other."""

from __future__ import annotations

from collections.abc import Mapping

from brigade.errors import Rejected

_TIER_OF: Mapping[str, str] = {
    "STANDARD": "Hot",
    "REDUCED_REDUNDANCY": "Hot",
    "EXPRESS_ONEZONE": "Hot",
    "INTELLIGENT_TIERING": "Hot",
    "STANDARD_IA": "Cool",
    "ONEZONE_IA": "Cool",
    "GLACIER_IR": "Cold",
    "GLACIER": "Archive",
    "DEEP_ARCHIVE": "Archive",
}
_CLASS_OF: Mapping[str, str] = {
    "Hot": "STANDARD",
    "Cool": "STANDARD_IA",
    "Cold": "GLACIER_IR",
    "Archive": "DEEP_ARCHIVE",
}

STORED_CLASSES: Mapping[str, str] = {
    name: stored
    for name, stored in (
        *((name, _CLASS_OF[tier]) for name, tier in _TIER_OF.items()),
        *_CLASS_OF.items(),
    )
    if name != stored
}
"""The classes that come back under another name than they were written by; the tiers' own names among them."""


def tier_of(storage_class: str) -> str:
    """The tier for a storage class; a tier's own name is fine too. Raises `Rejected` for any other."""
    if storage_class in _CLASS_OF:
        return storage_class
    tier = _TIER_OF.get(storage_class)
    if tier is None:
        raise Rejected(
            f"Azure has no access tier for the storage class {storage_class}",
            hint=f"map it to one of {', '.join(_CLASS_OF)}: storage_class_map of the replication",
        )
    return tier


def class_of(tier: str | None) -> str | None:
    """The storage class for a tier, None where S3 has none like it: page blobs, premium accounts."""
    return _CLASS_OF.get(tier) if tier else None
