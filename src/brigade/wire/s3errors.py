"""What an S3 error code or HTTP status means in the words of `brigade.errors`: one table, and its reader."""

from __future__ import annotations

from typing import NamedTuple

from brigade.errors import (
    AccessDenied,
    BucketMissing,
    Corrupt,
    InvalidKey,
    NotFound,
    PreconditionFailed,
    Rejected,
    StorageFull,
    StoreError,
    Throttled,
    Truncated,
    Unavailable,
    Unsupported,
)


class Meaning(NamedTuple):
    """The class of an error, what to say and what to do about it. An empty text leaves the word to the server."""

    kind: type[StoreError]
    text: str = ""
    hint: str = ""


_KEYS = "check access_key and secret_key of the store"
_CLOCK = "set this machine's clock"
_MAY = "check the credentials and what they may do"
_NOT_FOUND = Meaning(NotFound, "there is no such object")
_NO_BUCKET = Meaning(BucketMissing, "there is no such bucket", "check its name, or create it")
_DENIED = Meaning(AccessDenied, "access denied", _MAY)
_BAD_KEY = Meaning(InvalidKey, "the server cannot hold this key")
_FULL = Meaning(StorageFull, "the store has no room left", "free space or raise the quota")
_DAMAGED = Meaning(Corrupt, "the server received other bytes than were promised")
_SLOW = Meaning(Throttled, "the server asks for fewer requests")
_FAILED = Meaning(Unavailable, "the server failed")
_CHANGED = Meaning(PreconditionFailed, "the object is not in the state that was asked for")
_LACKS = Meaning(Unsupported, "the server does not have this operation")
_REFUSED = Meaning(Rejected)
_EXPIRED = Meaning(AccessDenied, "the session token has expired or is wrong", "fetch new temporary credentials")

BY_CODE: dict[str, Meaning] = {
    "NoSuchKey": _NOT_FOUND,
    "NoSuchVersion": Meaning(NotFound, "there is no such version of the object"),
    "NoSuchUpload": Meaning(NotFound, "there is no such multipart upload", "it was completed or aborted"),
    "NoSuchBucket": _NO_BUCKET,
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "AccountProblem": Meaning(AccessDenied, "the account has a problem", "ask the provider"),
    "InvalidAccessKeyId": Meaning(AccessDenied, "the server does not know this access key", _KEYS),
    "SignatureDoesNotMatch": Meaning(
        AccessDenied, "the server finds another signature: the secret key is wrong", _KEYS
    ),
    "AuthorizationHeaderMalformed": Meaning(AccessDenied, "the server refuses the signature", "check the region"),
    "InvalidSecurity": _DENIED,
    "MissingSecurityHeader": _DENIED,
    "NotSignedUp": _DENIED,
    "ExpiredToken": _EXPIRED,
    "InvalidToken": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "RequestTimeTooSkewed": Meaning(AccessDenied, "this machine's clock differs too much from the server's", _CLOCK),
    "RequestExpired": Meaning(AccessDenied, "this machine's clock differs too much from the server's", _CLOCK),
    "PreconditionFailed": _CHANGED,
    "NotModified": _CHANGED,
    "ConditionalRequestConflict": Meaning(Unavailable, "another write to this key is under way"),
    "OperationAborted": Meaning(Unavailable, "another operation on this resource is under way"),
    "KeyTooLongError": Meaning(InvalidKey, "the key is too long for the server"),
    "KeyTooLong": Meaning(InvalidKey, "the key is too long for the server"),
    "InvalidObjectName": _BAD_KEY,
    "InvalidURI": _BAD_KEY,
    "XMinioInvalidObjectName": _BAD_KEY,
    "XMinioInvalidResourceName": _BAD_KEY,
    "XMinioObjectExistsAsDirectory": Meaning(InvalidKey, "objects with this key as their prefix exist"),
    "XMinioParentIsObject": Meaning(InvalidKey, "an object with a prefix of this key as its name exists"),
    "ExistingObjectIsDirectory": Meaning(InvalidKey, "objects with this key as their prefix exist"),
    "ExistingObjectIsFile": Meaning(InvalidKey, "an object with a prefix of this key as its name exists"),
    "NotImplemented": _LACKS,
    "MethodNotAllowed": _LACKS,
    "NotSupported": _LACKS,
    "QuotaExceeded": _FULL,
    "InsufficientStorage": _FULL,
    "XMinioStorageFull": _FULL,
    "XMinioAdminBucketQuotaExceeded": _FULL,
    "BadDigest": _DAMAGED,
    "XAmzContentSHA256Mismatch": _DAMAGED,
    "XAmzContentChecksumMismatch": _DAMAGED,
    "IncompleteBody": Meaning(Truncated, "the server received fewer bytes than were promised"),
    "SlowDown": _SLOW,
    "SlowDownRead": _SLOW,
    "SlowDownWrite": _SLOW,
    "Throttling": _SLOW,
    "ThrottlingException": _SLOW,
    "RequestLimitExceeded": _SLOW,
    "RequestThrottled": _SLOW,
    "TooManyRequests": _SLOW,
    "BandwidthLimitExceeded": _SLOW,
    "InternalError": _FAILED,
    "ServiceUnavailable": Meaning(Unavailable, "the server is not available"),
    "RequestTimeout": Meaning(Unavailable, "the server waited too long for the request"),
    "InvalidObjectState": Meaning(Rejected, "the object is archived", "restore it first"),
    "InvalidRange": Meaning(Rejected, "the object has no such range"),
    "EntityTooLarge": Meaning(Rejected, "the object is larger than the server takes"),
    "EntityTooSmall": Meaning(Rejected, "a part is smaller than the server takes"),
    "InvalidPart": Meaning(Rejected, "a part of the upload is not the one that was named"),
}

_BY_STATUS: dict[int, Meaning] = {
    301: Meaning(AccessDenied, "the bucket is in another region", "set the region of the store"),
    304: _CHANGED,
    401: _DENIED,
    403: _DENIED,
    405: _LACKS,
    408: Meaning(Unavailable, "the server waited too long for the request"),
    409: Meaning(Unavailable, "another operation on this resource is under way"),
    412: _CHANGED,
    429: _SLOW,
    501: _LACKS,
    503: Meaning(Unavailable, "the server is not available"),
    507: _FULL,
}


def meaning(status: int, code: str, *, key: str | None = None) -> Meaning:
    """What an answer means; `code` is empty where the answer had no document, as HEAD has none."""
    known = BY_CODE.get(code)
    if known is not None:
        return known
    if status == 404 and not code:
        return _NO_BUCKET if key is None else _NOT_FOUND
    if code and status in (301, 409):
        return _REFUSED
    return _BY_STATUS.get(status) or (_FAILED if status >= 500 else _REFUSED)


def error_for(
    status: int,
    code: str,
    message: str,
    *,
    store: str,
    operation: str,
    key: str | None = None,
    retry_after_seconds: float | None = None,
    hint: str = "",
) -> StoreError:
    """The error to raise for an answer; `message` is the server's own and `hint` replaces the table's."""
    known = meaning(status, code, key=key)
    said = " ".join(part for part in (code, message.strip()[:500]) if part) or f"HTTP status {status}"
    return known.kind(
        f"{known.text}: {said}" if known.text else f"the server refused: {said}",
        store=store,
        operation=operation,
        key=key,
        code=code,
        status=status,
        retry_after_seconds=retry_after_seconds,
        hint=hint or known.hint,
    )
