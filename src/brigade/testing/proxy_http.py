"""Just enough of HTTP/1.1 for the fault proxy: heads, bodies in their framing, and which S3 call a request is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

HEAD_LIMIT_BYTES = 128 * 1024
_PIECE_BYTES = 64 * 1024

# (method, on a key, sub-resource in the query) -> the call; the first row that fits.
_CALLS: tuple[tuple[str, bool, str, str], ...] = (
    ("GET", False, "uploads", "list_multiparts"),
    ("GET", False, "location", "location"),
    ("GET", False, "versioning", "versioning"),
    ("GET", False, "", "list_page"),
    ("GET", True, "uploadId", "list_parts"),
    ("GET", True, "tagging", "read_tags"),
    ("GET", True, "acl", "read_acl"),
    ("GET", True, "", "get"),
    ("HEAD", True, "", "head"),
    ("HEAD", False, "", "head_bucket"),
    ("PUT", True, "partNumber", "put_part"),
    ("PUT", True, "tagging", "write_tags"),
    ("PUT", True, "acl", "write_acl"),
    ("PUT", True, "", "put"),
    ("PUT", False, "", "create_bucket"),
    ("POST", False, "delete", "delete"),
    ("POST", True, "uploads", "create_multipart"),
    ("POST", True, "uploadId", "complete_multipart"),
    ("DELETE", True, "uploadId", "abort_multipart"),
    ("DELETE", True, "", "delete"),
    ("DELETE", False, "", "delete_bucket"),
)


class Request(NamedTuple):
    """One request that passed: the S3 call under the contract's name, and the key ("" for the bucket itself)."""

    call: str
    method: str
    key: str
    target: str


class Head(NamedTuple):
    """The first line and the headers, in order, names as they came."""

    first_line: str
    headers: list[tuple[str, str]]

    def get(self, name: str) -> str | None:
        """The first header of that (lower-case) name."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def replaced(self, name: str, value: str | None) -> Head:
        """The same head with that (lower-case) header set to `value`, or without it."""
        headers = [(key, text) for key, text in self.headers if key.lower() != name]
        return Head(self.first_line, headers if value is None else [*headers, (name, value)])

    def encode(self) -> bytes:
        lines = [self.first_line, *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head, None where the connection ended between two messages."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise ConnectionResetError("the connection ended inside a head") from None
        return None
    first_line, *lines = raw.decode("latin-1").split("\r\n")[:-2]
    pairs = (line.partition(":") for line in lines)
    return Head(first_line, [(name, value.strip()) for name, _, value in pairs])


async def read_body(head: Head, reader: asyncio.StreamReader, *, until_close: bool) -> AsyncIterator[bytes]:
    """The payload without its framing. `until_close`: a body without framing goes on to the end of the connection."""
    length = head.get("content-length")
    if (head.get("transfer-encoding") or "").lower() == "chunked":
        async for piece in _read_chunked(reader):
            yield piece
    elif length is not None:
        left = int(length)
        while left:
            piece = await reader.read(min(left, _PIECE_BYTES))
            if not piece:
                raise ConnectionResetError("the connection ended inside a body")
            left -= len(piece)
            yield piece
    elif until_close:
        while piece := await reader.read(_PIECE_BYTES):
            yield piece


async def _read_chunked(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int((await reader.readline()).split(b";")[0], 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    while (await reader.readline()).strip():
        pass  # trailers


def framed(head: Head, piece: bytes) -> bytes:
    """A piece of payload in the framing that `head` declares."""
    if (head.get("transfer-encoding") or "").lower() == "chunked":
        return b"%x\r\n%b\r\n" % (len(piece), piece)
    return piece


def end_of_body(head: Head) -> bytes:
    """What closes a body in that framing."""
    return b"0\r\n\r\n" if (head.get("transfer-encoding") or "").lower() == "chunked" else b""


def classify(head: Head) -> Request:
    """Which S3 call a (path-style) request is."""
    method, target, _ = head.first_line.split(" ", 2)
    parts = urlsplit(target)
    _, _, key = parts.path[1:].partition("/")
    names = {pair.partition("=")[0] for pair in parts.query.split("&")}
    if method == "PUT" and key and head.get("x-amz-copy-source") is not None and "partNumber" not in names:
        return Request("copy", method, unquote(key), target)
    for wanted, on_key, resource, call in _CALLS:
        if method == wanted and bool(key) == on_key and (not resource or resource in names):
            return Request(call, method, unquote(key), target)
    return Request("other", method, unquote(key), target)
