"""Which attributes the target should have, and where it differs from that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from brigade.objects import Attributes, ObjectLock
from brigade.replications import Policy

if TYPE_CHECKING:
    from mimetypes import MimeTypes

_HEADERS = (
    "content_type",
    "content_encoding",
    "content_disposition",
    "content_language",
    "cache_control",
    "expires",
)
_DEFAULT_TYPE = "application/octet-stream"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Carries:
    """What of an object's attributes can pass from the source to the target (both sides must be able).

    `guess_content_type`: the source is a directory, which knows none, and the target a store that serves by it.
    `stored_classes`: what the target makes of a storage class.
    """

    content_headers: bool = True
    metadata: bool = True
    empty_metadata_values: bool = True
    tags: bool = False
    storage_class: bool = False
    lock: bool = False
    acl: bool = False
    guess_content_type: bool = False
    identifier_metadata: bool = False
    custom_time: bool = False
    delete_at: bool = False
    stored_classes: Mapping[str, str] = field(default_factory=dict)


def expected_attributes(key: str, source: Attributes, policy: Policy, carries: Carries) -> Attributes:
    """What the target's object should carry, given the source's."""
    metadata = source.metadata if carries.metadata else {}
    if metadata and not carries.empty_metadata_values:
        metadata = {name: value for name, value in metadata.items() if value}
    if metadata and carries.identifier_metadata:
        metadata = {name: value for name, value in metadata.items() if is_identifier(name)}
    headers = source if carries.content_headers else Attributes()
    guessed = guess_content_type(key) if carries.guess_content_type and headers.content_type is None else None
    return replace(
        headers,
        content_type=headers.content_type or guessed,
        metadata=metadata,
        tags=source.tags if carries.tags and policy.tags else None,
        storage_class=_storage_class(source.storage_class, policy, carries) if carries.storage_class else None,
        lock=source.lock if carries.lock else None,
        acl=source.acl if carries.acl and policy.acl else None,
        custom_time=source.custom_time if carries.custom_time else None,
        delete_at_seconds=source.delete_at_seconds if carries.delete_at else None,
    )


def is_identifier(name: str) -> bool:
    """True for a name of metadata that every store can hold: letters, digits and `_`, no digit first."""
    return _IDENTIFIER.fullmatch(name) is not None


def guess_content_type(key: str) -> str:
    """The content type by the key's ending, for sources that keep none."""
    dot = key.rfind(".")
    if dot < 0:
        return _DEFAULT_TYPE
    kind, encoding = _types().guess_type(key[dot - 1 if dot else 0 :], strict=False)
    return kind if kind and not encoding else _DEFAULT_TYPE


@cache
def _types() -> MimeTypes:
    """The built-in table only: what a machine has in /etc/mime.types must not change what is written."""
    from mimetypes import MimeTypes

    return MimeTypes(filenames=())


def _storage_class(source: str | None, policy: Policy, carries: Carries) -> str | None:
    wanted = policy.storage_class
    if wanted is None:
        wanted = policy.storage_class_map.get(source or "STANDARD", source)
    return carries.stored_classes.get(wanted, wanted) if wanted else wanted


def with_headers_of(one: Attributes, other: Attributes) -> Attributes:
    """`other` with the content headers of `one`."""
    headers: dict[str, Any] = {name: getattr(one, name) for name in _HEADERS}
    return replace(other, **headers)


def differing_attributes(expected: Attributes, actual: Attributes) -> tuple[str, ...]:
    """The names of what differs. What is None in `expected` and cannot be known is not compared."""
    different = [
        name.replace("_", "-") for name in _HEADERS if _differs(getattr(expected, name), getattr(actual, name))
    ]
    if dict(expected.metadata) != dict(actual.metadata):
        different.append("metadata")
    if expected.tags is not None and dict(expected.tags) != dict(actual.tags or {}):
        different.append("tags")
    if expected.storage_class is not None and expected.storage_class != (actual.storage_class or "STANDARD"):
        different.append("storage-class")
    if expected.lock is not None and _moments_of(expected.lock) != _moments_of(actual.lock):
        different.append("lock")
    if expected.custom_time is not None and _moment(expected.custom_time) != _moment(actual.custom_time):
        different.append("custom-time")
    if expected.delete_at_seconds is not None and expected.delete_at_seconds != actual.delete_at_seconds:
        different.append("delete-at")
    if expected.acl is not None and set(expected.acl) != set(actual.acl or ()):
        different.append("acl")
    return tuple(different)


def _moments_of(lock: ObjectLock | None) -> tuple[str | None, datetime | str | None, bool] | None:
    return None if lock is None else (lock.mode, _moment(lock.retain_until), lock.legal_hold)


def _moment(text: str | None) -> datetime | str | None:
    """The moment that a text of RFC 3339 names: one store writes `00Z`, another `00.000Z`. What is none is compared as text."""
    try:
        return datetime.fromisoformat(text) if text else text
    except ValueError:
        return text


def _differs(expected: str | None, actual: str | None) -> bool:
    return (expected or "") != (actual or "")


assert {f.name for f in fields(Attributes)} >= set(_HEADERS)
