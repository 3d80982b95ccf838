"""Is this request signed by whom it says? Signature Version 4 in the Authorization header and in the query.

The rules and the words of a refusal are those of the real service: a window of 15 minutes around the clock, presigned
URLs for up to a week, `host` and every `x-amz-` header signed, the session token of temporary keys. Each refusal is a
`Fault`. The clock comes in as an argument.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

from brigade.wire import sigv2
from brigade.wire.encoding import split_query
from brigade.wire.payloads import Payload, Seed, payload_of
from brigade.wire.s3faults import Fault
from brigade.wire.s3time import SECOND_NS, http_date_ns, iso_ns
from brigade.wire.sigv4 import (
    ALGORITHM,
    UNSIGNED_PAYLOAD,
    Credentials,
    Scope,
    canonical_path,
    canonical_query,
    canonical_value,
    signature,
    signing_key,
    timestamp,
)

WINDOW_NS = 15 * 60 * SECOND_NS
MAX_EXPIRES_SECONDS = 7 * 24 * 3600
# The keys of one day for this many scopes are remembered; a derivation costs four HMACs.
MAX_KNOWN_KEYS = 1024

_AMZ_DATE = re.compile(r"\d{8}T\d{6}Z").fullmatch
_QUERY_NAMES = ("X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature")
_NEEDED = (
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, "
    "X-Amz-SignedHeaders, and X-Amz-Expires parameters."
)


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key pair that may ask; `expires_ns` 0 means that it does not expire."""

    credentials: Credentials
    expires_ns: int = 0


class Incoming(NamedTuple):
    """A request as it came. Path and query stand as on the request line; `headers` by lower-case name, repeated ones
    joined by commas. `resource` is the path with the bucket in front, for SigV2.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    resource: str


class Verified(NamedTuple):
    """A request that is what it says. `payload_hash` is x-amz-content-sha256; `seed` only where chunks are signed."""

    access_key: str
    payload: Payload
    payload_hash: str
    seed: Seed | None
    presigned: bool = False


class _Claim(NamedTuple):
    """What a request says of its signature, wherever it says so. `code` refuses what is malformed about it."""

    access_key: str
    scope: Scope
    signed_headers: str
    signature: str
    amz_date: str
    code: str


class Verifier:
    """Checks signatures against the keys that `find` knows. `region` None takes any region."""

    def __init__(
        self, find: Callable[[str], AccessKey | None], *, region: str | None = None, allow_v2: bool = False
    ) -> None:
        self._find = find
        self._region = region
        self._allow_v2 = allow_v2
        self._keys: dict[tuple[str, str, Scope], bytes] = {}

    def check(self, request: Incoming, now_ns: int) -> Verified | None:
        """Who asks, None for a request without any signature. Raises `Fault`."""
        header = request.headers.get("authorization")
        in_query = _signed_in_query(request.query)
        if not header:
            if not in_query:
                return None
            return self._check_query(request, now_ns)
        if in_query:
            raise Fault("InvalidArgument", "Only one auth mechanism allowed; only one of the query and the header.")
        if header.startswith(ALGORITHM):
            return self._check_header(request, header, now_ns)
        if header.startswith("AWS "):
            return self._check_v2(request, sigv2.from_header(request.headers), now_ns)
        raise Fault("InvalidArgument", "Unsupported Authorization Type")

    def check_form(self, fields: Mapping[str, str], now_ns: int) -> str:
        """Whose signature stands on the policy of a POST form; the field names are lower-case. Raises `Fault`."""
        if "x-amz-signature" not in fields:
            if "signature" not in fields:
                raise Fault("InvalidArgument", "Bucket POST must contain a field named 'Signature'.")
            self._need_v2()
            access = self._access(fields.get("awsaccesskeyid", ""), fields.get("x-amz-security-token"), now_ns)
            expected = sigv2.signature(access.credentials.secret_key, fields["policy"])
            return _agreed(access, expected, fields["signature"], fields["policy"])
        if fields.get("x-amz-algorithm") != ALGORITHM:
            raise Fault("InvalidArgument", f"X-Amz-Algorithm only supports {ALGORITHM}")
        amz_date = fields.get("x-amz-date", "")
        access_key, scope = self._scope(fields.get("x-amz-credential", ""), "InvalidArgument")
        access = self._access(access_key, fields.get("x-amz-security-token"), now_ns)
        if _moment(amz_date) is None or amz_date[:8] != scope.date:
            raise Fault("InvalidArgument", "X-Amz-Date must be of the day that the credential names")
        expected = signature(self._signing_key(access.credentials, scope), fields["policy"])
        return _agreed(access, expected, fields["x-amz-signature"], fields["policy"])

    def _check_header(self, request: Incoming, header: str, now_ns: int) -> Verified:
        code = "AuthorizationHeaderMalformed"
        given = _authorization_fields(header)
        access_key, scope = self._scope(given["Credential"], code)
        headers = request.headers
        access = self._access(access_key, headers.get("x-amz-security-token"), now_ns)
        moment_ns, amz_date = _moment_of(headers)
        if abs(now_ns - moment_ns) > WINDOW_NS:
            raise Fault("RequestTimeTooSkewed", extra={"MaxAllowedSkewMilliseconds": "900000"})
        if amz_date[:8] != scope.date:
            raise Fault(code, f'Invalid credential date "{scope.date}". It is not the date of the request.')
        content_hash = headers.get("x-amz-content-sha256")
        if content_hash is None:
            raise Fault("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        payload = payload_of(content_hash)
        claim = _Claim(access_key, scope, given["SignedHeaders"], given["Signature"], amz_date, code)
        key = self._confirm(request, canonical_query(_pairs(request.query)), claim, access.credentials, content_hash)
        seed = Seed(key, amz_date, str(scope), claim.signature) if payload.has_signed_chunks else None
        return Verified(access_key, payload, content_hash, seed)

    def _check_query(self, request: Incoming, now_ns: int) -> Verified:
        pairs = _pairs(request.query)
        given = dict(pairs)
        if "X-Amz-Algorithm" not in given and "AWSAccessKeyId" in given:
            return self._check_v2(request, sigv2.from_query(given), now_ns)
        code = "AuthorizationQueryParametersError"
        if any(name not in given for name in _QUERY_NAMES) or "X-Amz-Algorithm" not in given:
            raise Fault(code, _NEEDED)
        if sum(name in _QUERY_NAMES for name, _ in pairs) != len(_QUERY_NAMES):
            raise Fault(code, "A parameter of the signature is given more than once.")
        if given["X-Amz-Algorithm"] != ALGORITHM:
            raise Fault(code, f'X-Amz-Algorithm only supports "{ALGORITHM}"')
        access_key, scope = self._scope(given["X-Amz-Credential"], code)
        amz_date = given["X-Amz-Date"]
        _check_validity(amz_date, given["X-Amz-Expires"], scope, now_ns)
        access = self._access(access_key, given.get("X-Amz-Security-Token"), now_ns)
        claim = _Claim(access_key, scope, given["X-Amz-SignedHeaders"], given["X-Amz-Signature"], amz_date, code)
        content_hash = given.get("X-Amz-Content-Sha256") or request.headers.get("x-amz-content-sha256")
        content_hash = content_hash or UNSIGNED_PAYLOAD
        payload = payload_of(content_hash)
        query = canonical_query([pair for pair in pairs if pair[0] != "X-Amz-Signature"])
        key = self._confirm(request, query, claim, access.credentials, content_hash)
        seed = Seed(key, amz_date, str(scope), claim.signature) if payload.has_signed_chunks else None
        return Verified(access_key, payload, content_hash, seed, presigned=True)

    def _check_v2(self, request: Incoming, claim: sigv2.Claim, now_ns: int) -> Verified:
        self._need_v2()
        access = self._access(claim.access_key, claim.session_token, now_ns)
        if claim.expires is not None:
            if now_ns > claim.expires * SECOND_NS:
                raise Fault("AccessDenied", "Request has expired")
        elif abs(now_ns - http_date_ns(claim.date)) > WINDOW_NS:
            raise Fault("RequestTimeTooSkewed", extra={"MaxAllowedSkewMilliseconds": "900000"})
        text = sigv2.string_to_sign(request.method, request.resource, _pairs(request.query), request.headers, claim)
        expected = sigv2.signature(access.credentials.secret_key, text)
        _agreed(access, expected, claim.signature, text)
        content_hash = request.headers.get("x-amz-content-sha256", UNSIGNED_PAYLOAD)
        payload = payload_of(content_hash)
        if payload.has_signed_chunks:
            raise Fault("InvalidRequest", "Signed chunks need Signature Version 4.")
        return Verified(claim.access_key, payload, content_hash, None, presigned=claim.expires is not None)

    def _need_v2(self) -> None:
        if not self._allow_v2:
            raise Fault(
                "InvalidRequest",
                f"The authorization mechanism you have provided is not supported. Please use {ALGORITHM}.",
            )

    def _scope(self, credential: str, code: str) -> tuple[str, Scope]:
        parts = credential.rsplit("/", 4)
        if len(parts) != 5 or parts[4] != "aws4_request" or not parts[0]:
            raise Fault(
                code, "The Credential is mal-formed; expecting <ACCESS-KEY>/YYYYMMDD/REGION/SERVICE/aws4_request."
            )
        scope = Scope(parts[1], parts[2], parts[3])
        if scope.service != "s3":
            raise Fault(code, f'Incorrect service "{scope.service}". This endpoint belongs to "s3".')
        if self._region is not None and scope.region != self._region:
            raise Fault(
                code,
                f"The region '{scope.region}' is wrong; expecting '{self._region}'",
                extra={"Region": self._region},
            )
        return parts[0], scope

    def _access(self, access_key: str, token: str | None, now_ns: int) -> AccessKey:
        access = self._find(access_key)
        if access is None:
            raise Fault("InvalidAccessKeyId", extra={"AWSAccessKeyId": access_key})
        expected = access.credentials.session_token
        if (token or "") != (expected or "") and not compare_digest(_raw(token or ""), _raw(expected or "")):
            raise Fault("InvalidToken")
        if access.expires_ns and now_ns >= access.expires_ns:
            raise Fault("ExpiredToken")
        return access

    def _signing_key(self, credentials: Credentials, scope: Scope) -> bytes:
        known = (credentials.access_key, credentials.secret_key, scope)
        key = self._keys.get(known)
        if key is None:
            key = signing_key(credentials.secret_key, scope)
            if len(self._keys) >= MAX_KNOWN_KEYS:
                self._keys.clear()
            self._keys[known] = key
        return key

    def _confirm(
        self, request: Incoming, query: str, claim: _Claim, credentials: Credentials, payload_hash: str
    ) -> bytes:
        """The signing key, if the signature is the one it makes of this request."""
        lines = _signed_lines(request.headers, claim)
        path = _canonical(request.path)
        text = f"{request.method}\n{path}\n{query}\n{lines}\n{claim.signed_headers}\n{payload_hash}"
        to_sign = f"{ALGORITHM}\n{claim.amz_date}\n{claim.scope}\n{sha256(_raw(text)).hexdigest()}"
        key = self._signing_key(credentials, claim.scope)
        if not compare_digest(_raw(signature(key, to_sign)), _raw(claim.signature)):
            raise Fault(
                "SignatureDoesNotMatch",
                extra={
                    "AWSAccessKeyId": claim.access_key,
                    "StringToSign": to_sign,
                    "SignatureProvided": claim.signature,
                    "CanonicalRequest": text,
                },
            )
        return key


def _signed_in_query(query: str) -> bool:
    if "X-Amz-" in query:
        names = {piece.partition("=")[0] for piece in query.split("&")}
        if not names.isdisjoint(("X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential")):
            return True
    return "AWSAccessKeyId=" in query and "Signature=" in query


def _agreed(access: AccessKey, expected: str, given: str, text: str) -> str:
    if not compare_digest(_raw(expected), _raw(given)):
        extra = {
            "AWSAccessKeyId": access.credentials.access_key,
            "StringToSign": text,
            "SignatureProvided": given,
        }
        raise Fault("SignatureDoesNotMatch", extra=extra)
    return access.credentials.access_key


def _authorization_fields(header: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for piece in header[len(ALGORITHM) :].split(","):
        name, equals, value = piece.strip().partition("=")
        if not equals or name in given:
            raise Fault("AuthorizationHeaderMalformed", "The authorization header is malformed.")
        given[name] = value
    for name in ("Credential", "SignedHeaders", "Signature"):
        if not given.get(name):
            raise Fault("AuthorizationHeaderMalformed", f"The authorization header is malformed; missing {name}.")
    return given


def _signed_lines(headers: Mapping[str, str], claim: _Claim) -> str:
    """The header lines that the signature covers; refuses a request with others that it must cover."""
    names = claim.signed_headers.split(";")
    lines = []
    previous = ""
    for name in names:
        if name <= previous:
            raise Fault(claim.code, "SignedHeaders is not a sorted list of header names.")
        previous = name
        lines.append(f"{name}:{canonical_value(headers.get(name, ''))}\n")
    unsigned = [name for name in headers if name.startswith("x-amz-") and name not in names]
    if "host" not in names:
        unsigned.append("host")
    if unsigned:
        raise Fault(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            extra={"HeadersNotSigned": ", ".join(sorted(unsigned))},
        )
    return "".join(lines)


def _canonical(path: str) -> str:
    try:
        return canonical_path(path)
    except UnicodeError as error:
        raise Fault("InvalidURI") from error


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return split_query(query)
    except UnicodeError as error:
        raise Fault("InvalidURI") from error


def _moment(amz_date: str) -> int | None:
    if not _AMZ_DATE(amz_date):
        return None
    text = f"{amz_date[:4]}-{amz_date[4:6]}-{amz_date[6:11]}:{amz_date[11:13]}:{amz_date[13:16]}"
    try:
        return iso_ns(text)
    except ValueError:
        return None


def _moment_of(headers: Mapping[str, str]) -> tuple[int, str]:
    """The moment of a request and how its signature writes it."""
    amz_date = headers.get("x-amz-date")
    if amz_date is None and (date := headers.get("date")) is not None:
        moment_ns = http_date_ns(date)
        amz_date = timestamp(moment_ns) if moment_ns else date
    moment = _moment(amz_date or "")
    if moment is None or amz_date is None:
        raise Fault("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    return moment, amz_date


def _check_validity(amz_date: str, expires: str, scope: Scope, now_ns: int) -> None:
    code = "AuthorizationQueryParametersError"
    moment_ns = _moment(amz_date)
    if moment_ns is None:
        raise Fault(code, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    if amz_date[:8] != scope.date:
        raise Fault(code, f'Invalid credential date "{scope.date}". It is not the date of X-Amz-Date.')
    if not (expires.isascii() and expires.lstrip("-").isdigit() and len(expires) < 12):
        raise Fault(code, "X-Amz-Expires should be a number")
    seconds = int(expires)
    if seconds < 0:
        raise Fault(code, "X-Amz-Expires must be non-negative")
    if seconds > MAX_EXPIRES_SECONDS:
        raise Fault(
            code, f"X-Amz-Expires must be less than a week (in seconds); that is, {MAX_EXPIRES_SECONDS} seconds"
        )
    if moment_ns - now_ns > WINDOW_NS:
        raise Fault("AccessDenied", "Request is not valid yet")
    if now_ns > moment_ns + seconds * SECOND_NS:
        raise Fault("AccessDenied", "Request has expired", extra={"X-Amz-Expires": expires})


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
