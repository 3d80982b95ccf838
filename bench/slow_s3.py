"""An S3 server that answers late and does next to nothing: `python -m bench.slow_s3 PORT MILLISECONDS`.

Each object of the bucket `source` is there, with the same content; an object of another bucket is there when it was
put. Listings are empty. Each answer waits for the given time, however many wait beside it. `GET /count` tells how many
different objects were put.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections import deque
from email.utils import formatdate
from typing import cast

import uvloop

SOURCE = "source"
CONTENT = b"brigade " * 512
_ETAG = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
_EMPTY_LIST = (
    b'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>"
)
_EMPTY_UPLOADS = _EMPTY_LIST.replace(b"ListBucketResult", b"ListMultipartUploadsResult")


class _Connection(asyncio.Protocol):
    """One client; requests are answered in their order."""

    def __init__(self, put: set[str], delay_seconds: float) -> None:
        self._put = put
        self._delay_seconds = delay_seconds
        self._loop = asyncio.get_running_loop()
        self._data = b""
        self._waiting: deque[bytes] = deque()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].decode("latin-1")
            length_bytes = _length(head)
            if len(self._data) < end + 4 + length_bytes:
                return
            self._data = self._data[end + 4 + length_bytes :]
            self._waiting.append(self._answer(head))
            self._loop.call_later(self._delay_seconds, self._send)

    def _send(self) -> None:
        answer = self._waiting.popleft()
        if self._transport is not None:
            self._transport.write(answer)

    def _answer(self, head: str) -> bytes:
        method, target, _ = head.partition("\r\n")[0].split(" ")
        path, _, query = target.partition("?")
        bucket, _, key = path[1:].partition("/")
        if path == "/count":
            return _made(method, 200, str(len(self._put)).encode())
        if not key:
            return _made(method, 200, _EMPTY_UPLOADS if query.startswith("uploads") else _EMPTY_LIST)
        if method == "PUT":
            self._put.add(path)
            return _made(method, 200, b"", etag=True)
        if bucket != SOURCE and path not in self._put:
            return _made(method, 404, b"<Error><Code>NoSuchKey</Code></Error>")
        return _made(method, 200, CONTENT, etag=True)


def _made(method: str, status: int, body: bytes, *, etag: bool = False) -> bytes:
    now = formatdate(usegmt=True)
    lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}", f"Date: {now}", f"Last-Modified: {now}"]
    if etag:
        lines += [f'ETag: "{_ETAG}"', "Content-Type: application/octet-stream"]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head if method == "HEAD" else head + body


def _length(head: str) -> int:
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
    return 0


async def _main(port: int, delay_seconds: float) -> None:
    put: set[str] = set()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(put, delay_seconds), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1]), int(sys.argv[2]) / 1000))
