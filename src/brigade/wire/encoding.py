"""Percent encoding as S3 signs it: every byte but the unreserved ones, upper-case hex, a space as `%20`.

Most keys need none of it, so plain text is recognised by one regular expression and handed back as it is.
Nothing is cached: keys are many and seldom come twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_PLAIN_PATH = re.compile(r"[A-Za-z0-9\-._~/]*").fullmatch
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9\-._~]*").fullmatch
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")

_VALUE_TABLE = [chr(byte) if chr(byte) in _UNRESERVED else f"%{byte:02X}" for byte in range(256)]
_PATH_TABLE = ["/" if byte == ord("/") else text for byte, text in enumerate(_VALUE_TABLE)]


def encode_key(key: str) -> str:
    """A key as it stands in a path: slashes stay, nothing is normalised. Raises UnicodeEncodeError for lone surrogates."""
    if _PLAIN_PATH(key):
        return key
    return "".join([_PATH_TABLE[byte] for byte in key.encode()])


def encode_value(text: str) -> str:
    """A name or value of a query: slashes are encoded too."""
    if _PLAIN_VALUE(text):
        return text
    return "".join([_VALUE_TABLE[byte] for byte in text.encode()])


def encode_query(pairs: Iterable[tuple[str, str]]) -> str:
    """A query in canonical form: encoded, then sorted by name and value, each name with its `=`."""
    return "&".join([f"{name}={value}" for name, value in sorted((encode_value(n), encode_value(v)) for n, v in pairs)])


def decode(text: str) -> str:
    """Undo percent encoding; an escape that is none stays. Raises UnicodeDecodeError when the bytes are not UTF-8."""
    if "%" not in text:
        return text
    return _ESCAPE.sub(lambda match: bytes((int(match.group(1), 16),)), text.encode()).decode()


def decode_plus(text: str) -> str:
    """As `decode`, with `+` for a space, as servers write keys in an `encoding-type=url` listing."""
    return decode(text.replace("+", " "))


def split_query(query: str) -> list[tuple[str, str]]:
    """The decoded pairs of a query as it stands in a request; a name without `=` has an empty value."""
    if not query:
        return []
    pieces = [piece.partition("=") for piece in query.split("&") if piece]
    return [(decode_plus(name), decode_plus(value)) for name, _, value in pieces]
