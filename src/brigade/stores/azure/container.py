"""What every part of the Azure store stands on: the settings, the caller, and what is known of the account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from brigade.clock import Clock
from brigade.errors import InvalidKey, PreconditionFailed, Rejected, StoreError, Unavailable, Unsupported
from brigade.objects import MEBIBYTE, Attributes, ObjectInfo
from brigade.stores.azure.caller import Caller
from brigade.stores.azure.headers import HeaderList, attribute_headers, info_from
from brigade.stores.azure.keys import MAX_KEY_CHARACTERS, key_trouble
from brigade.stores.azure.settings import AzureSettings
from brigade.stores.base import Capabilities, Condition, ListingOrder
from brigade.wire.azuretiers import STORED_CLASSES

# "Scalability targets for Blob Storage": 50,000 blocks of 4,000 MiB; one more MiB of either is refused.
MAX_BLOCK_BYTES = 4000 * MEBIBYTE
MAX_BLOCKS = 50_000

_CAPABILITIES = Capabilities(
    # Azure says "alphabetical" and sorts by UTF-16, which is byte order only for keys without rare characters.
    listing_order=ListingOrder.NONE,
    start_after=False,
    content_etags=False,
    proves_writes=True,
    conditional_writes=True,
    conditional_deletes=True,
    copy_keeps_etag=False,
    reads_tell_class=False,
    identifier_metadata=True,
    tags=True,
    narrow_tags=True,
    storage_classes=True,
    stored_classes=STORED_CLASSES,
    max_key_bytes=MAX_KEY_CHARACTERS,
    max_put_bytes=MAX_BLOCK_BYTES,
    max_copy_bytes=MAX_BLOCK_BYTES * MAX_BLOCKS,
    min_part_bytes=1,
    max_part_bytes=MAX_BLOCK_BYTES,
    max_parts=MAX_BLOCKS,
    delete_batch=256,
)


class Container:
    """State that the parts share. It is complete once the store is open."""

    def __init__(self, settings: AzureSettings, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock
        self._caller: Caller | None = None
        self._sees_tags = False
        self._proves_writes = True
        self.clock_offset_ns = 0
        self._settle(hierarchical=bool(settings.hierarchical), tiers=True)

    def _settle(self, *, hierarchical: bool, tiers: bool) -> None:
        """Take up what the account can do. One with a hierarchical namespace lists by components and has no index tags."""
        self.hierarchical = hierarchical
        order = ListingOrder.COMPONENTS if hierarchical else _CAPABILITIES.listing_order
        self._capabilities = replace(
            _CAPABILITIES,
            listing_order=self.settings.listing_order or order,
            identifier_metadata=not self.settings.encode_metadata_names,
            tags=not hierarchical,
            storage_classes=tiers,
            stored_classes=STORED_CLASSES if tiers else {},
            proves_writes=self._proves_writes,
        )

    @property
    def name(self) -> str:
        """For people: `azure:photos`."""
        return f"{self.settings.name}:{self.settings.container}"

    @property
    def capabilities(self) -> Capabilities:
        """What this account can do; settled by `open`."""
        return self._capabilities

    @property
    def caller(self) -> Caller:
        """The caller of the open store."""
        if self._caller is None:
            raise Unavailable("the store is not open", store=self.name, hint="open() comes first")
        return self._caller

    def _check_key(self, key: str, operation: str) -> None:
        """Refuse a key that Azure cannot hold."""
        reason = key_trouble(key, hierarchical=self.hierarchical)
        if reason:
            raise InvalidKey(reason, store=self.name, operation=operation, key=key)

    def _attribute_headers(self, attributes: Attributes, operation: str, key: str) -> HeaderList:
        if attributes.tags:
            self._need("tags", operation, key)
        with self._placing(operation, key):
            return attribute_headers(attributes, encode_names=self.settings.encode_metadata_names)

    def _info(self, operation: str, key: str, headers: Mapping[str, str], size_bytes: int) -> ObjectInfo:
        with self._placing(operation, key):
            return info_from(
                key,
                headers,
                size_bytes,
                decode_names=self.settings.encode_metadata_names,
                no_count_means_none=self._sees_tags,
            )

    @contextmanager
    def _placing(self, operation: str, key: str | None) -> Iterator[None]:
        """Errors from here on say where they happened."""
        try:
            yield
        except StoreError as error:
            raise self.caller.placed(error, operation, key) from error.__cause__

    @contextmanager
    def _reading(self, operation: str, key: str | None) -> Iterator[None]:
        """Reads an answer's document: one that cannot be read is a failure of the server."""
        try:
            yield
        except ValueError as error:
            raise Unavailable(
                f"the answer cannot be read: {error}", store=self.name, operation=operation, key=key
            ) from error

    def _need(self, capability: str, operation: str, key: str | None = None) -> None:
        """Refuse a call that this account does not understand."""
        if not getattr(self._capabilities, capability):
            words = capability.replace("_", " ")
            raise Unsupported(f"this account has no {words}", store=self.name, operation=operation, key=key)

    def _changed(self, operation: str, key: str, text: str) -> PreconditionFailed:
        return PreconditionFailed(text, store=self.name, operation=operation, key=key)

    def _rejected(self, operation: str, key: str | None, text: str) -> Rejected:
        return Rejected(text, store=self.name, operation=operation, key=key)


def condition_headers(condition: Condition, prefix: str = "") -> HeaderList:
    """If-Match and If-None-Match; on the source of a copy under another name."""
    headers = []
    if condition.if_match is not None:
        headers.append((f"{prefix}if-match", match_value(condition.if_match)))
    if condition.if_none_match is not None:
        headers.append((f"{prefix}if-none-match", match_value(condition.if_none_match)))
    return headers


def match_value(etag: str) -> str:
    """An ETag as conditions take it."""
    return etag if etag == "*" else f'"{etag}"'
