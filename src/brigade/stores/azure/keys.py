"""Which keys Azure can hold: it rewrites some and refuses others, so they are refused here, with the reason."""

from __future__ import annotations

import re

MAX_KEY_CHARACTERS = 1024
MAX_SEGMENTS = 254
_SURELY_SHORT = 254
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]").search
_PATH_MOVES = re.compile(r"(?:^|/)\.{1,2}(?:/|$)").search
_DOT_AT_END = re.compile(r"\.(?:/|$)").search


def key_trouble(key: str, *, hierarchical: bool) -> str:
    """Why Azure would refuse or change this key; empty if it would not."""
    if not key:
        return "a key cannot be empty"
    if len(key) > _SURELY_SHORT:
        if len(key.encode("utf-16-le", "surrogatepass")) > 2 * MAX_KEY_CHARACTERS:
            return f"the key is longer than {MAX_KEY_CHARACTERS} characters"
        if key.count("/") >= MAX_SEGMENTS:
            return f"the key has more than {MAX_SEGMENTS} segments between slashes"
    if "\\" in key:
        return "Azure would replace the backslash of this key by a slash"
    if "." in key and _DOT_AT_END(key):
        return "Azure drops a dot at the end of a segment between slashes"
    if _UNFIT(key):
        return "Azure takes no control characters in keys"
    if hierarchical and ("//" in key or key[0] == "/" or key[-1] == "/"):
        return "an account with a hierarchical namespace has no empty segments between slashes"
    return ""


def never_held(key: str) -> bool:
    """True for a key that a request would turn into another one: no blob can be under it."""
    return not key or "\\" in key or ("." in key and _PATH_MOVES(key) is not None)
