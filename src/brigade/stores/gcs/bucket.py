"""What every part of the store stands on: the settings, the caller, looks at objects and the limits of keys."""

from __future__ import annotations

import json
from collections.abc import Mapping

from brigade.clock import Clock
from brigade.errors import InvalidKey, NotFound, PreconditionFailed, Rejected, StoreError, Unavailable, Unsupported
from brigade.objects import Attributes
from brigade.stores.base import ALWAYS, Capabilities, Condition
from brigade.stores.gcs.attributes import FIELDS, STORED_CLASSES, Resource, etag_of, resource_of
from brigade.stores.gcs.caller import Caller
from brigade.stores.gcs.settings import GcsSettings

HIDDEN = ".brigade-parts/"
"""Uploads in parts lie under this prefix of the bucket until they are complete; no listing shows it."""

CAPABILITIES = Capabilities(
    strict_etags=True,
    proves_writes=True,
    conditional_writes=True,
    conditional_deletes=True,
    storage_classes=True,
    stored_classes=STORED_CLASSES,
    object_lock=True,
    custom_time=True,
    max_copy_bytes=5 * 1024**4,
    min_part_bytes=1,
    delete_batch=100,
    modified_resolution_ns=1_000_000,
)

# Longer keys are refused here, before anything is sent.
_SURELY_SHORT_CHARACTERS = 256
_REMEMBERED = 4000


class Bucket:
    """State that the parts share. It is complete once the store is open."""

    def __init__(self, settings: GcsSettings, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock
        self._caller: Caller | None = None
        self._capabilities = CAPABILITIES
        self.clock_offset_ns = 0
        # What was told lately, in two halves: when one is full, the older one goes.
        self._seen: dict[str, Resource] = {}
        self._seen_before: dict[str, Resource] = {}

    @property
    def name(self) -> str:
        """For people: `google:photos`."""
        return f"{self.settings.name}:{self.settings.bucket}"

    @property
    def capabilities(self) -> Capabilities:
        """What Google Cloud Storage can do."""
        return self._capabilities

    @property
    def caller(self) -> Caller:
        """The caller of the open store."""
        if self._caller is None:
            raise Unavailable("the store is not open", store=self.name, hint="open() comes first")
        return self._caller

    def remember(self, key: str, resource: Resource) -> None:
        """Keep what was told of an object, so that reading it soon needs no look of its own."""
        if len(self._seen) >= _REMEMBERED // 2:
            self._seen_before, self._seen = self._seen, {}
        self._seen[key] = resource

    def remembered(self, key: str) -> Resource | None:
        """What was told of an object lately; it may be another one by now, so it is used with preconditions only."""
        return self._seen.get(key) or self._seen_before.get(key)

    def forget(self, key: str) -> None:
        """The object has turned out to be another one."""
        self._seen.pop(key, None)
        self._seen_before.pop(key, None)

    async def look(self, operation: str, key: str, *, version_id: str | None = None) -> Resource:
        """The resource of an object as it is now, or of one generation. Raises `NotFound`."""
        self.check_path(key, operation)
        query = [("fields", FIELDS)]
        if version_id is not None:
            query.append(("generation", version_id))
        return await self.caller.call(operation, key, "GET", self.caller.path(key), query)

    async def write_condition(self, condition: Condition, operation: str, key: str) -> list[tuple[str, str]]:
        """The precondition of a write, for which an ETag is looked up: the server knows generations only."""
        if condition == ALWAYS or (condition.if_match is None and condition.if_none_match is None):
            return []
        if condition.if_none_match == "*":
            return [("ifGenerationMatch", "0")]
        try:
            now = await self.look(operation, key)
        except NotFound:
            if condition.if_match is not None:
                raise self.changed(operation, key, "there is no object by now") from None
            return [("ifGenerationMatch", "0")]
        self.check_condition(condition, operation, key, now)
        return [("ifGenerationMatch", str(now["generation"]))]

    def check_condition(self, condition: Condition, operation: str, key: str, now: Resource) -> None:
        """Raise `PreconditionFailed` where an object is not the one of the condition."""
        etag = etag_of(now)
        if condition.if_match not in (None, "*", etag):
            raise self.changed(operation, key, f"the object has the ETag {etag} and not {condition.if_match}")
        if condition.if_none_match in ("*", etag):
            raise self.changed(operation, key, f"the object has the ETag {etag}")

    def resource(self, attributes: Attributes, operation: str, key: str) -> Resource:
        """The attributes as fields, or the error with its place."""
        try:
            return resource_of(attributes)
        except StoreError as error:
            raise self.caller.placed(error, operation, key) from None

    def check_key(self, key: str, operation: str) -> None:
        """Refuse a key that the server cannot hold."""
        reason = ""
        if "\r" in key or "\n" in key:
            reason = "Google Cloud Storage takes no carriage return or line feed in a name"
        elif key.startswith(".well-known/acme-challenge/"):
            reason = "Google Cloud Storage takes no object under '.well-known/acme-challenge/'"
        elif key.startswith(HIDDEN):
            reason = f"the prefix {HIDDEN!r} is where uploads in parts lie until they are complete"
        if reason:
            raise InvalidKey(reason, store=self.name, operation=operation, key=key)
        self.check_path(key, operation)

    def check_path(self, key: str, operation: str) -> None:
        """Refuse what cannot even be asked for: a path that ends in dots may be taken for the bucket."""
        reason = ""
        try:
            if not key:
                reason = "a key cannot be empty"
            elif key in (".", ".."):
                reason = "Google Cloud Storage takes no object that is named '.' or '..'"
            elif len(key) > _SURELY_SHORT_CHARACTERS and len(key.encode()) > self._capabilities.max_key_bytes:
                reason = f"the key is longer than {self._capabilities.max_key_bytes} bytes"
            elif not key.isascii():
                key.encode()
        except UnicodeEncodeError:
            reason = "the key is not valid Unicode, which Google Cloud Storage demands"
        if reason:
            raise InvalidKey(reason, store=self.name, operation=operation, key=key)

    def lacks(self, what: str, operation: str, key: str) -> Unsupported:
        """The error for what Google Cloud Storage has not."""
        return Unsupported(f"Google Cloud Storage has no {what}", store=self.name, operation=operation, key=key)

    def changed(self, operation: str, key: str, text: str) -> PreconditionFailed:
        """The error for a condition that does not hold."""
        return PreconditionFailed(text, store=self.name, operation=operation, key=key)

    def rejected(self, operation: str, key: str | None, text: str) -> Rejected:
        """The error for what would not go better next time."""
        return Rejected(text, store=self.name, operation=operation, key=key)


def parsed(body: bytes) -> Mapping[str, object]:
    """A document of our own that was stored. Raises ValueError where it is none."""
    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError("it is no document")  # noqa: TRY004 - what json.loads raises for the rest
    return document
