"""The heads of HTTP/1.1 messages: a request's made in one piece, a response's taken apart. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from brigade.errors import Rejected, Unavailable

MAX_HEAD_BYTES = 64 * 1024
# Framings that are no length.
CHUNKED = -1
UNTIL_CLOSE = -2

_NO_BODY_EXPECTED = ("GET", "HEAD", "DELETE", "OPTIONS")


class ResponseHead(NamedTuple):
    """Status and headers of an answer. `framing` is the body's length, or `CHUNKED` or `UNTIL_CLOSE`.

    `raw` is the head as it came, for those who pass it on: without the empty line at its end.
    """

    status: int
    headers: dict[str, str]
    framing: int
    keep_alive: bool
    raw: bytes = b""


def request_head(
    method: str, target: str, headers: Sequence[tuple[str, str]], host: str, length_bytes: int | None
) -> bytes:
    """The head of a request. `host` is used only if `headers` name none; without a body `length_bytes` is None."""
    lines = [f"{method} {target} HTTP/1.1"]
    for name, value in headers:
        lines.append(f"{name}: {value}")
    if not any(name in ("Host", "host") for name, _ in headers):
        lines.append(f"Host: {host}")
    if length_bytes is not None:
        lines.append(f"Content-Length: {length_bytes}")
    elif method not in _NO_BODY_EXPECTED:
        lines.append("Content-Length: 0")
    text = "\r\n".join(lines)
    breaks = len(lines) - 1
    if text.count("\n") != breaks or text.count("\r") != breaks or "\0" in text:
        raise Rejected(
            f"a header or the path of {method} {target!r} holds a line break or a NUL",
            hint="HTTP cannot carry it; change the metadata of this object",
        )
    return f"{text}\r\n\r\n".encode("utf-8", "surrogateescape")


def response_head(raw: bytes, request_method: str) -> ResponseHead:
    """The parsed head of an answer; `raw` ends before the empty line. Raises `Unavailable` for what is not HTTP/1."""
    lines = raw.decode("utf-8", "surrogateescape").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    code = rest[:3]
    if version not in ("HTTP/1.1", "HTTP/1.0") or not _is_number(code) or len(code) != 3 or rest[3:4].strip():
        raise malformed(f"it begins with {lines[0][:40]!r}")
    status = int(code)
    headers: dict[str, str] = {}
    del lines[0]
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or not name or name[-1] in " \t" or name[0] in " \t":
            raise malformed(f"a header line reads {line[:40]!r}")
        value = value.strip(" \t")
        headers[name] = value if name not in headers else f"{headers[name]}, {value}"
    connection = headers.get("connection")
    if connection is None:
        keep_alive = version == "HTTP/1.1"
    else:
        words = [word.strip() for word in connection.lower().split(",")]
        keep_alive = "close" not in words and (version == "HTTP/1.1" or "keep-alive" in words)
    framing = _framing(status, headers, request_method)
    if framing == UNTIL_CLOSE or ("transfer-encoding" in headers and "content-length" in headers):
        keep_alive = False
    return ResponseHead(status, headers, framing, keep_alive, raw)


def malformed(what: str) -> Unavailable:
    """The error for bytes that are not HTTP/1.1."""
    return Unavailable(f"the answer is not valid HTTP/1.1: {what}")


def _framing(status: int, headers: dict[str, str], request_method: str) -> int:
    if status < 200 or status in (204, 304) or request_method == "HEAD":
        return 0
    encoding = headers.get("transfer-encoding")
    if encoding is not None:
        if encoding.lower() == "chunked":
            return CHUNKED
        raise malformed(f"Transfer-Encoding {encoding[:40]!r} was not asked for")
    length = headers.get("content-length")
    if length is None:
        return UNTIL_CLOSE
    if _is_number(length):
        return int(length)
    different = {part.strip() for part in length.split(",")}
    if len(different) == 1 and _is_number(only := different.pop()):
        return int(only)
    raise malformed(f"Content-Length is {length[:40]!r}")


def _is_number(text: str) -> bool:
    return len(text) < 20 and text.isascii() and text.isdigit()
