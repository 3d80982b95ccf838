"""What clients were told about keys, and therefore what a store may hold: the model that real runs are held to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from brigade.testing.buckets import Bucket

# A request whose answer nobody saw may still be carried out so much later, and then undo what came after it.
_LATE_SECONDS = 5.0
_HEADERS = (
    "ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage",
)  # fmt: skip


class Held(NamedTuple):
    """One object with all that must be equal on both sides."""

    digest: str
    size_bytes: int
    headers: tuple[tuple[str, str], ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()


Value = Held | None
"""None: there is no such object."""

Change = Callable[[Value], set[Value]]
"""What may be there after a change of what was there; nothing where the change cannot have succeeded."""


def pairs(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """A mapping to compare."""
    return tuple(sorted((name, str(value)) for name, value in values.items()))


def held(body: bytes, attributes: Mapping[str, Any], tags: Mapping[str, str]) -> Held:
    """What a put with these arguments of botocore makes."""
    headers = {name: attributes[name] for name in _HEADERS if name in attributes}
    return Held(digest(body), len(body), pairs(headers), pairs(attributes.get("Metadata", {})), pairs(tags))


def look(bucket: Bucket, key: str) -> Value:
    """What a bucket holds under a key."""
    try:
        answer = bucket.client.get_object(Bucket=bucket.name, Key=bucket.prefix + key)
        body = answer["Body"].read()
        tags = bucket.tags(key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise
    return held(body, answer, tags)


def digest(body: bytes) -> str:
    """What stands for some bytes."""
    return hashlib.sha256(body).hexdigest()[:16]


def to(value: Value) -> Change:
    """The object becomes this, whatever was there."""
    return lambda _: {value}


def copied(values: set[Value]) -> Change:
    """The object becomes a copy of one of these."""
    return lambda _: {copy for value in values if value is not None for copy in _tags_or_none(value)}


def with_tags(tags: Mapping[str, str]) -> Change:
    """The object gets other tags."""
    return lambda value: set() if value is None else {value._replace(tags=pairs(tags))}


def with_attributes(attributes: Mapping[str, Any]) -> Change:
    """The object gets other headers and metadata."""
    new = held(b"", attributes, {})

    def change(value: Value) -> set[Value]:
        if value is None:
            return set()
        return _tags_or_none(value._replace(headers=new.headers, metadata=new.metadata))

    return change


def _tags_or_none(value: Held) -> set[Value]:
    """Whether a copy keeps the tags differs by server."""
    return {value, value._replace(tags=())}


class Promise:
    """What may be there under one key. Changes are reported one after the other, as one client makes them."""

    def __init__(self) -> None:
        self.possible: set[Value] = {None}
        self._loose: list[tuple[Change, float]] = []

    def acknowledged(self, change: Change, began_seconds: float) -> None:
        """The change was made: what it replaced is there no more."""
        self._loose = [loose for loose in self._loose if loose[1] > began_seconds - _LATE_SECONDS]
        possible = _after(change, self.possible)
        assert possible, f"what was acknowledged is impossible after {self.possible}"
        self._become(possible)

    def one_of(self, values: set[Value], began_seconds: float) -> None:
        """Several wrote at once, and these were acknowledged: one of them came last."""
        self._loose = [loose for loose in self._loose if loose[1] > began_seconds - _LATE_SECONDS]
        self._become(set(values))

    def _become(self, possible: set[Value]) -> None:
        self.possible = possible
        for late, _ in self._loose:
            self.possible |= _after(late, self.possible)

    def unknown(self, change: Change, ended_seconds: float) -> None:
        """The change may have been made, or may be yet."""
        self._loose.append((change, ended_seconds))
        self.possible |= _after(change, self.possible)


def _after(change: Change, values: set[Value]) -> set[Value]:
    return {after for value in values for after in change(value)}
