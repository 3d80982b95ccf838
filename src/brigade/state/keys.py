"""Keys as the database holds them: bytes, so that both engines compare them in byte order and keep NUL."""

from __future__ import annotations

from collections.abc import Iterable

from brigade.errors import StateError

_ERRORS = "surrogateescape"


def encode_key(key: str) -> bytes:
    """The bytes of one key."""
    return encode_keys((key,))[0]


def encode_keys(keys: Iterable[str]) -> list[bytes]:
    """The bytes of each key, in the same order."""
    try:
        return [key.encode("utf-8", _ERRORS) for key in keys]
    except UnicodeEncodeError as error:
        raise StateError(
            f"the key {error.object!r} has half a surrogate pair and cannot be recorded",
            hint="rename the object, or exclude it",
        ) from None


def decode_key(data: bytes) -> str:
    """The key that `encode_key` turned into these bytes."""
    return data.decode("utf-8", _ERRORS)
