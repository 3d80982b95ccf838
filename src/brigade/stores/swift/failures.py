"""What an HTTP status of Swift means in the words of `brigade.errors`: one table, and its reader."""

from __future__ import annotations

import re

from brigade.errors import (
    AccessDenied,
    BucketMissing,
    Corrupt,
    NotFound,
    PreconditionFailed,
    Rejected,
    StorageFull,
    StoreError,
    Throttled,
    Unavailable,
    Unsupported,
)

_TAGS = re.compile(r"<h1>.*?</h1>|<[^>]*>", re.DOTALL)
_MAY = "check the credentials, and the ACL of the container"

_BY_STATUS: dict[int, tuple[type[StoreError], str, str]] = {
    401: (AccessDenied, "the server refuses the token", _MAY),
    403: (AccessDenied, "access denied", _MAY),
    405: (Unsupported, "the server does not have this operation", ""),
    408: (Unavailable, "the server waited too long for the request", ""),
    409: (Unavailable, "a newer write of this key is under way", ""),
    412: (PreconditionFailed, "the object is not in the state that was asked for", ""),
    422: (Corrupt, "the server received other bytes than were promised", ""),
    429: (Throttled, "the server asks for fewer requests", ""),
    # Swift's own middleware for rates answers with this number, which nobody else has.
    498: (Throttled, "the server asks for fewer requests", ""),
    499: (Unavailable, "the server lost the connection", ""),
    501: (Unsupported, "the server does not have this operation", ""),
    507: (StorageFull, "the store has no room left", "free space or raise the quota"),
}


def error_for(
    status: int,
    body: bytes,
    *,
    store: str,
    operation: str,
    key: str | None = None,
    retry_after_seconds: float | None = None,
) -> StoreError:
    """The error to raise for an answer. A 404 is one of the object where there is a key, else of the container."""
    words = _words(body)
    kind, text, hint = _meaning(status, words, key, retry_after_seconds)
    said = words or f"HTTP status {status}"
    return kind(
        f"{text}: {said}" if text else f"the server refused: {said}",
        store=store,
        operation=operation,
        key=key,
        status=status,
        retry_after_seconds=retry_after_seconds,
        hint=hint,
    )


def _meaning(
    status: int, words: str, key: str | None, retry_after_seconds: float | None
) -> tuple[type[StoreError], str, str]:
    if status == 404:
        if key is None:
            return BucketMissing, "there is no such container", "check its name, or create it"
        return NotFound, "there is no such object", ""
    if status == 413 and "quota" in words.lower():
        return _BY_STATUS[507]
    if status == 503 and retry_after_seconds is not None:
        return _BY_STATUS[429]
    return _BY_STATUS.get(status) or ((Unavailable, "the server failed", "") if status >= 500 else (Rejected, "", ""))


def _words(body: bytes) -> str:
    """What an answer says, without the HTML around it."""
    return " ".join(_TAGS.sub(" ", body[:2000].decode("utf-8", "replace")).split())[:500]
