"""Names of metadata made into identifiers and back, for stores that take nothing else; the name is told apart by no other.

A character that an identifier cannot hold becomes `_x`, its number in hex, and `_`: `two-words` is `two_x002d_words`. An
underscore that would begin such an escape is written as one itself, so that every name has a way back.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*").fullmatch
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch
_ESCAPE = re.compile(r"_x([0-9a-f]{4,6})_")
_TO_ESCAPE = re.compile(r"[^a-z0-9_]|^[0-9]|_(?=x[0-9a-f]{4,6}_)")


def is_identifier(name: str) -> bool:
    """True for a name that stores with strict names take as it is."""
    return _IDENTIFIER(name) is not None


def encode_name(name: str) -> str:
    """The identifier for a name in lower case."""
    if "_x" not in name and _PLAIN(name):
        return name
    return _TO_ESCAPE.sub(lambda match: f"_x{ord(match.group()):04x}_", name)


def decode_name(identifier: str) -> str:
    """The name that an identifier stands for."""
    if "_x" not in identifier:
        return identifier
    return _ESCAPE.sub(_character, identifier)


def _character(match: re.Match[str]) -> str:
    number = int(match.group(1), 16)
    return chr(number) if number < 0x110000 else match.group()
