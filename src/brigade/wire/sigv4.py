"""AWS Signature Version 4: the steps as functions, and a `Signer` that walks them fast for one region.

The steps are those of the published description: `canonical_request`, `string_to_sign`, `signing_key`,
`signature`, then `authorization` for the header or `presign` for a URL. `S3_RULES` keep a path as it is (S3 keys may hold `//`
and `..`); `GENERAL_RULES` are those of every other service: the path is normalised and encoded once more.
No clock in here: the time comes in, as `20130524T000000Z` or in nanoseconds.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import digest as hmac_digest
from typing import NamedTuple

from brigade.wire.encoding import decode, encode_key, encode_query, split_query

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = sha256().hexdigest()

_CANONICAL_PATH = re.compile(r"/(?:[A-Za-z0-9\-._~/]|%[0-9A-F]{2})*").fullmatch
# What counts as a blank in a header value, and so collapses to one space in what is signed. AWS and botocore see only ASCII
# here; servers written in Go collapse every Unicode blank; Ceph knows nothing but the space itself.
ASCII_BLANKS = re.compile(r"[ \t\r\n\f\v]+")
UNICODE_BLANKS = re.compile(r"\s+")
SPACES_ONLY = re.compile(r" +")
_NANOSECONDS = 1_000_000_000

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key pair, with the token of a temporary one. The secrets never show in a repr."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


class Scope(NamedTuple):
    """What a signing key is good for: one day, one region, one service."""

    date: str
    region: str
    service: str = "s3"

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


class PathRules(NamedTuple):
    """How a service makes the canonical path."""

    normalize: bool
    double_encode: bool


S3_RULES = PathRules(normalize=False, double_encode=False)
GENERAL_RULES = PathRules(normalize=True, double_encode=True)


def timestamp(now_ns: int) -> str:
    """The moment as SigV4 writes it: `20130524T000000Z`."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_ns // _NANOSECONDS))


def canonical_path(path: str, rules: PathRules = S3_RULES) -> str:
    """The canonical form of the path of a request line.

    Under `S3_RULES` a path that is encoded already stays; bytes that a client left bare are encoded. Under
    `GENERAL_RULES` dot segments and doubled slashes go and then every reserved byte is encoded, `%` too.
    """
    path = path or "/"
    if rules.normalize:
        path = _without_dot_segments(path)
    if rules.double_encode:
        return encode_key(path)
    return path if _CANONICAL_PATH(path) else encode_key(decode(path))


def _without_dot_segments(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")


def canonical_query(query: str | Iterable[tuple[str, str]]) -> str:
    """The canonical form of a query, given as it stands in the request or as decoded pairs."""
    return encode_query(split_query(query) if isinstance(query, str) else query)


def canonical_value(value: str, blanks: re.Pattern[str] = ASCII_BLANKS) -> str:
    """A header value with its ends trimmed and each run of blanks made one space."""
    if " " not in value and value.isascii() and value.isprintable():
        return value
    return blanks.sub(" ", value).strip(" ")


def canonical_headers(
    headers: Headers, signed: Iterable[str] | None = None, blanks: re.Pattern[str] = ASCII_BLANKS
) -> tuple[str, str]:
    """The header lines that are signed, and the `;` list of their names. `signed` None means all of them."""
    values: dict[str, list[str]] = {}
    wanted = None if signed is None else {name.lower() for name in signed}
    for name, value in headers:
        lower = name.strip().lower()
        if wanted is None or lower in wanted:
            values.setdefault(lower, []).append(canonical_value(value, blanks))
    names = sorted(values)
    return "".join([f"{name}:{','.join(values[name])}\n" for name in names]), ";".join(names)


def canonical_request(
    method: str,
    path: str,
    query: str | Iterable[tuple[str, str]],
    headers: Headers,
    payload_hash: str,
    *,
    signed_headers: Iterable[str] | None = None,
    rules: PathRules = S3_RULES,
    blanks: re.Pattern[str] = ASCII_BLANKS,
) -> str:
    """The text that stands for the whole request. `payload_hash` is a hex SHA-256 or `UNSIGNED_PAYLOAD` or its like."""
    lines, names = canonical_headers(headers, signed_headers, blanks)
    return f"{method}\n{canonical_path(path, rules)}\n{canonical_query(query)}\n{lines}\n{names}\n{payload_hash}"


def string_to_sign(amz_date: str, scope: Scope, request: str) -> str:
    """The text that is signed: `request` is the canonical request."""
    return f"{ALGORITHM}\n{amz_date}\n{scope}\n{sha256(request.encode()).hexdigest()}"


def signing_key(secret_key: str, scope: Scope) -> bytes:
    """The key of one scope, derived from the secret."""
    key = f"AWS4{secret_key}".encode()
    for part in (*scope, "aws4_request"):
        key = hmac_digest(key, part.encode(), "sha256")
    return key


def signature(key: bytes, text: str) -> str:
    """The signature of a string to sign, by a key from `signing_key`."""
    return hmac_digest(key, text.encode(), "sha256").hex()


def authorization(access_key: str, scope: Scope, signed_headers: str, signed: str) -> str:
    """The value of the Authorization header; `signed_headers` is the `;` list, `signed` the signature."""
    return f"{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={signed_headers}, Signature={signed}"


def presign(
    credentials: Credentials,
    scope: Scope,
    method: str,
    path: str,
    query: str | Iterable[tuple[str, str]],
    headers: Headers,
    amz_date: str,
    expires_seconds: int,
    *,
    payload_hash: str = UNSIGNED_PAYLOAD,
    rules: PathRules = S3_RULES,
) -> str:
    """The whole query of a presigned URL, its signature last. `headers` (`host` at least) must be sent with it."""
    lines, names = canonical_headers(headers)
    pairs = split_query(query) if isinstance(query, str) else list(query)
    pairs += [
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", f"{credentials.access_key}/{scope}"),
        ("X-Amz-Date", amz_date),
        ("X-Amz-Expires", str(expires_seconds)),
        ("X-Amz-SignedHeaders", names),
    ]
    if credentials.session_token:
        pairs.append(("X-Amz-Security-Token", credentials.session_token))
    encoded = encode_query(pairs)
    request = f"{method}\n{canonical_path(path, rules)}\n{encoded}\n{lines}\n{names}\n{payload_hash}"
    signed = signature(signing_key(credentials.secret_key, scope), string_to_sign(amz_date, scope, request))
    return f"{encoded}&X-Amz-Signature={signed}"


def _is_canonical(lines: str) -> bool:
    """True if surely no value in these header lines has blanks to trim or to collapse. One look instead of many."""
    return "  " not in lines and ": " not in lines and " \n" not in lines and "\t" not in lines and lines.isascii()


class Signer:
    """Signs the requests of one region, keeping the day's key and the second's timestamp.

    It trusts its caller in what the functions above check: path and query come in canonical form, header names in
    lower case and each once. One of these serves one store, whose requests are all made in one place.
    """

    def __init__(self, region: str, service: str = "s3", blanks: re.Pattern[str] = ASCII_BLANKS) -> None:
        self.region = region
        self.service = service
        self.blanks = blanks
        self._second = -1
        self._amz_date = ""
        self._credentials: Credentials | None = None
        self._scope = Scope("", region, service)
        self._scope_text = ""
        self._key = b""

    def sign(
        self,
        credentials: Credentials,
        method: str,
        path: str,
        query: str,
        headers: Sequence[tuple[str, str]],
        payload_hash: str,
        now_ns: int,
    ) -> list[tuple[str, str]]:
        """The headers to send: those given (`host` among them), date, payload hash, token and signature."""
        second = now_ns // _NANOSECONDS
        if second != self._second or credentials is not self._credentials:
            self._turn(credentials, second, now_ns)
        signed = [*headers, ("x-amz-content-sha256", payload_hash), ("x-amz-date", self._amz_date)]
        if credentials.session_token:
            signed.append(("x-amz-security-token", credentials.session_token))
        signed.sort()
        lines = "".join([f"{name}:{value}\n" for name, value in signed])
        if not _is_canonical(lines):
            lines = "".join([f"{name}:{canonical_value(value, self.blanks)}\n" for name, value in signed])
        names = ";".join([name for name, _ in signed])
        request = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{payload_hash}"
        # Header values that a gateway passes on may hold bytes that are no UTF-8.
        digest = sha256(request.encode("utf-8", "surrogateescape")).hexdigest()
        text = f"{ALGORITHM}\n{self._amz_date}\n{self._scope_text}\n{digest}"
        mark = hmac_digest(self._key, text.encode(), "sha256").hex()
        credential = f"{ALGORITHM} Credential={credentials.access_key}/{self._scope_text}"
        signed.append(("authorization", f"{credential}, SignedHeaders={names}, Signature={mark}"))
        return signed

    def _turn(self, credentials: Credentials, second: int, now_ns: int) -> None:
        """Take up a new second, and a new key where the day or the credentials changed."""
        self._second = second
        self._amz_date = timestamp(now_ns)
        scope = Scope(self._amz_date[:8], self.region, self.service)
        if scope != self._scope or credentials is not self._credentials:
            self._scope, self._scope_text = scope, str(scope)
            self._key = signing_key(credentials.secret_key, scope)
            self._credentials = credentials
