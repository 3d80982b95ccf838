"""What error codes and statuses come to mean."""

from __future__ import annotations

from typing import Any

import pytest

from brigade.errors import (
    AccessDenied,
    BucketMissing,
    Corrupt,
    InvalidKey,
    NotFound,
    PreconditionFailed,
    Rejected,
    Retry,
    StorageFull,
    Throttled,
    Unavailable,
    Unsupported,
)
from brigade.wire.s3errors import error_for, meaning


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "NoSuchKey", NotFound),
        (404, "NoSuchBucket", BucketMissing),
        (404, "NoSuchUpload", NotFound),
        (403, "AccessDenied", AccessDenied),
        (403, "SignatureDoesNotMatch", AccessDenied),
        (403, "RequestTimeTooSkewed", AccessDenied),
        (412, "PreconditionFailed", PreconditionFailed),
        (400, "KeyTooLongError", InvalidKey),
        (501, "NotImplemented", Unsupported),
        (400, "BadDigest", Corrupt),
        (503, "SlowDown", Throttled),
        (429, "", Throttled),
        (503, "ServiceUnavailable", Unavailable),
        (500, "InternalError", Unavailable),
        (400, "RequestTimeout", Unavailable),
        (507, "", StorageFull),
        (502, "", Unavailable),
        (599, "NeverHeardOf", Unavailable),
        (400, "InvalidArgument", Rejected),
        (409, "BucketAlreadyExists", Rejected),
        (418, "", Rejected),
    ],
)
def test_a_refusal_becomes_the_error_that_fits(status: Any, code: Any, kind: Any) -> None:
    assert type(error_for(status, code, "", store="s", operation="get", key="k")) is kind


def test_a_bare_404_is_the_object_where_a_key_was_named_and_else_the_bucket() -> None:
    assert meaning(404, "", key="k").kind is NotFound
    assert meaning(404, "").kind is BucketMissing


def test_an_unknown_code_with_404_is_not_taken_for_a_missing_object() -> None:
    assert meaning(404, "NoSuchWebsiteConfiguration", key="k").kind is Rejected


def test_unknown_errors_are_permanent() -> None:
    assert error_for(400, "Odd", "", store="s", operation="put").retry is Retry.NEVER


def test_an_error_says_what_where_and_what_to_do() -> None:
    error = error_for(
        403,
        "InvalidAccessKeyId",
        "No such key id.\n",
        store="minio:photos",
        operation="put",
        key="a b",
        retry_after_seconds=3,
    )
    assert str(error) == (
        "minio:photos put 'a b': the server does not know this access key: InvalidAccessKeyId No such key id. "
        "(check access_key and secret_key of the store)"
    )
    assert (error.code, error.status, error.retry_after_seconds) == ("InvalidAccessKeyId", 403, 3)


def test_a_long_message_of_the_server_is_cut() -> None:
    assert len(str(error_for(400, "X", "y" * 10_000, store="s", operation="put"))) < 700
