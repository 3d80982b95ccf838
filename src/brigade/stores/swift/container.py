"""What every part of the Swift store stands on: the settings, the caller, and what the cluster allows."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from brigade.clock import Clock
from brigade.errors import (
    BucketMissing,
    InvalidKey,
    NotFound,
    PreconditionFailed,
    Rejected,
    StoreError,
    Unavailable,
    Unsupported,
)
from brigade.objects import Attributes
from brigade.stores.base import Capabilities
from brigade.stores.http.calls import Answer
from brigade.stores.swift.caller import Caller
from brigade.stores.swift.headers import HeaderList, attribute_headers, is_dynamic
from brigade.stores.swift.settings import DynamicObjects, SwiftSettings
from brigade.wire.encoding import encode_query
from brigade.wire.swift import Limits, Page, parse_page

# Longer keys are measured in bytes.
_SURELY_SHORT_CHARACTERS = 256
_LARGEST_BYTES = 5 * 1024**4


class Container:
    """State that the parts share. It is complete once the store is open."""

    def __init__(self, settings: SwiftSettings, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock
        self._caller: Caller | None = None
        self._policy: str | None = settings.storage_policy
        # False as long as nobody has written segments: then no write has any to clear away.
        self._has_segments = False
        self.clock_offset_ns = 0
        self._settle(Limits())

    def _settle(self, limits: Limits) -> None:
        self._limits = limits
        self._forbidden = re.compile(limits.forbidden_pattern) if limits.forbidden_pattern else None
        self._capabilities = Capabilities(
            strict_etags=True,
            proves_writes=True,
            part_reads=limits.has_slo,
            conditional_writes=True,
            multipart=limits.has_slo,
            delete_at=True,
            manifests=limits.has_slo,
            dynamic_parts=self.settings.dlo is DynamicObjects.SEGMENTS,
            max_key_bytes=limits.max_key_bytes,
            max_put_bytes=limits.max_file_bytes,
            max_copy_bytes=_LARGEST_BYTES,
            min_part_bytes=limits.min_segment_bytes,
            max_part_bytes=limits.max_file_bytes,
            max_parts=limits.max_segments,
            delete_batch=min(1000, limits.bulk_deletes) or 1,
            modified_resolution_ns=10_000,
        )

    @property
    def name(self) -> str:
        """For people: `swift:photos`."""
        return f"{self.settings.name}:{self.settings.container}"

    @property
    def capabilities(self) -> Capabilities:
        """What this cluster can do; settled by `open`."""
        return self._capabilities

    @property
    def caller(self) -> Caller:
        """The caller of the open store."""
        if self._caller is None:
            raise Unavailable("the store is not open", store=self.name, hint="open() comes first")
        return self._caller

    def _path(self, key: str | None, operation: str) -> str:
        return self.caller.path(self.settings.container, key, operation)

    def _segment_path(self, name: str | None, operation: str) -> str:
        return self.caller.path(self.settings.segments, name, operation)

    def _check_key(self, key: str, operation: str) -> None:
        """Refuse a key that Swift, or this cluster, cannot hold."""
        reason = ""
        if not key:
            reason = "a key cannot be empty"
        elif len(key) > _SURELY_SHORT_CHARACTERS and len(key.encode("utf-8", "replace")) > self._limits.max_key_bytes:
            reason = f"the key is longer than {self._limits.max_key_bytes} bytes"
        elif "\0" in key:
            reason = "Swift refuses a NUL in a name"
        elif any(character in key for character in self._limits.forbidden_characters):
            reason = f"this cluster forbids the characters {self._limits.forbidden_characters} in names"
        elif self._forbidden is not None and self._forbidden.search(f"/{key}"):
            reason = f"this cluster forbids names that match {self._limits.forbidden_pattern}"
        if reason:
            raise InvalidKey(reason, store=self.name, operation=operation, key=key)

    def _attribute_headers(self, attributes: Attributes, operation: str, key: str) -> HeaderList:
        if attributes.tags:
            raise self._lacks("tags", operation, key)
        if attributes.acl is not None:
            raise self._lacks("ACL of single objects", operation, key)
        try:
            return attribute_headers(attributes, self._limits, encode_names=self.settings.encode_metadata_names)
        except StoreError as error:
            raise self.caller.placed(error, operation, key) from error.__cause__

    async def _refusal(self, operation: str, key: str, answer: Answer) -> StoreError:
        """The error for a refused request on an object; 404 says the same of an object and of its container."""
        error = self.caller.refusal(operation, key, answer)
        if isinstance(error, NotFound):
            if await self._is_manifest(operation, key):
                return self._segments_lost(operation, key)
            container = await self.caller.ask(operation, None, "HEAD", self._path(None, operation))
            if container.status >= 300:
                return self.caller.refusal(operation, None, container)
        return error

    async def _is_manifest(self, operation: str, key: str) -> bool:
        """True for a dynamic large object that answers 404 because the container of its segments does."""
        if self.settings.dlo is DynamicObjects.IGNORE:
            return False
        target = f"{self._path(key, operation)}?multipart-manifest=get"
        itself = await self.caller.ask(operation, key, "HEAD", target)
        return itself.status < 300 and is_dynamic(itself.headers)

    def _segments_lost(self, operation: str, key: str) -> Rejected:
        text = "it is a dynamic large object, and the container of its segments is missing"
        return self._rejected(operation, key, text)

    async def _call(
        self, operation: str, key: str, method: str, query: str = "", headers: HeaderList | None = None
    ) -> Answer:
        """One request without a body on an object of the container, and its answer. Raises what a refusal stands for."""
        target = self._path(key, operation)
        answer = await self.caller.ask(operation, key, method, f"{target}?{query}" if query else target, headers or ())
        if answer.status >= 300:
            raise await self._refusal(operation, key, answer)
        return answer

    async def _page(
        self,
        operation: str,
        path: str,
        *,
        prefix: str = "",
        marker: str = "",
        delimiter: str = "",
        limit: int = 1000,
        doubt_empty: bool = False,
    ) -> Page:
        """One page of any container."""
        query = [("format", "json"), ("limit", str(min(limit, self._limits.max_page)))]
        query += [
            (name, value) for name, value in (("prefix", prefix), ("marker", marker), ("delimiter", delimiter)) if value
        ]
        answer = await self.caller.call(operation, None, "GET", f"{path}?{encode_query(query)}")
        try:
            # Nothing to list may be said by 204; any other answer without a body says nothing at all.
            return parse_page(b"[]" if answer.status == 204 else answer.body, doubt_empty=doubt_empty)
        except StoreError as error:
            raise self.caller.placed(error, operation, None) from error.__cause__

    async def _segment_pages(self, operation: str, prefix: str, *, delimiter: str = "") -> Page:
        """All of the segments' container under a prefix; nothing where there is no such container."""
        whole, marker = Page([], [], []), ""
        while True:
            try:
                page = await self._page(
                    operation, self._segment_path(None, operation), prefix=prefix, marker=marker, delimiter=delimiter
                )
            except BucketMissing:
                return whole
            whole.entries.extend(page.entries)
            whole.folders.extend(page.folders)
            last = max([info.key for info in page.entries[-1:]] + page.folders[-1:], default="")
            if not last:
                return whole
            if last <= marker:
                raise self._rejected(operation, None, "the server lists the same names again and again")
            marker = last

    def _lacks(self, what: str, operation: str, key: str | None = None) -> Unsupported:
        return Unsupported(f"Swift has no {what}", store=self.name, operation=operation, key=key)

    def _changed(self, operation: str, key: str, text: str) -> PreconditionFailed:
        return PreconditionFailed(text, store=self.name, operation=operation, key=key)

    def _rejected(self, operation: str, key: str | None, text: str) -> Rejected:
        return Rejected(text, store=self.name, operation=operation, key=key)


def identity_of(settings: SwiftSettings) -> str:
    """The same text for the same container, as far as the settings tell without asking anybody."""
    parts = urlsplit(settings.storage_url or settings.auth_url or "")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if settings.storage_url is not None:
        account = settings.account or parts.path.rstrip("/").rsplit("/", 1)[-1]
    else:
        account = settings.account or _owner(settings)
    region = f"{settings.region}/" if settings.region else ""
    return f"swift://{(parts.hostname or '').lower()}:{port}/{region}{account}/{settings.container}"


def _owner(settings: SwiftSettings) -> str:
    """Whose account it is: the project, else what v1 has before the colon of the user."""
    project = settings.project_id or settings.project_name
    application = settings.application_credential_id or settings.application_credential_name
    return project or application or (settings.user or "").partition(":")[0]
