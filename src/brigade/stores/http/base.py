"""The seam between a store that speaks HTTP and the client that moves the bytes.

A client belongs to one origin (`scheme://host:port`), keeps connections open and sends just what it is given:
the request target is already encoded and signed, the headers are complete except for framing (`Host` is added
only if it is missing). Header values are UTF-8 both ways; bytes that are not survive as surrogate escapes. It
follows no redirect, decompresses nothing and does not retry, with one exception: a request that met a kept-alive
connection which the server had closed, before a byte of an answer, goes once more over a fresh connection,
unless its body cannot be read again.

Failures of the connection raise `brigade.errors.Unavailable`, a body that ends early raises `Truncated`. What would be
no better next time raises `Rejected`: a certificate that is not trusted, a line break in a header. All waits on the
socket have an idle timeout.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from brigade.stores.base import Body

Sink = Callable[[bytes | memoryview], bool]
"""Takes a piece of a body before it returns: a view is of a buffer that is used again. False: no more for now."""


class HttpResponse(Protocol):
    """An answer whose head has arrived. Header names are lower case; repeated ones are joined by `, `.

    `raw_head` is the head byte for byte, without the empty line at its end, for those who pass it on as it came.
    """

    status: int
    headers: Mapping[str, str]
    raw_head: bytes

    async def read(self) -> bytes:
        """The whole body."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body in pieces, once."""

    async def pour(self, sink: Sink) -> bool:
        """Hand the body to `sink`, straight from where it was received if its length is known. True: that was all of it.

        False when the sink wants no more for now; what comes meanwhile waits in the socket until the next call.
        """


class HttpClient(Protocol):
    """Sends requests to one origin."""

    def send(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | Body | None = None,
    ) -> AbstractAsyncContextManager[HttpResponse]:
        """One request. `target` is the encoded path with its query; Content-Length is added by the client.

        Leaving the context with the body read to its end gives the connection back; leaving early drops it.
        """

    async def close(self) -> None: ...
