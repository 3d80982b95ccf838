from __future__ import annotations

import base64

from brigade.wire.sharedkey import SharedKey, http_date

SIGNER = SharedKey("myaccount", b"secret")


def test_a_moment_is_written_as_http_has_it():
    assert http_date(1435361952) == "Fri, 26 Jun 2015 23:39:12 GMT"
    assert http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT"


def test_the_string_to_sign_is_that_of_the_documentation():
    # "Authorize with Shared Key": Get Container Metadata.
    headers = [("x-ms-version", "2015-02-21"), ("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"), ("host", "ignored")]
    query = [("restype", "container"), ("comp", "metadata"), ("timeout", "20")]
    assert SIGNER.string_to_sign("GET", "/myaccount/mycontainer", query, headers, 0) == (
        "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n"
        "/myaccount/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
    )


def test_lengths_and_standard_headers_have_their_lines():
    headers = [
        ("content-md5", "bWQ1"),
        ("if-match", '"e"'),
        ("content-type", "text/css"),
        ("x-ms-blob-type", "BlockBlob"),
    ]
    lines = SIGNER.string_to_sign("PUT", "/c/key", [], headers, 11).split("\n")
    assert lines == [
        "PUT",
        "",
        "",
        "11",
        "bWQ1",
        "text/css",
        "",
        "",
        '"e"',
        "",
        "",
        "",
        "x-ms-blob-type:BlockBlob",
        "/myaccount/c/key",
    ]


def test_names_of_headers_are_sorted_as_the_server_sorts_them():
    names = ["x-ms-meta-ab", "x-ms-meta-a1", "x-ms-meta-a_b", "x-ms-blob-type", "x-ms-blob-content-type", "x-ms-date"]
    text = SIGNER.string_to_sign("PUT", "/c/k", [], [(name, "v") for name in names], 0)
    found = [line.partition(":")[0] for line in text.split("\n") if line.startswith("x-ms-")]
    assert found == [
        *("x-ms-blob-content-type", "x-ms-blob-type", "x-ms-date", "x-ms-meta-a_b", "x-ms-meta-a1", "x-ms-meta-ab"),
    ]


def test_a_signature_is_an_hmac_and_the_key_stays_out_of_sight():
    value = SIGNER.authorization("GET", "/c/k", [], [], 0)
    assert value.startswith("SharedKey myaccount:")
    assert len(base64.b64decode(value.partition(":")[2])) == 32
    assert value != SharedKey("myaccount", b"other").authorization("GET", "/c/k", [], [], 0)
    assert "secret" not in repr(SIGNER)
