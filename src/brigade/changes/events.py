"""What other systems post about their objects, read into changes. Pure.

Known are S3 event records (AWS, MinIO, Ceph RGW and their like), bare or inside an SNS message, EventBridge events, and
the file events of SeaweedFS. Which kind of event it was plays no part: a deletion, a tag, an ACL, a restore, an
expired object and events that nobody has heard of yet all say "this key may differ". Only reading is no change.

How keys are written differs by sender. AWS and MinIO encode them as in a form (`+` is a space, moto also writes `/`
as `%2F`); EventBridge and SeaweedFS write them as they are. Ceph 16 writes them as they are too, but says nothing that
would tell it from a release that does not. So for Ceph and for senders that are not known, both readings are marked
where they differ: a false alarm costs two requests, a missed key costs the copy.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from brigade.changes.base import Change
from brigade.wire.encoding import decode_plus

MAX_EVENTS = 10_000
"""Senders put one event into a message, a few at most. 1 MiB of JSON cannot hold many more than this."""

MAX_KEY_BYTES = 4096
"""S3 ends at 1024; servers that keep keys as paths end here."""

MAX_DEPTH = 4
"""An event in an SNS message in a queue is three deep."""

_ENCODING_SENDERS = ("aws:s3", "minio:s3")
_READS = ("ObjectAccessed", "s3:ObjectAccessed")
_SEAWEED_BUCKETS = "/buckets/"
_SEAWEED_UPLOADS = ".uploads/"


class Confirmation(NamedTuple):
    """An SNS topic asks whether it may send: opening the URL says yes."""

    topic: str
    url: str


class Parsed(NamedTuple):
    """What a body says. `malformed` is why the body as a whole, or its last bad event, cannot be read.

    `topics` are the SNS topics that its envelopes name.
    """

    changes: list[Change]
    ignored: int
    failed: int
    malformed: str = ""
    confirmation: Confirmation | None = None
    topics: tuple[str, ...] = ()

    @property
    def is_unreadable(self) -> bool:
        """True where nothing at all could be read."""
        return bool(self.malformed) and not self.changes and not self.ignored


class _Malformed(ValueError):
    """This is no event."""


def parse_events(body: bytes | str) -> Parsed:
    """Read a body. Never raises: what cannot be read is counted in `failed`."""
    reader = _Reader()
    reader.attempt(lambda: reader.document(_loaded(body), 0))
    return Parsed(
        reader.changes, reader.ignored, reader.failed, reader.malformed, reader.confirmation, tuple(reader.topics)
    )


def _loaded(body: bytes | str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _Malformed(f"no JSON: {str(error)[:200]}") from None


class _Reader:
    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.ignored = 0
        self.failed = 0
        self.malformed = ""
        self.confirmation: Confirmation | None = None
        self.topics: list[str] = []
        self._seen = 0

    def attempt(self, read: Callable[[], None]) -> None:
        """Read one thing; if it is no event, count it and go on with the next."""
        try:
            read()
        except _Malformed as error:
            self.failed += 1
            self.malformed = str(error)

    def document(self, value: Any, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _Malformed(f"events are nested deeper than {MAX_DEPTH}")
        match value:
            case str():
                self.document(_loaded(value), depth + 1)
            case list():
                self._each(value, lambda item: self.document(item, depth + 1))
            case {"Records": list(records)}:
                self._each(records, self._record)
            case {"Type": str(kind), "TopicArn": str(topic)}:
                self._envelope(kind, topic, value, depth)
            case {"detail-type": str(), "detail": {"bucket": {"name": str(bucket)}, "object": {"key": str(key)}}}:
                self._change(bucket, key)
            case {"event_type": str(), "key": str(path), "message": dict(message)}:
                self._seaweed(path, message)
            case {"Event": "s3:TestEvent"}:
                self.ignored += 1
            case {"s3": dict()}:
                self._record(value)
            case _:
                raise _Malformed("no event of a kind that is known here")

    def _each(self, items: list[Any], read: Callable[[Any], None]) -> None:
        self._seen += len(items)
        if self._seen > MAX_EVENTS:
            raise _Malformed(f"more than {MAX_EVENTS} events in one body")
        for item in items:
            self.attempt(lambda item=item: read(item))  # type: ignore[misc]

    def _record(self, record: Any) -> None:
        match record:
            case {"s3": {"bucket": {"name": str(bucket)}, "object": {"key": str(key)}}}:
                if str(record.get("eventName", "")).startswith(_READS):
                    self.ignored += 1
                    return
            case _:
                raise _Malformed("an event without bucket or key")
        sender = record.get("eventSource")
        plain = _plain(key)
        if sender not in _ENCODING_SENDERS:
            self._change(bucket, key)
            if plain != key:
                self._change(bucket, plain)
        else:
            self._change(bucket, plain)

    def _envelope(self, kind: str, topic: str, value: dict[str, Any], depth: int) -> None:
        self.topics.append(topic)
        if kind == "Notification":
            self.document(str(value.get("Message", "")), depth)
            return
        self.ignored += 1
        url = value.get("SubscribeURL")
        if kind == "SubscriptionConfirmation" and isinstance(url, str):
            self.confirmation = Confirmation(topic, url)

    def _seaweed(self, path: str, message: dict[str, Any]) -> None:
        entry = message.get("new_entry") or message.get("old_entry")
        is_directory = isinstance(entry, dict) and entry.get("is_directory") is True
        paths = [path]
        match message:
            case {"new_entry": {"name": str(name)}, "new_parent_path": str(parent)}:
                renamed = f"{parent.rstrip('/')}/{name}"
                paths += [renamed] if renamed != path else []
            case _:
                pass
        for each in paths:
            self._seaweed_path(f"{each}/" if is_directory else each)

    def _seaweed_path(self, path: str) -> None:
        bucket, _, key = path.removeprefix(_SEAWEED_BUCKETS).partition("/")
        if not path.startswith(_SEAWEED_BUCKETS) or bucket.startswith(".") or key.startswith(_SEAWEED_UPLOADS):
            self.ignored += 1
        else:
            self._change(bucket, key)

    def _change(self, bucket: str, key: str) -> None:
        if not bucket or not key:
            self.ignored += 1  # A bucket was made or removed: no key differs by that.
            return
        try:
            size_bytes = len(key.encode()) + len(bucket.encode())
        except UnicodeEncodeError:
            raise _Malformed("a key that is not valid Unicode") from None
        if size_bytes > MAX_KEY_BYTES:
            raise _Malformed(f"a key of more than {MAX_KEY_BYTES} bytes")
        self.changes.append(Change(bucket, key))


def _plain(key: str) -> str:
    """The key with its encoding undone; one whose escapes are not UTF-8 was not encoded."""
    try:
        return decode_plus(key)
    except UnicodeError:
        return key
