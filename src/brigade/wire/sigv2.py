"""AWS Signature Version 2, which old clients still use: only read here, never made."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from hmac import digest as hmac_digest
from typing import NamedTuple

from brigade.wire.s3faults import Fault

# The parameters that are part of what is signed.
_SIGNED_PARAMETERS = frozenset(
    [
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "defaultObjectAcl",
        "delete",
        "encryption",
        "inventory",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "partNumber",
        "policy",
        "publicAccessBlock",
        "replication",
        "requestPayment",
        "restore",
        "retention",
        "legal-hold",
        "select",
        "select-type",
        "storageClass",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
    ]
)


class Claim(NamedTuple):
    """What a request says of its signature. `expires` (seconds since the epoch) only in a query."""

    access_key: str
    signature: str
    date: str
    expires: int | None
    session_token: str | None


def from_header(headers: Mapping[str, str]) -> Claim:
    """The claim of an Authorization header that begins with `AWS `."""
    access_key, colon, given = headers["authorization"][4:].strip().rpartition(":")
    if not colon or not access_key or not given:
        raise Fault("InvalidArgument", "AWS authorization header is invalid. Expected AwsAccessKeyId:signature")
    date = headers.get("x-amz-date") or headers.get("date") or ""
    if not date:
        raise Fault("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    return Claim(access_key, given, date, None, headers.get("x-amz-security-token"))


def from_query(given: Mapping[str, str]) -> Claim:
    """The claim of a presigned URL."""
    expires = given.get("Expires", "")
    if "Signature" not in given or not expires:
        raise Fault(
            "AccessDenied", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
        )
    if not (expires.isascii() and expires.isdigit() and len(expires) < 14):
        raise Fault("AccessDenied", "Invalid date (should be seconds since epoch)")
    token = given.get("x-amz-security-token")
    return Claim(given["AWSAccessKeyId"], given["Signature"], expires, int(expires), token)


def string_to_sign(
    method: str, resource: str, pairs: Iterable[tuple[str, str]], headers: Mapping[str, str], claim: Claim
) -> str:
    """What is signed; `resource` is the path as it stands in the request, the bucket in front."""
    amz = sorted((name, value) for name, value in headers.items() if name.startswith("x-amz-"))
    signed = sorted((name, value) for name, value in pairs if name in _SIGNED_PARAMETERS)
    parameters = "&".join([f"{name}={value}" if value else name for name, value in signed])
    date = claim.date if claim.expires is not None or "x-amz-date" not in headers else ""
    lines = [method, headers.get("content-md5", ""), headers.get("content-type", ""), date]
    lines += [f"{name}:{value}" for name, value in amz]
    return "\n".join([*lines, f"{resource}?{parameters}" if parameters else resource])


def signature(secret_key: str, text: str) -> str:
    """The signature of such a text, or of the policy of a form."""
    made = hmac_digest(secret_key.encode(), text.encode("utf-8", "surrogateescape"), "sha1")
    return base64.b64encode(made).decode()
