"""Where multipart uploads began: they end there, too, whatever the routes say by then."""

from __future__ import annotations

from typing import Protocol

MOST_REMEMBERED = 100_000


class Uploads(Protocol):
    """Remembers the store of each multipart upload."""

    async def began(self, bucket: str, upload_id: str, store: str) -> None:
        """An upload began; noted before its id is told to the client."""

    async def store_of(self, bucket: str, upload_id: str) -> str | None:
        """The store where it began, None if that is not known."""


class MemoryUploads:
    """Remembers as long as the process lives, and the oldest are forgotten first."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._stores: dict[tuple[str, str], str] = {}

    async def began(self, bucket: str, upload_id: str, store: str) -> None:
        if len(self._stores) >= self._most:
            del self._stores[next(iter(self._stores))]
        self._stores[bucket, upload_id] = store

    async def store_of(self, bucket: str, upload_id: str) -> str | None:
        return self._stores.get((bucket, upload_id))
