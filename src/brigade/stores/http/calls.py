"""What the callers of all stores over HTTP share: who asks, a whole answer, and errors that say where they happened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from brigade import __version__
from brigade.clock import Clock
from brigade.errors import StoreError
from brigade.wire.s3time import SECOND_NS, http_date_ns

USER_AGENT = ("user-agent", f"brigade/{__version__}")


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class PlacingCaller:
    """Makes the requests of one store, `store` for people."""

    def __init__(self, store: str) -> None:
        self.store = store

    def placed(self, error: StoreError, operation: str, key: str | None) -> StoreError:
        """The same error, saying where it happened."""
        error.store = error.store or self.store
        error.operation = error.operation or operation
        error.key = key if error.key is None else error.key
        return error


def retry_after_seconds(text: str | None, clock: Clock) -> float | None:
    """The pause that a `Retry-After` asks for (RFC 9110, 10.2.3): seconds or a date; None for what is neither."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text.strip()):
        return float(text)
    moment_ns = http_date_ns(text)
    return max(0.0, (moment_ns - clock.now_ns()) / SECOND_NS) if moment_ns else None
