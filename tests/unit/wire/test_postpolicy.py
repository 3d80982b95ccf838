"""POST policies: what botocore signs is allowed, each condition is enforced, and our own policy passes our own check."""

from __future__ import annotations

import base64
import calendar
import json
from typing import Any

import pytest
from botocore.config import Config
from botocore.session import Session

from brigade.wire.postpolicy import SizeLimits, check_policy, object_key, sign_form
from brigade.wire.s3faults import Fault
from brigade.wire.sigv4 import Credentials
from brigade.wire.verify import AccessKey, Verifier

SECOND = 1_000_000_000
NOW = calendar.timegm((2026, 11, 20, 12, 0, 0)) * SECOND
KEY = Credentials("AKIAEXAMPLE", "secret")


def policy(*conditions: Any, expiration: str = "2026-11-20T13:00:00.000Z") -> str:
    document = {"expiration": expiration, "conditions": list(conditions)}
    return base64.b64encode(json.dumps(document).encode()).decode()


def form(*conditions: Any, **fields: str) -> dict[str, str]:
    return {
        "policy": policy({"bucket": "b"}, *conditions),
        "key": "k",
        **{n.replace("_", "-"): v for n, v in fields.items()},
    }


def refused(fields: dict[str, str], bucket: str = "b") -> str:
    with pytest.raises(Fault) as caught:
        check_policy(fields, bucket, NOW)
    return caught.value.code


def test_the_conditions_of_a_policy_hold():
    assert check_policy(form({"key": "k"}), "b", NOW) == SizeLimits()
    assert check_policy(form(["eq", "$key", "k"]), "b", NOW) == SizeLimits()
    assert check_policy(form(["starts-with", "$key", ""]), "b", NOW) == SizeLimits()
    assert check_policy(form(["starts-with", "$KEY", "k"]), "b", NOW) == SizeLimits()
    assert check_policy(form({"key": "k"}, ["content-length-range", 1, 10]), "b", NOW) == SizeLimits(1, 10)
    images = form({"key": "k"}, ["starts-with", "$Content-Type", "image/"], content_type="image/png,image/gif")
    assert check_policy(images, "b", NOW) == SizeLimits()
    ignored = form({"key": "k"}, x_ignore_this="x")
    assert check_policy(ignored, "b", NOW) == SizeLimits()


@pytest.mark.parametrize(
    ("fields", "bucket"),
    [
        (form({"key": "other"}), "b"),
        (form(["starts-with", "$key", "users/"]), "b"),
        (form({"key": "k"}), "other"),
        # A policy that names no bucket would be good for every bucket.
        ({"policy": policy({"key": "k"}), "key": "k"}, "b"),
        (form({"key": "k"}, acl="public-read"), "b"),
        (form({"key": "k"}, {"acl": "private"}, acl="public-read"), "b"),
        (form({"key": "k"}, {"acl": "private"}), "b"),
        (form({"key": "k"}, ["starts-with", "$content-type", "image/"], content_type="image/png,text/html"), "b"),
        (
            {**form({"key": "k"}), "policy": policy({"bucket": "b"}, {"key": "k"}, expiration="2026-11-20T12:00:00Z")},
            "b",
        ),
    ],
)
def test_what_a_policy_does_not_allow_is_denied(fields, bucket):
    assert refused(fields, bucket) == "AccessDenied"


@pytest.mark.parametrize(
    "text",
    [
        "no base64 of anything!",
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b"{").decode(),
        base64.b64encode(b"[" * 100_000).decode(),
        policy({"key": "k"}, expiration="tomorrow"),
        policy({"key": "k", "acl": "x"}),
        policy(["near", "$key", "k"]),
        policy(["eq", "key", "k"]),
        policy(["content-length-range", "a", "b"]),
        base64.b64encode(b'{"expiration": "2026-11-20T13:00:00.000Z", "conditions": 5}').decode(),
    ],
)
def test_what_is_no_policy_is_refused(text):
    assert refused({"policy": text, "key": "k"}) == "InvalidPolicyDocument"


def test_the_key_takes_the_name_of_the_file():
    assert object_key({"key": "users/${filename}"}, "a.png") == "users/a.png"
    with pytest.raises(Fault, match="key"):
        object_key({}, "a.png")


def verifier(**options: Any) -> Verifier:
    return Verifier({KEY.access_key: AccessKey(KEY)}.get, **options)


def test_a_form_that_botocore_presigns_is_accepted_and_no_field_of_its_signature_can_change():
    client = Session().create_client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id=KEY.access_key,
        aws_secret_access_key=KEY.secret_key,
        config=Config(signature_version="s3v4"),
    )
    made = client.generate_presigned_post("b", "k/${filename}", Conditions=[["content-length-range", 1, 9]])
    client.close()
    fields = {name.lower(): value for name, value in made["fields"].items()}
    assert verifier().check_form(fields, NOW) == KEY.access_key
    date = fields["x-amz-date"]
    moment = calendar.timegm((int(date[:4]), int(date[4:6]), int(date[6:8]), 0, 0, 0))
    assert check_policy(fields, "b", moment * SECOND) == SizeLimits(1, 9)
    for name in fields.keys() - {"key"}:
        with pytest.raises(Fault):
            verifier().check_form({**fields, name: fields[name][:-1] + "~"}, NOW)
        with pytest.raises((Fault, KeyError)):
            verifier().check_form({n: v for n, v in fields.items() if n != name}, NOW)


def test_a_form_signed_by_version_2_needs_leave():
    from brigade.wire import sigv2

    text = policy({"bucket": "b"})
    fields = {"policy": text, "awsaccesskeyid": KEY.access_key, "signature": sigv2.signature(KEY.secret_key, text)}
    assert verifier(allow_v2=True).check_form(fields, NOW) == KEY.access_key
    with pytest.raises(Fault, match="not supported"):
        verifier().check_form(fields, NOW)
    with pytest.raises(Fault, match="SignatureDoesNotMatch"):
        verifier(allow_v2=True).check_form({**fields, "signature": "x"}, NOW)


def test_our_own_policy_allows_just_the_form_it_was_made_for():
    store = Credentials("STORE", "store-secret", "token")
    limits = SizeLimits(1, 10)
    made = sign_form(
        {**form({"key": "k"}, {"acl": "private"}, acl="private"), "x-amz-signature": "old"},
        "b",
        limits,
        store,
        "r",
        NOW,
    )
    checker = Verifier({"STORE": AccessKey(store)}.get)
    assert checker.check_form(made, NOW) == "STORE"
    assert check_policy(made, "b", NOW) == limits
    assert refused({**made, "acl": "public-read"}) == "AccessDenied"
    assert refused(made, "other") == "AccessDenied"
    assert "store-secret" not in str(made)
