from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import (
    AccessDenied,
    BucketMissing,
    Corrupt,
    NotFound,
    PreconditionFailed,
    Rejected,
    Throttled,
    Unavailable,
    Unsupported,
)
from brigade.wire.gcs import Refusal, base64_of, error_for, hex_of, parse_refusal, rfc3339_ns


def document(status, reason, message):
    errors = [{"domain": "global", "reason": reason, "message": message}]
    return json.dumps({"error": {"code": status, "message": message, "errors": errors}}).encode()


@pytest.mark.parametrize(
    ("status", "reason", "message", "kind"),
    [
        (404, "notFound", "No such object: b/k", NotFound),
        (404, "notFound", "The specified bucket does not exist.", BucketMissing),
        (404, "", "Not Found", BucketMissing),
        (403, "forbidden", "no", AccessDenied),
        (403, "rateLimitExceeded", "slow", Throttled),
        (403, "retentionPolicyNotMet", "kept", AccessDenied),
        (401, "authError", "Invalid Credentials", AccessDenied),
        (412, "conditionNotMet", "no", PreconditionFailed),
        (304, "", "", PreconditionFailed),
        (400, "invalid", 'Provided MD5 hash "a" doesn\'t match calculated MD5 hash "b".', Corrupt),
        (400, "invalid", 'Provided CRC32C "a" doesn\'t match calculated CRC32C "b".', Corrupt),
        (400, "invalid", "Invalid storage class", Rejected),
        (400, "required", "Bucket is a requester pays bucket but no user project provided.", Rejected),
        (429, "rateLimitExceeded", "slow", Throttled),
        (503, "backendError", "later", Throttled),
        (500, "backendError", "later", Unavailable),
        (502, "", "<html>", Unavailable),
        (408, "", "", Unavailable),
        (501, "", "", Unsupported),
        (418, "teapot", "short and stout", Rejected),
    ],
)
def test_each_refusal_has_its_error(status, reason, message, kind):
    error = error_for(status, parse_refusal(document(status, reason, message)), store="s", operation="get", key="k")
    assert type(error) is kind
    assert (error.status, error.code, error.key) == (status, reason, "k")


@given(st.binary(max_size=200))
def test_any_body_of_a_refusal_can_be_read(body):
    assert isinstance(parse_refusal(body), Refusal)


@pytest.mark.parametrize("body", [b"[]", b'{"error": []}', b'{"error": {"errors": [1]}}', b"null", b'{"error": "x"}'])
def test_a_document_of_another_form_is_taken_as_text(body):
    assert parse_refusal(body) == Refusal("", body.decode())


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:01.000Z", 1_000_000_000),
        ("2024-05-06T07:08:09.123Z", 1_714_979_289_123_000_000),
        ("2024-05-06T07:08:09.123456789Z", 1_714_979_289_123_456_789),
        ("2024-05-06T07:08:09Z", 1_714_979_289_000_000_000),
        ("yesterday", 0),
        ("", 0),
    ],
)
def test_a_moment_is_read_to_its_last_digit(text, ns):
    assert rfc3339_ns(text) == ns


@given(st.binary(min_size=1, max_size=64))
def test_digests_go_both_ways(digest):
    assert hex_of(base64_of(digest.hex())) == digest.hex()
