"""The chunked transfer encoding, taken off. No I/O."""

from __future__ import annotations

from enum import Enum, auto

from brigade.stores.http.heads import MAX_HEAD_BYTES, malformed

# A size in hex and perhaps an extension; anything longer is not a chunk's first line.
MAX_SIZE_LINE_BYTES = 4096


class _Part(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()


class ChunkedDecoder:
    """Feed it what comes; it gives the content. `done` after the last chunk, `rest` is what follows the body."""

    __slots__ = ("_left_bytes", "_part", "_pending", "_trailer_bytes", "done", "rest")

    def __init__(self) -> None:
        self.done = False
        self.rest = b""
        self._part = _Part.SIZE
        self._left_bytes = 0
        self._pending = b""
        self._trailer_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The content in `data`, in pieces. Raises `Unavailable` for what is not chunked."""
        pieces: list[bytes] = []
        if self._pending:
            data = self._pending + data
            self._pending = b""
        position = 0
        while not self.done and position < len(data):
            if self._part is _Part.DATA:
                piece = data[position : position + self._left_bytes]
                pieces.append(piece)
                position += len(piece)
                self._left_bytes -= len(piece)
                if not self._left_bytes:
                    self._part = _Part.DATA_END
                continue
            end = data.find(b"\r\n", position)
            if end < 0:
                self._keep(data[position:])
                return pieces
            self._line(data[position:end])
            position = end + 2
        if self.done:
            self.rest = data[position:]
        return pieces

    def _keep(self, pending: bytes) -> None:
        if len(pending) > MAX_SIZE_LINE_BYTES:
            raise malformed("a chunk begins with a line without end")
        self._pending = pending

    def _line(self, line: bytes) -> None:
        if self._part is _Part.SIZE:
            self._left_bytes = _size(line)
            self._part = _Part.DATA if self._left_bytes else _Part.TRAILER
        elif self._part is _Part.DATA_END:
            if line:
                raise malformed("a chunk is longer than it says")
            self._part = _Part.SIZE
        elif not line:
            self.done = True
        else:
            self._trailer_bytes += len(line)
            if self._trailer_bytes > MAX_HEAD_BYTES:
                raise malformed("the trailer is too long")


def _size(line: bytes) -> int:
    digits = line.split(b";", 1)[0].strip()
    if not digits or len(digits) > 16 or digits.strip(b"0123456789abcdefABCDEF"):
        raise malformed(f"a chunk begins with {line[:40]!r}")
    return int(digits, 16)
