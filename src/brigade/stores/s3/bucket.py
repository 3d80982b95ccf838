"""What every part of the S3 store stands on: the settings, the caller, and the vendor's ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from brigade.clock import Clock
from brigade.errors import InvalidKey, NotFound, PreconditionFailed, Rejected, StoreError, Unavailable, Unsupported
from brigade.objects import Attributes, Checksum, ChecksumAlgorithm, ObjectInfo
from brigade.stores.base import ALWAYS, Body, BytesBody, Capabilities, Condition
from brigade.stores.checked import CheckedBody
from brigade.stores.http.calls import Answer
from brigade.stores.s3.caller import Caller
from brigade.stores.s3.headers import HeaderList, base64_of, info_from
from brigade.stores.s3.settings import Encryption, S3Settings, Vendor
from brigade.stores.s3.vendors import TRAITS
from brigade.wire.s3xml import hidden_error
from brigade.wire.sigv4 import UNSIGNED_PAYLOAD

# Longer keys are refused here, in one place, before anything is sent.
_SURELY_SHORT_CHARACTERS = 256
# SeaweedFS answers HEAD for each implied directory; a real object never has an upload of no parts.
_DIRECTORY_ETAG = "d41d8cd98f00b204e9800998ecf8427e-0"


class Bucket:
    """State that the parts share. It is complete once the store is open."""

    def __init__(self, settings: S3Settings, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock
        self._caller: Caller | None = None
        self._sees_tags = False
        self.clock_offset_ns = 0
        self._settle(Vendor.GENERIC if settings.vendor is Vendor.AUTO else settings.vendor)

    def _settle(self, vendor: Vendor) -> None:
        """Take up a vendor's ways, with the settings' word above them."""
        settings, self._traits = self.settings, TRAITS[vendor]
        self.vendor = vendor
        known = self._traits.capabilities
        hides_md5 = settings.encryption in (Encryption.SSE_KMS, Encryption.SSE_C)
        self._capabilities = replace(
            known,
            content_etags=known.content_etags and not hides_md5,
            copy_keeps_etag=known.copy_keeps_etag and not hides_md5,
            listing_order=settings.listing_order or known.listing_order,
            min_part_bytes=settings.min_part_bytes or known.min_part_bytes,
            max_part_bytes=settings.max_part_bytes or known.max_part_bytes,
            max_parts=settings.max_parts or known.max_parts,
        )

    @property
    def name(self) -> str:
        """For people: `minio:photos`."""
        return f"{self.settings.name}:{self.settings.bucket}"

    @property
    def capabilities(self) -> Capabilities:
        """What this server can do; settled by `open`."""
        return self._capabilities

    @property
    def caller(self) -> Caller:
        """The caller of the open store."""
        if self._caller is None:
            raise Unavailable("the store is not open", store=self.name, hint="open() comes first")
        return self._caller

    def _check_key(self, key: str, operation: str) -> None:
        """Refuse a key that this server cannot hold."""
        reason = ""
        if not key:
            reason = "a key cannot be empty"
        elif (
            len(key) > _SURELY_SHORT_CHARACTERS
            and len(key.encode("utf-8", "replace")) > self._capabilities.max_key_bytes
        ):
            reason = f"the key is longer than {self._capabilities.max_key_bytes} bytes"
        elif self._traits.path_keys:
            reason = _path_trouble(key)
        if reason:
            raise InvalidKey(reason, store=self.name, operation=operation, key=key)

    def _check_content(self, key: str, size_bytes: int, attributes: Attributes, operation: str) -> None:
        """Refuse what would be lost, where the server keeps a key with a slash at its end as a directory."""
        if not self._traits.path_keys or key[-1] != "/":
            return
        kept = Attributes(content_type=attributes.content_type, storage_class=attributes.storage_class)
        if size_bytes or attributes.with_tags(attributes.tags or None) != kept:
            reason = "the server keeps a key with a slash at its end as a directory, without content, metadata or tags"
            raise InvalidKey(reason, store=self.name, operation=operation, key=key)

    def _info(self, operation: str, key: str, headers: Mapping[str, str], size_bytes: int) -> ObjectInfo:
        info = info_from(
            key,
            headers,
            size_bytes,
            encoded_metadata=self._traits.encoded_metadata,
            no_count_means_none=self._sees_tags,
        )
        if self._traits.path_keys and info.etag == _DIRECTORY_ETAG:
            # A directory that is there only because of the objects in it.
            raise NotFound("there is no such object, only a prefix", store=self.name, operation=operation, key=key)
        return info

    @contextmanager
    def _reading(self, operation: str, key: str | None) -> Iterator[None]:
        """Reads an answer's document: one that cannot be read is a failure of the server."""
        try:
            yield
        except ValueError as error:
            raise Unavailable(
                f"the answer cannot be read: {error}", store=self.name, operation=operation, key=key
            ) from error

    def _not_hidden(self, answer: Answer, operation: str, key: str) -> Answer:
        """An answer of 200 whose body may hold an error all the same."""
        said = hidden_error(answer.body)
        if said is not None:
            # The status says nothing here, so an unknown code counts as a failure of the server.
            raise self.caller.error(operation, key, 500, answer.headers, said)
        return answer

    def _write_condition(self, condition: Condition, operation: str, key: str) -> HeaderList:
        """The headers of a conditional write; refused where the server would not look at them."""
        if condition == ALWAYS:
            return []
        self._need("conditional_writes", operation, key)
        headers = []
        if condition.if_match is not None:
            quoted = self._traits.quoted_write_match
            headers.append(("if-match", f'"{condition.if_match}"' if quoted else condition.if_match))
        if condition.if_none_match is not None:
            headers.append(("if-none-match", match_value(condition.if_none_match)))
        return headers

    def _content(
        self, body: Body, expect: Checksum | None, operation: str, key: str
    ) -> tuple[bytes | Body, HeaderList, str]:
        """What to send as the body, with the headers and the payload hash that make the server check it."""
        plain = body.data if type(body) is BytesBody else body
        if expect is None:
            return plain, [], UNSIGNED_PAYLOAD
        if expect.algorithm is ChecksumAlgorithm.MD5 and self._capabilities.verifies_md5:
            return plain, [("content-md5", base64_of(expect.hex))], UNSIGNED_PAYLOAD
        try:
            return CheckedBody(body, expect), [], UNSIGNED_PAYLOAD
        except StoreError as error:
            raise self.caller.placed(error, operation, key) from error.__cause__

    def _need(self, capability: str, operation: str, key: str | None = None) -> None:
        """Refuse a call that this server would not understand, or would ignore."""
        if not getattr(self._capabilities, capability):
            words = capability.replace("_", " ")
            raise Unsupported(f"this server has no {words}", store=self.name, operation=operation, key=key)

    def _changed(self, operation: str, key: str, text: str) -> PreconditionFailed:
        return PreconditionFailed(text, store=self.name, operation=operation, key=key)

    def _rejected(self, operation: str, key: str | None, text: str) -> Rejected:
        return Rejected(text, store=self.name, operation=operation, key=key)


def match_value(etag: str) -> str:
    """An ETag for If-Match and If-None-Match."""
    return etag if etag == "*" else f'"{etag}"'


def _path_trouble(key: str) -> str:
    """Why a server that keeps keys as paths would change or refuse this one."""
    if "\\" in key:
        return "the server would replace the backslash of this key"
    if "//" in key or key[0] == "/":
        return "the server would drop an empty path component of this key"
    if "." in key and ("." in (parts := key.split("/")) or ".." in parts):
        return "the server refuses '.' and '..' as path components"
    return ""
