"""What can be said of a store of some type: the fields of a form, whoever shows it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class FieldKind(StrEnum):
    """What a field takes."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105 (what a field is called)
    FLAG = "flag"
    CHOICE = "choice"
    WHOLE = "whole number"
    NUMBER = "number"


class StoreField(NamedTuple):
    """One setting. Dots in the name lead into a section. `usual` is what it is if nobody says anything."""

    name: str
    kind: FieldKind
    words: str
    choices: tuple[str, ...] = ()
    usual: str = ""
    is_needed: bool = False
    is_common: bool = False
    """False for what few ever set: units, limits, parts of sections."""
