"""The verifier against botocore as the signer, against every mutation of what it signed, and in the words of refusals."""

from __future__ import annotations

import calendar
from datetime import datetime
from hashlib import sha256
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, urlsplit

import botocore.auth
import pytest
from botocore.auth import HmacV1Auth, HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from brigade.wire.payloads import Payload
from brigade.wire.s3faults import Fault
from brigade.wire.sigv4 import EMPTY_SHA256, UNSIGNED_PAYLOAD, Credentials
from brigade.wire.verify import MAX_KNOWN_KEYS, AccessKey, Incoming, Verified, Verifier

SECOND = 1_000_000_000
NOW = calendar.timegm((2026, 11, 20, 12, 0, 0)) * SECOND
PLAIN = Credentials("AKIAEXAMPLE", "plain/secret")
TEMPORARY = Credentials("ASIAEXAMPLE", "temporary/secret", "the/token==")
KEYS = {
    PLAIN.access_key: AccessKey(PLAIN),
    TEMPORARY.access_key: AccessKey(TEMPORARY, expires_ns=NOW + 3600 * SECOND),
}
BODY = sha256(b"body").hexdigest()


def at_noon():
    return patch.object(botocore.auth, "get_current_datetime", lambda **_: datetime(2026, 11, 20, 12, 0, 0))


def incoming(request: AWSRequest) -> Incoming:
    url = urlsplit(request.url)
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers.setdefault("host", url.netloc)
    return Incoming(request.method, url.path or "/", url.query, headers, url.path or "/")


def signed(
    method: str = "PUT",
    path: str = "/bucket/key",
    *,
    params: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    credentials: Credentials = PLAIN,
    content_hash: str = BODY,
    region: str = "us-east-1",
) -> Incoming:
    request = AWSRequest(method, f"http://s3.example:9000{path}", headers=headers or {}, params=params or {})
    request.headers["X-Amz-Content-SHA256"] = content_hash
    signer = S3SigV4Auth(BotocoreCredentials(*_fields(credentials)), "s3", region)
    with at_noon(), patch.object(S3SigV4Auth, "payload", lambda *_: content_hash):
        signer.add_auth(request)
        prepared = request.prepare()
    url = urlsplit(prepared.url)
    named = {name.lower(): value for name, value in prepared.headers.items()}
    named["x-amz-content-sha256"] = content_hash
    named.setdefault("host", url.netloc)
    return Incoming(method, url.path, url.query, named, url.path)


def presigned(
    method: str = "GET",
    path: str = "/bucket/key",
    *,
    params: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    credentials: Credentials = PLAIN,
    expires: int = 600,
) -> Incoming:
    request = AWSRequest(method, f"http://s3.example:9000{path}", headers=headers or {}, params=params or {})
    with at_noon():
        S3SigV4QueryAuth(BotocoreCredentials(*_fields(credentials)), "s3", "us-east-1", expires=expires).add_auth(
            request
        )
    return incoming(request)


def _fields(credentials: Credentials) -> tuple[str, str, str | None]:
    return credentials.access_key, credentials.secret_key, credentials.session_token


def verifier(**options: Any) -> Verifier:
    return Verifier(KEYS.get, **options)


def check(request: Incoming, now_ns: int = NOW, **options: Any) -> Verified | None:
    return verifier(**options).check(request, now_ns)


def refused(request: Incoming, now_ns: int = NOW, **options: Any) -> str:
    with pytest.raises(Fault) as caught:
        check(request, now_ns, **options)
    return caught.value.code


KEY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
HEADER_VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
PARAMETERS = st.dictionaries(st.sampled_from(["prefix", "delimiter", "marker", "versionId", "x y", "acl"]), KEY_TEXT)
METADATA = st.dictionaries(st.sampled_from(["x-amz-meta-a", "x-amz-meta-b", "content-type", "x-amz-acl"]), HEADER_VALUE)
CREDENTIALS = st.sampled_from([PLAIN, TEMPORARY])
METHODS = st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE"])


@given(METHODS, KEY_TEXT, PARAMETERS, METADATA, CREDENTIALS)
def test_what_botocore_signs_in_the_header_is_accepted(method, key, params, headers, credentials):
    request = signed(
        method, f"/bucket/{quote(key, safe='/~')}", params=params, headers=headers, credentials=credentials
    )
    found = check(request)
    assert found is not None
    assert found[:3] == (credentials.access_key, Payload.HASH, BODY)


@given(METHODS, KEY_TEXT, METADATA, CREDENTIALS)
def test_what_botocore_presigns_is_accepted(method, key, headers, credentials):
    request = presigned(method, f"/bucket/{quote(key, safe='/~')}", headers=headers, credentials=credentials)
    found = check(request)
    assert found is not None
    assert found.presigned
    assert (found.access_key, found.payload) == (credentials.access_key, Payload.UNSIGNED)


@pytest.mark.parametrize("headers", [{"content-md5": "x"}, {"x-amz-meta-a": "b", "content-type": "text/plain"}, {}])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_what_botocore_signs_by_version_2_is_accepted_where_it_is_allowed(method, headers):
    for credentials in (PLAIN, TEMPORARY):
        request = AWSRequest(method, "http://s3.example/bucket/a%20b?acl&prefix=x", headers=dict(headers))
        keys = BotocoreCredentials(*_fields(credentials))
        with patch("botocore.auth.formatdate", lambda **_: "Fri, 20 Nov 2026 12:00:00 GMT"):
            HmacV1Auth(keys).add_auth(request)
        found = check(incoming(request), allow_v2=True)
        assert found is not None
        assert found.access_key == credentials.access_key
        assert refused(incoming(request)) == "InvalidRequest"
        assert refused(incoming(request)._replace(method="DELETE"), allow_v2=True) == "SignatureDoesNotMatch"


def test_what_botocore_presigns_by_version_2_is_accepted_until_it_expires():
    request = AWSRequest("GET", "http://s3.example/bucket/key?versionId=7")
    with patch("time.time", lambda: NOW / SECOND):
        HmacV1QueryAuth(BotocoreCredentials(*_fields(PLAIN)), expires=60).add_auth(request)
    found = check(incoming(request), allow_v2=True)
    assert found is not None
    assert found.presigned
    assert refused(incoming(request), NOW + 61 * SECOND, allow_v2=True) == "AccessDenied"
    assert refused(incoming(request)) == "InvalidRequest"
    assert refused(incoming(request)._replace(resource="/bucket/other"), allow_v2=True) == "SignatureDoesNotMatch"


def header_mutations(request: Incoming) -> dict[str, Incoming]:
    """Every field of a signed request, changed on its own."""
    mutated = {
        "method": request._replace(method="DELETE"),
        "path": request._replace(path=request.path + "x"),
        "query value": request._replace(query=request.query.replace("prefix=a", "prefix=b")),
        "query more": request._replace(query=request.query + "&acl="),
        "query less": request._replace(query=""),
    }
    names = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    for name in names:
        value = request.headers[name]
        mutated[f"{name} changed"] = request._replace(headers={**request.headers, name: value + "0"})
        mutated[f"{name} gone"] = request._replace(headers={n: v for n, v in request.headers.items() if n != name})
    authorization = request.headers["authorization"]
    for old, new in [
        ("AKIAEXAMPLE", "AKIAEXAMPLF"),
        ("20261120/", "20261121/"),
        ("us-east-1", "us-east-2"),
        ("/s3/", "/s4/"),
        ("aws4_request", "aws5_request"),
        ("host;", ""),
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA255"),
        (authorization[-1], "0" if authorization[-1] != "0" else "1"),
    ]:
        changed = authorization.replace(old, new) if old != authorization[-1] else authorization[:-1] + new
        mutated[f"authorization {old}"] = request._replace(headers={**request.headers, "authorization": changed})
    return mutated


def test_every_single_mutation_of_a_signed_request_is_refused():
    request = signed(params={"prefix": "a"}, headers={"x-amz-meta-a": "v", "content-type": "text/plain"})
    assert check(request) is not None
    mutations = header_mutations(request)
    assert len(mutations) > 20
    accepted = []
    for name, mutated in mutations.items():
        try:
            check(mutated)
        except Fault:
            continue
        accepted.append(name)
    assert not accepted


@given(st.data())
def test_a_changed_byte_anywhere_in_a_presigned_query_is_refused(data):
    request = presigned(params={"response-content-type": "text/html"}, credentials=TEMPORARY)
    position = data.draw(st.integers(0, len(request.query) - 1))
    replacement = data.draw(st.sampled_from("AbZ09_"))
    query = request.query[:position] + replacement + request.query[position + 1 :]
    if query.lower() == request.query.lower():
        return  # the same byte, or another spelling of a percent escape
    try:
        found = check(request._replace(query=query))
    except Fault:
        return
    assert found is None, "a query that is no signature at all is nobody's, not somebody's"


def test_a_header_that_was_not_signed_is_refused_if_it_is_amazons():
    request = signed()
    smuggled = request._replace(headers={**request.headers, "x-amz-acl": "public-read"})
    assert refused(smuggled) == "AccessDenied"
    link = presigned()
    assert refused(link._replace(headers={**link.headers, "x-amz-acl": "public-read"})) == "AccessDenied"
    assert check(request._replace(headers={**request.headers, "range": "bytes=0-1"})) is not None


def test_the_window_is_fifteen_minutes_either_way():
    request = signed()
    for seconds in (-900, 900):
        assert check(request, NOW + seconds * SECOND) is not None
    for seconds in (-901, 901):
        assert refused(request, NOW + seconds * SECOND) == "RequestTimeTooSkewed"


def test_a_moment_far_off_is_told_before_a_credential_of_another_day():
    request = signed()
    moved = {**request.headers, "x-amz-date": "20100707T215304Z"}
    assert refused(request._replace(headers=moved)) == "RequestTimeTooSkewed"


def test_an_empty_authorization_is_none():
    request = Incoming("GET", "/bucket", "", {"host": "h", "authorization": ""}, "/bucket")
    assert check(request) is None


def test_a_link_lives_from_just_before_its_date_to_its_end():
    request = presigned(expires=600)
    assert check(request, NOW + 600 * SECOND) is not None
    assert check(request, NOW - 900 * SECOND) is not None
    assert refused(request, NOW + 601 * SECOND) == "AccessDenied"
    assert refused(request, NOW - 901 * SECOND) == "AccessDenied"


@pytest.mark.parametrize("expires", ["604801", "-1", "ten", "", "1" * 30])
def test_a_link_without_a_sensible_life_is_refused(expires):
    request = presigned()
    query = request.query.replace("X-Amz-Expires=600", f"X-Amz-Expires={expires}")
    assert refused(request._replace(query=query)) == "AuthorizationQueryParametersError"


@pytest.mark.parametrize("name", ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"])
def test_a_link_must_have_each_parameter_once(name):
    request = presigned()
    pieces = request.query.split("&")
    without = "&".join(piece for piece in pieces if not piece.startswith(f"X-Amz-{name}="))
    assert refused(request._replace(query=without)) == "AuthorizationQueryParametersError"
    twice = "&".join([*pieces, *[piece for piece in pieces if piece.startswith(f"X-Amz-{name}=")]])
    assert refused(request._replace(query=twice)) in ("AuthorizationQueryParametersError", "SignatureDoesNotMatch")


def test_unknown_keys_tokens_and_expired_keys_have_words_of_their_own():
    assert refused(signed(credentials=Credentials("AKIANOBODY", "x"))) == "InvalidAccessKeyId"
    assert refused(signed(credentials=Credentials("ASIAEXAMPLE", TEMPORARY.secret_key))) == "InvalidToken"
    assert refused(signed(credentials=Credentials("AKIAEXAMPLE", PLAIN.secret_key, "made up"))) == "InvalidToken"
    request = signed(credentials=TEMPORARY)
    expired = Verifier({"ASIAEXAMPLE": AccessKey(TEMPORARY, expires_ns=NOW)}.get)
    with pytest.raises(Fault) as caught:
        expired.check(request, NOW)
    assert caught.value.code == "ExpiredToken"
    assert refused(signed(credentials=Credentials("AKIAEXAMPLE", "wrong"))) == "SignatureDoesNotMatch"


def test_a_refused_signature_shows_what_was_signed_and_no_secret():
    with pytest.raises(Fault) as caught:
        check(signed(credentials=Credentials("AKIAEXAMPLE", "wrong")))
    assert caught.value.extra["CanonicalRequest"].startswith("PUT\n/bucket/key\n")
    assert PLAIN.secret_key not in str(vars(caught.value))


def test_a_region_that_is_asked_for_must_be_the_one_in_the_scope():
    assert check(signed(region="default")) is not None
    assert check(signed(region="default"), region="default") is not None
    assert refused(signed(region="us-east-1"), region="default") == "AuthorizationHeaderMalformed"


def test_no_signature_is_nobody_and_two_are_one_too_many():
    assert check(Incoming("GET", "/bucket", "", {"host": "h"}, "/bucket")) is None
    request = signed()
    assert refused(request._replace(query=presigned().query)) == "InvalidArgument"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Basic dXNlcjpwYXNz", "InvalidArgument"),
        ("AWS4-HMAC-SHA256", "AuthorizationHeaderMalformed"),
        ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0", "AuthorizationHeaderMalformed"),
        ("AWS4-HMAC-SHA256 Credential=a/20261120/r/s3/aws4_request, Signature=0", "AuthorizationHeaderMalformed"),
        ("AWS4-HMAC-SHA256 a, a, a", "AuthorizationHeaderMalformed"),
        ("AWS AKIAEXAMPLE:xyz", "InvalidRequest"),
        ("AWS4 HAHAHA", "InvalidArgument"),
        # Who asks comes before when: the date of this credential is not that of the request either.
        (
            "AWS4-HMAC-SHA256 Credential=a/20150930/r/s3/aws4_request, SignedHeaders=host, Signature=0",
            "InvalidAccessKeyId",
        ),
    ],
)
def test_headers_that_are_no_authorization_are_refused(header, code):
    request = signed()
    assert refused(request._replace(headers={**request.headers, "authorization": header})) == code


@pytest.mark.parametrize("payload", [each for each in Payload if each is not Payload.HASH])
def test_each_way_to_vouch_for_a_body_is_known(payload):
    found = check(signed(content_hash=payload.value))
    assert found is not None
    assert found.payload is payload
    assert (found.seed is not None) == payload.value.startswith("STREAMING-AWS4-")


def test_the_hash_of_the_body_must_be_given_and_be_one():
    assert refused(signed(content_hash="STREAMING-SOMETHING")) == "InvalidArgument"
    request = signed(content_hash=UNSIGNED_PAYLOAD)
    bare = {name: value for name, value in request.headers.items() if name != "x-amz-content-sha256"}
    assert refused(request._replace(headers=bare)) == "InvalidRequest"


def test_the_date_header_serves_where_there_is_no_other():
    request = signed()
    headers = {name: value for name, value in request.headers.items() if name != "x-amz-date"}
    assert refused(request._replace(headers=headers)) == "AccessDenied"
    assert refused(request._replace(headers={**headers, "date": "not a date"})) == "AccessDenied"
    moved = {**headers, "date": "Fri, 20 Nov 2026 12:00:00 GMT"}
    # The date is found; that the signed x-amz-date is gone shows in the signature.
    assert refused(request._replace(headers=moved)) == "SignatureDoesNotMatch"


def test_a_path_that_is_not_utf_8_is_refused():
    request = signed()
    assert refused(request._replace(path="/bucket/%ff%fe")) == "InvalidURI"
    assert refused(request._replace(query="prefix=%ff")) == "InvalidURI"


def test_signing_keys_are_remembered_within_bounds():
    busy = verifier()
    for number in range(MAX_KNOWN_KEYS + 10):
        busy._signing_key(PLAIN, signed_scope(number))
    assert len(busy._keys) <= MAX_KNOWN_KEYS


def signed_scope(number: int):
    from brigade.wire.sigv4 import Scope

    return Scope("20261120", f"region-{number}")


def test_the_published_examples_are_accepted():
    example = AccessKey(Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))
    now_ns = calendar.timegm((2013, 5, 24, 0, 0, 0)) * SECOND
    host = "examplebucket.s3.amazonaws.com"
    scope = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
    known = Verifier(lambda _: example)
    headers = {
        "host": host,
        "range": "bytes=0-9",
        "x-amz-content-sha256": EMPTY_SHA256,
        "x-amz-date": "20130524T000000Z",
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope},SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    }
    assert known.check(Incoming("GET", "/test.txt", "", headers, "/examplebucket/test.txt"), now_ns) is not None
    query = (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    assert known.check(Incoming("GET", "/test.txt", query, {"host": host}, "/"), now_ns) is not None
