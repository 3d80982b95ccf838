"""What settings may be made of, before anybody looks into them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brigade.errors import UsageError

DEEPEST = 16


def check_plain(settings: Mapping[str, Any]) -> None:
    """Raises `UsageError` for values that nothing of the configuration is made of. It does not repeat them."""
    level: list[Any] = [settings]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for value in level:
            if isinstance(value, Mapping):
                below += [*value.keys(), *value.values()]
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str) and not _is_text(value):
                raise UsageError("a text in the settings is not valid Unicode, or holds NUL")
        if not below:
            return
        level = below
    raise UsageError(f"settings are at most {DEEPEST} levels deep")


def _is_text(value: str) -> bool:
    return "\0" not in value and not any("\ud800" <= each <= "\udfff" for each in value)
