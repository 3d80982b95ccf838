"""How the gateway says that keys are about to change, before they do.

`intend` is durable when it returns, and whoever follows holds those keys back for a while. `settle` ends the hold once
the store has answered; it may be lazy, for a settlement that is lost costs only the rest of the hold. A write whose
outcome is unknown (client gone, store silent, process dead) is never settled: the hold runs out and the key is looked
at. So the hold must be longer than a store's idle timeout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Capture(Protocol):
    """Takes down which keys of a bucket may change. Both raise `BrigadeError` where the state cannot be reached."""

    async def intend(self, bucket: str, keys: Sequence[str]) -> object | None:
        """Note the keys (none: the bucket itself). The token of the note, None if nobody follows this bucket."""

    async def settle(self, token: object) -> None:
        """The store has answered."""


class NoCapture:
    """Nobody follows."""

    async def intend(self, bucket: str, keys: Sequence[str]) -> object | None:  # noqa: ARG002
        return None

    async def settle(self, token: object) -> None:
        """Nothing was noted."""
