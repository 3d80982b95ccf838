"""One answer as it comes in, piece by piece: its head, then its content by the framing the head names. No I/O."""

from __future__ import annotations

from brigade.errors import StoreError, Truncated, Unavailable
from brigade.stores.http.chunked import ChunkedDecoder
from brigade.stores.http.heads import CHUNKED, MAX_HEAD_BYTES, UNTIL_CLOSE, ResponseHead, malformed, response_head


class Answer:
    """The answer to a request of `method`.

    `begun` after its first byte, `head` when that has come, `complete` after its last byte. `unread` is the content that nobody
    has taken yet, `surplus` says that bytes came after the end.
    """

    __slots__ = (
        "_decoder",
        "_left_bytes",
        "_method",
        "_partial_head",
        "begun",
        "complete",
        "head",
        "surplus",
        "unread",
        "unread_bytes",
    )

    def __init__(self, method: str) -> None:
        self.begun = False
        self.head: ResponseHead | None = None
        self.complete = False
        self.surplus = False
        self.unread: list[bytes] = []
        self.unread_bytes = 0
        self._method = method
        self._partial_head = b""
        self._left_bytes = 0
        self._decoder: ChunkedDecoder | None = None

    def feed(self, data: bytes) -> None:
        """Take in what has come. Raises `Unavailable` for what is not HTTP."""
        if self.head is None:
            self.begun = True
            self._feed_head(data)
        elif self._decoder is not None:
            self._feed_chunked(self._decoder, data)
        elif self._left_bytes >= 0:
            self._feed_counted(data)
        else:
            self._keep(data)

    def pass_by(self, size_bytes: int) -> bool:
        """Count content that somebody takes without its being fed. False: it has to be fed."""
        if self.head is None or self._decoder is not None or size_bytes > self._left_bytes:
            return False
        self._left_bytes -= size_bytes
        self.complete = not self._left_bytes
        return True

    def take(self) -> list[bytes]:
        """The content that has come since the last time."""
        pieces = self.unread
        self.unread = []
        self.unread_bytes = 0
        return pieces

    def connection_closed(self, exc: Exception | None, origin: str) -> StoreError | None:
        """No more will come: the error that this is, None where it is the regular end."""
        if self.complete:
            return None
        why = f": {exc}" if exc is not None else ""
        if self.head is None:
            return Unavailable(f"{origin} closed the connection without an answer{why}")
        size_bytes = self.head.framing
        if size_bytes == UNTIL_CLOSE and exc is None:
            self.complete = True
            return None
        if size_bytes > 0:
            got_bytes = size_bytes - self._left_bytes
            return Truncated(f"the answer of {origin} ended after {got_bytes} of {size_bytes} bytes{why}")
        return Truncated(f"the answer of {origin} ended early{why}")

    def _feed_head(self, data: bytes) -> None:
        data = self._partial_head + data
        begin = 0
        while (end := data.find(b"\r\n\r\n", begin)) >= 0 and end - begin <= MAX_HEAD_BYTES:
            head = response_head(data[begin:end], self._method)
            begin = end + 4
            if head.status >= 200:
                self._begin_content(head, data[begin:])
                return
            # It was an interim answer; the real one follows.
        if len(data) - begin > MAX_HEAD_BYTES:
            raise malformed(f"its head is longer than {MAX_HEAD_BYTES} bytes")
        self._partial_head = data[begin:]

    def _begin_content(self, head: ResponseHead, data: bytes) -> None:
        self.head = head
        self._partial_head = b""
        self._left_bytes = head.framing
        self.complete = head.framing == 0
        if head.framing == CHUNKED:
            self._decoder = ChunkedDecoder()
        if data:
            self.feed(data)

    def _feed_counted(self, data: bytes) -> None:
        left_bytes = self._left_bytes - len(data)
        if left_bytes <= 0:
            if left_bytes < 0:
                self.surplus = True
                data = data[: self._left_bytes]
                left_bytes = 0
            self.complete = True
        self._left_bytes = left_bytes
        self._keep(data)

    def _feed_chunked(self, decoder: ChunkedDecoder, data: bytes) -> None:
        for piece in decoder.feed(data):
            self._keep(piece)
        if decoder.done:
            self.complete = True
            self.surplus = bool(decoder.rest)

    def _keep(self, data: bytes) -> None:
        if data:
            self.unread.append(data)
            self.unread_bytes += len(data)
