"""How Google Cloud Storage's JSON API writes moments, digests and refusals."""

from __future__ import annotations

import json
import re
from binascii import a2b_base64, b2a_base64
from typing import NamedTuple

from brigade.errors import (
    AccessDenied,
    BucketMissing,
    Corrupt,
    NotFound,
    PreconditionFailed,
    Rejected,
    StoreError,
    Throttled,
    Unavailable,
    Unsupported,
)
from brigade.wire.s3time import iso_ns

_MISMATCH = re.compile(r"(md5|crc32c).{0,400}match", re.IGNORECASE | re.DOTALL).search
_MAY = "check the credentials of the store and what they may do"


class Refusal(NamedTuple):
    """What the document of an answer says: Google's word (`notFound`) and its sentence."""

    reason: str
    message: str


class Meaning(NamedTuple):
    """The class of an error, what to say and what to do about it."""

    kind: type[StoreError]
    text: str = ""
    hint: str = ""


_SLOW = Meaning(Throttled, "the server asks for fewer requests")
_FAILED = Meaning(Unavailable, "the server failed")
_DENIED = Meaning(AccessDenied, "access denied", _MAY)
_CHANGED = Meaning(PreconditionFailed, "the object is not in the state that was asked for")
_NO_BUCKET = Meaning(BucketMissing, "there is no such bucket", "check its name, or create it")
_NO_OBJECT = Meaning(NotFound, "there is no such object")
_DAMAGED = Meaning(Corrupt, "the server received other bytes than were promised")

_UNPAID = Meaning(Rejected, "the requester pays for this bucket", "set user_project of the store")

_BY_REASON = {
    "rateLimitExceeded": _SLOW,
    "userRateLimitExceeded": _SLOW,
    "conditionNotMet": _CHANGED,
    "objectUnderActiveHold": Meaning(AccessDenied, "the object is held", "release its hold first"),
    "retentionPolicyNotMet": Meaning(AccessDenied, "the object is retained", "wait until its retention ends"),
}
_BY_STATUS = {
    304: _CHANGED,
    401: _DENIED,
    403: _DENIED,
    405: Meaning(Unsupported, "the server does not have this operation"),
    408: Meaning(Unavailable, "the server waited too long for the request"),
    412: _CHANGED,
    416: Meaning(Rejected, "the object has no such range"),
    429: _SLOW,
    501: Meaning(Unsupported, "the server does not have this operation"),
    503: _SLOW,
}


def parse_refusal(body: bytes) -> Refusal:
    """The reason and the message of an error document; a body that is none (downloads have text) is the message."""
    try:
        said = json.loads(body)["error"]
        errors = said.get("errors") or [{}]
        return Refusal(str(errors[0].get("reason", "")), str(said.get("message", "")))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return Refusal("", body[:500].decode("utf-8", "replace").strip())


def missing_what(said: Refusal) -> type[StoreError] | None:
    """What a 404 misses, None where the message does not say."""
    message = said.message.lower()
    if "no such object" in message:
        return NotFound
    return BucketMissing if "bucket does not exist" in message else None


def meaning(status: int, said: Refusal) -> Meaning:
    """What a refusal means; a 404 that names neither is taken for the bucket, which never deletes anything."""
    if status == 404:
        return _NO_OBJECT if missing_what(said) is NotFound else _NO_BUCKET
    if status == 400 and _MISMATCH(said.message):
        return _DAMAGED
    if status == 400 and "requester pays" in said.message:
        return _UNPAID
    known = _BY_REASON.get(said.reason) if status < 500 else None
    return known or _BY_STATUS.get(status) or (_FAILED if status >= 500 else Meaning(Rejected))


def error_for(
    status: int,
    said: Refusal,
    *,
    store: str,
    operation: str,
    key: str | None = None,
    retry_after_seconds: float | None = None,
) -> StoreError:
    """The error to raise for a refusal."""
    kind, text, hint = meaning(status, said)
    words = " ".join(part for part in (said.reason, said.message[:500]) if part) or f"HTTP status {status}"
    return kind(
        f"{text}: {words}" if text else f"the server refused: {words}",
        store=store,
        operation=operation,
        key=key,
        code=said.reason,
        status=status,
        retry_after_seconds=retry_after_seconds,
        hint=hint,
    )


def rfc3339_ns(text: str) -> int:
    """`2024-05-06T07:08:09.123Z` in nanoseconds since the epoch; 0 for anything else."""
    try:
        return iso_ns(text) + (int(text[20:-1].ljust(9, "0")[:9]) if text[19] == "." else 0)
    except (ValueError, IndexError):
        return 0


def hex_of(digest: str | None) -> str | None:
    """A digest in base64, as resources have it, in hex. Raises ValueError (`binascii.Error`) for anything else."""
    return a2b_base64(digest).hex() if digest else None


def base64_of(hexadecimal: str) -> str:
    """A digest in hex, as resources want it."""
    return b2a_base64(bytes.fromhex(hexadecimal), newline=False).decode()
