"""Fetching one small document over HTTPS: a certificate, or the URL that confirms a subscription."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from brigade.errors import Rejected, Unavailable
from brigade.stores.http import open_client

MAX_DOCUMENT_BYTES = 64 * 1024
TIMEOUT_SECONDS = 10.0

Fetch = Callable[[str], Awaitable[bytes]]


async def fetch(url: str) -> bytes:
    """The document at a URL. Follows no redirect. Raises `StoreError`."""
    parts = urlsplit(url)
    client = open_client(
        f"{parts.scheme}://{parts.netloc}",
        ssl=None,
        connections=1,
        connect_timeout_seconds=TIMEOUT_SECONDS,
        idle_timeout_seconds=TIMEOUT_SECONDS,
    )
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    try:
        async with asyncio.timeout(2 * TIMEOUT_SECONDS), client.send("GET", target, []) as response:
            data = b""
            async for chunk in response.chunks():
                data += chunk
                if len(data) > MAX_DOCUMENT_BYTES:
                    raise Rejected(f"{parts.netloc} sent more than {MAX_DOCUMENT_BYTES} bytes")
            if response.status != 200:
                kind = Unavailable if response.status >= 500 else Rejected
                raise kind(f"{parts.netloc} answered {response.status}", status=response.status)
            return data
    except TimeoutError:
        raise Unavailable(f"{parts.netloc} did not answer within {2 * TIMEOUT_SECONDS:g} s") from None
    finally:
        await client.close()
