"""Signatures of Azure Storage, as "Authorize with Shared Key" describes them, and the date that they sign."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Sequence

Pairs = Sequence[tuple[str, str]]

_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(seconds: int) -> str:
    """A moment since the epoch as HTTP writes it: `Fri, 24 May 2013 00:00:00 GMT`."""
    now = time.gmtime(seconds)
    day, month = _DAYS[now.tm_wday], _MONTHS[now.tm_mon - 1]
    return f"{day}, {now.tm_mday:02} {month} {now.tm_year} {now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02} GMT"


class SharedKey:
    """Signs with one key of an account."""

    __slots__ = ("_key", "account")

    def __init__(self, account: str, key: bytes) -> None:
        self.account = account
        self._key = key

    def authorization(self, method: str, path: str, query: Pairs, headers: Pairs, length_bytes: int) -> str:
        """The value of Authorization; `path` is encoded as it is sent, `query` is not, header names are lower case."""
        text = self.string_to_sign(method, path, query, headers, length_bytes)
        signature = base64.b64encode(hmac.digest(self._key, text.encode("utf-8", "surrogateescape"), "sha256")).decode()
        return f"SharedKey {self.account}:{signature}"

    def string_to_sign(self, method: str, path: str, query: Pairs, headers: Pairs, length_bytes: int) -> str:
        """What is signed."""
        given = dict(headers)
        given["content-length"] = str(length_bytes) if length_bytes else ""
        own = sorted([pair for pair in given.items() if pair[0].startswith("x-ms-")], key=_header_order)
        lines = [method, *(given.get(name, "") for name in _SIGNED)]
        lines += [f"{name}:{value.strip()}" for name, value in own]
        lines.append(f"/{self.account}{path}")
        lines += [f"{name}:{value}" for name, value in sorted((name.lower(), value) for name, value in query)]
        return "\n".join(lines)


def _header_order(header: tuple[str, str]) -> tuple[str, str]:
    """The server sorts names as words: hyphens do not count, and `_` comes before digits and letters."""
    name = header[0]
    return name.replace("-", "").replace("_", "!"), name
