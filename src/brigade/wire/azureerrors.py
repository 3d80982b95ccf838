"""What an error code or HTTP status of Azure Storage means in the words of `brigade.errors`."""

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
    StoreError,
    Throttled,
    Unavailable,
    Unsupported,
)


class Meaning(NamedTuple):
    """The class of an error, what to say and what to do about it. An empty text leaves the word to the server."""

    kind: type[StoreError]
    text: str = ""
    hint: str = ""


_NOT_FOUND = Meaning(NotFound, "there is no such blob")
_MAY = "check the credentials and what they may do"
_DENIED = Meaning(AccessDenied, "access denied", _MAY)
_SIGNATURE = Meaning(
    AccessDenied, "the server does not accept the credentials", "check key, SAS and this machine's clock"
)
_CHANGED = Meaning(PreconditionFailed, "the blob is not in the state that was asked for")
_LEASED = Meaning(Rejected, "somebody holds a lease on it", "end the lease, or wait until it ends")
_DAMAGED = Meaning(Corrupt, "the server received other bytes than were promised")
_BAD_KEY = Meaning(InvalidKey, "the server cannot hold this name")
_BAD_CONTAINER = Meaning(
    Rejected, "no container has such a name", "it has 3 to 63 lower-case letters, digits and single hyphens"
)
_BUSY = Meaning(Unavailable, "another operation on it is under way")
_FAILED = Meaning(Unavailable, "the server failed")
_SLOW = Meaning(Throttled, "the server asks for fewer requests")
_LACKS = Meaning(Unsupported, "this account does not have this operation")
_TAGS = Meaning(Rejected, "the server refuses these tags", "at most 10, of letters, digits, space and + - . / : = _")

BY_CODE: dict[str, Meaning] = {
    "BlobNotFound": _NOT_FOUND,
    "ContainerNotFound": Meaning(BucketMissing, "there is no such container", "check its name, or create it"),
    # Azure says this of everything in a private container to somebody who shows no credentials.
    "ResourceNotFound": Meaning(AccessDenied, "it is not there, or hidden from these credentials", _MAY),
    "ContainerBeingDeleted": Meaning(Unavailable, "the container is being deleted"),
    "ContainerDisabled": _DENIED,
    "AccountIsDisabled": _DENIED,
    "AuthenticationFailed": _SIGNATURE,
    "InvalidAuthenticationInfo": _SIGNATURE,
    "NoAuthenticationInformation": _DENIED,
    "AuthorizationFailure": _DENIED,
    "AuthorizationPermissionMismatch": _DENIED,
    "AuthorizationResourceTypeMismatch": _DENIED,
    "AuthorizationServiceMismatch": _DENIED,
    "AuthorizationSourceIPMismatch": _DENIED,
    "InsufficientAccountPermissions": _DENIED,
    "PublicAccessNotPermitted": _DENIED,
    "KeyBasedAuthenticationNotPermitted": Meaning(
        AccessDenied,
        "this account takes no keys",
        "use a SAS of a user, or Entra ID (tenant_id, client_id, client_secret)",
    ),
    "ConditionNotMet": _CHANGED,
    "TargetConditionNotMet": _CHANGED,
    "SourceConditionNotMet": _CHANGED,
    "BlobAlreadyExists": Meaning(PreconditionFailed, "the blob exists"),
    "LeaseIdMissing": _LEASED,
    "LeaseIdMismatchWithBlobOperation": _LEASED,
    "LeaseIdMismatchWithContainerOperation": _LEASED,
    "LeaseLost": _LEASED,
    "LeaseAlreadyPresent": _LEASED,
    "Md5Mismatch": _DAMAGED,
    "Crc64Mismatch": _DAMAGED,
    "BlobArchived": Meaning(
        Rejected,
        "the blob is in the archive tier, where it can be neither read nor changed",
        "rehydrate it first: set its tier to Hot, Cool or Cold and wait some hours",
    ),
    "BlobBeingRehydrated": Meaning(
        Rejected, "the blob is on its way out of the archive tier", "wait some hours and run again"
    ),
    "SnapshotsPresent": Meaning(
        Rejected,
        "the blob has snapshots, which would go with it",
        "delete them first, or set delete_snapshots: true for this store",
    ),
    "BlobImmutableDueToPolicy": Meaning(Rejected, "a policy of immutability protects the blob"),
    "InvalidBlobType": Meaning(
        Rejected, "the blob there is an append or page blob, which blocks cannot replace", "delete it first"
    ),
    "InvalidBlobOrBlock": Meaning(
        Rejected,
        "blocks of another program's upload of this key are in the way",
        "let it end, or wait a week: the server then drops them",
    ),
    "InvalidBlockList": Meaning(Rejected, "a block of the upload is not there"),
    "InvalidBlockId": Meaning(Rejected, "the server refuses the name of a block"),
    "BlockCountExceedsLimit": Meaning(
        Rejected, "too many uncommitted blocks lie under this key", "wait a week: the server then drops them"
    ),
    "MetadataTooLarge": Meaning(Rejected, "the metadata has more than the 8 KiB that the server takes"),
    "InvalidMetadata": Meaning(Rejected, "the server refuses a name or value of the metadata"),
    "EmptyMetadataKey": Meaning(Rejected, "metadata cannot have an empty name"),
    "InvalidTag": _TAGS,
    "TagsTooLarge": _TAGS,
    "EmptyTagName": _TAGS,
    "RequestBodyTooLarge": Meaning(Rejected, "the body is larger than the server takes"),
    "InvalidRange": Meaning(Rejected, "the blob has no such range"),
    "InvalidResourceName": _BAD_KEY,
    "InvalidUri": _BAD_KEY,
    "PathNotFound": _NOT_FOUND,
    "DirectoryNotEmpty": Meaning(Rejected, "it is a directory that holds something"),
    "FeatureNotYetSupportedForHierarchicalNamespaceAccounts": _LACKS,
    "UnsupportedHeader": _LACKS,
    "FeatureVersionMismatch": _LACKS,
    "NotImplemented": _LACKS,
    "PendingCopyOperation": _BUSY,
    "OperationTimedOut": _FAILED,
    "InternalError": _FAILED,
    "ServerBusy": _SLOW,
}

# The same codes mean the container's name where no blob was asked for.
_BY_CODE_WITHOUT_BLOB = dict.fromkeys(("InvalidResourceName", "InvalidUri", "OutOfRangeInput"), _BAD_CONTAINER)

_BY_STATUS: dict[int, Meaning] = {
    304: _CHANGED,
    401: _DENIED,
    403: _DENIED,
    408: Meaning(Unavailable, "the server waited too long for the request"),
    412: _CHANGED,
    429: _SLOW,
    501: _LACKS,
    503: _SLOW,
}


def meaning(status: int, code: str, message: str) -> Meaning:
    """What an answer means. Without a code of Azure's even a 404 proves nothing: something else has answered."""
    known = BY_CODE.get(code)
    if known is not None:
        return known
    if code == "InvalidOperation" and "MD5" in message:
        # Azurite's word for Md5Mismatch.
        return _DAMAGED
    return _BY_STATUS.get(status) or (_FAILED if status >= 500 else Meaning(Rejected))


def error_for(
    status: int,
    code: str,
    message: str,
    *,
    store: str,
    operation: str,
    key: str | None = None,
    retry_after_seconds: float | None = None,
) -> StoreError:
    """The error to raise for an answer; `message` is the server's own."""
    known = _BY_CODE_WITHOUT_BLOB.get(code) if key is None else None
    known = known or meaning(status, code, message)
    said = " ".join(part for part in (code, message.partition("\n")[0].strip()[:500]) if part)
    said = said or f"HTTP status {status}"
    return known.kind(
        f"{known.text}: {said}" if known.text else f"the server refused: {said}",
        store=store,
        operation=operation,
        key=key,
        code=code,
        status=status,
        retry_after_seconds=retry_after_seconds,
        hint=known.hint,
    )
