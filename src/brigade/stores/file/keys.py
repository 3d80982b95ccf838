"""Which keys a directory can hold, and why not the others."""

from __future__ import annotations

from brigade.errors import InvalidKey

TEMPORARY_FOLDER = ".brigade-tmp"
SIDECAR_FOLDER = ".brigade-meta"
RESERVED_FOLDERS = frozenset((TEMPORARY_FOLDER, SIDECAR_FOLDER))

NAME_MAX_BYTES = 255  # Every file system that matters has this limit for one name.
PATH_MAX_BYTES = 4095  # Linux: PATH_MAX without the closing NUL.


def refusal(key: str, max_key_bytes: int) -> str | None:
    """Why a directory cannot hold this key; None if it can.

    A key may end with one `/`: a folder object. Names that are not UTF-8 come as surrogate escapes
    (U+DC80 to U+DCFF), as `os.fsdecode` makes them, and go back to the same bytes.
    """
    if not key or key == "/":
        return "it has no name"
    if "\0" in key:
        return "a file name cannot hold a NUL character"
    if "//" in key or key[0] == "/":
        return "it has an empty segment: a path cannot keep `//` or a leading `/`"
    framed = f"/{key}/"
    if "/./" in framed or "/../" in framed:
        return "it has a `.` or `..` segment, which a path would resolve"
    first_segment = key.partition("/")[0]
    if first_segment in RESERVED_FOLDERS:
        return f"`{first_segment}` at the root is reserved for temporary files and attributes"
    return _size_refusal(key, max_key_bytes)


def _size_refusal(key: str, max_key_bytes: int) -> str | None:
    try:
        raw = key.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return "it holds a lone surrogate, which has no bytes"
    if not key.isascii() and raw.decode("utf-8", "surrogateescape") != key:
        return "its surrogate escapes spell valid UTF-8: another key has the same file name"
    if len(raw) > max_key_bytes:
        return f"it has {len(raw)} bytes, and a path under this root holds {max_key_bytes}"
    if len(raw) > NAME_MAX_BYTES:
        longest = max(map(len, raw.split(b"/")))
        if longest > NAME_MAX_BYTES:
            return f"one of its segments has {longest} bytes, and a file name holds {NAME_MAX_BYTES}"
    return None


def check_key(key: str, max_key_bytes: int, *, store: str, operation: str) -> None:
    """Raise `InvalidKey` with the reason for a key that a directory cannot hold."""
    reason = refusal(key, max_key_bytes)
    if reason is not None:
        raise InvalidKey(f"a directory cannot hold this key: {reason}", store=store, operation=operation, key=key)


def has_place(key: str) -> bool:
    """Whether a file could be there under this key: a quiet test for reading, listing and deleting."""
    return refusal(key, PATH_MAX_BYTES) is None
