"""How the gateway says that keys are about to change, before they do.

`intend` is durable when it returns, and whoever follows holds those keys back for a while. `answered` comes when the
store has answered and before the client hears of it: what could not be noted before is durable when it returns.
`settle` ends the hold; it may be lazy, for a settlement that is lost costs only the rest of the hold. A write whose
outcome is unknown (client gone, store silent, process dead) is never settled: the hold runs out and the key is looked
at. So the hold must be longer than a store's idle timeout.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol


class Fate(Enum):
    """What a request asks for the bucket itself."""

    NONE = "none"
    MADE = "made"
    DELETED = "deleted"


class Touched(NamedTuple):
    """What a request may change: keys of a bucket, or the bucket itself, and the store that serves it."""

    store: str
    bucket: str
    keys: Sequence[str] = ()
    fate: Fate = Fate.NONE


class Capture(Protocol):
    """Takes down what may change. Each raises `BrigadeError` where the state cannot be reached."""

    async def intend(self, touched: Touched) -> object | None:
        """Note it. The token of the note, None if nobody follows this bucket."""

    async def answered(self, token: object, status: int) -> None:
        """The store has answered with this status, and the client does not know yet."""

    async def settle(self, token: object) -> None:
        """The client has the answer, too."""


class NoCapture:
    """Nobody follows."""

    async def intend(self, touched: Touched) -> object | None:  # noqa: ARG002
        return None

    async def answered(self, token: object, status: int) -> None:
        """Nothing was noted."""

    async def settle(self, token: object) -> None:
        """Nothing was noted."""
