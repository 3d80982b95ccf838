"""The last guard of secrets: what is known to be one is struck out of every line before it is written.

Nothing here is meant to have work to do: errors and logs hold no secrets in the first place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

STRUCK_OUT = "[secret]"
SHORTEST = 6
"""Shorter ones would strike out words by chance."""

_SECRET_NAMES = re.compile(r"secret|password|token|authorization|signature|credential", re.IGNORECASE)


class Redactor:
    """Knows secrets, those of earlier readings of the configuration too."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, secrets: Iterable[str]) -> None:
        """Strike these out from now on."""
        self._secrets |= {secret for secret in secrets if len(secret) >= SHORTEST}
        longest_first = sorted(self._secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        """The text without what is secret."""
        return text if self._pattern is None else self._pattern.sub(STRUCK_OUT, text)

    def fields(self, fields: Mapping[str, object]) -> dict[str, object]:
        """The same of the values; those whose names promise a secret go whole."""
        return {
            name: STRUCK_OUT if _SECRET_NAMES.search(name) else self.text(value) if isinstance(value, str) else value
            for name, value in fields.items()
        }
