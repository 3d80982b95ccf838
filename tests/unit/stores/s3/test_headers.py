"""Attributes as headers and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import Rejected
from brigade.objects import NO_ATTRIBUTES, Attributes, Checksum, ChecksumAlgorithm, Grant, ObjectLock
from brigade.stores.s3.headers import (
    attribute_headers,
    customer_key,
    grant_headers,
    info_from,
    tagging_value,
    write_encryption,
)
from brigade.stores.s3.settings import Encryption, S3Settings


def described(headers: dict[str, str], *, encoded: bool = False) -> Attributes:
    """The attributes that these headers tell."""
    info = info_from("k", headers, 0, encoded_metadata=encoded, no_count_means_none=False)
    assert info.attributes is not None
    return info.attributes


FULL = Attributes(
    content_type="text/plain",
    content_encoding="gzip",
    content_disposition='attachment; filename="x y"',
    content_language="de",
    cache_control="no-cache",
    expires="Thu, 01 Dec 2027 16:00:00 GMT",
    metadata={"a": "x  y", "empty": "", "comma": "a, b"},
    storage_class="STANDARD_IA",
    lock=ObjectLock("GOVERNANCE", "2030-01-01T00:00:00Z", legal_hold=True),
)


def there_and_back(attributes: Any, *, encoded: Any = False, **more: Any) -> Any:
    headers = dict(attribute_headers(attributes, encoded_metadata=encoded))
    info = info_from("k", headers | more, 5, encoded_metadata=encoded, no_count_means_none=False)
    return info.attributes


def test_attributes_come_back_equal() -> None:
    assert there_and_back(FULL) == FULL
    assert there_and_back(NO_ATTRIBUTES) == NO_ATTRIBUTES


VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


@given(st.dictionaries(st.from_regex(r"[a-z0-9-]{1,8}", fullmatch=True), VALUES, max_size=4))
@pytest.mark.parametrize("encoded", [False, True])
def test_metadata_comes_back_exactly(encoded: Any, metadata: Any) -> None:
    assert there_and_back(Attributes(metadata=metadata), encoded=encoded).metadata == metadata


@pytest.mark.parametrize("value", ["=?UTF-8?B?w7w=?=", " spaces at the ends  "])
def test_where_metadata_is_encoded_even_odd_values_come_back(value: Any) -> None:
    headers = dict(attribute_headers(Attributes(metadata={"a": value}), encoded_metadata=True))
    trimmed = {"x-amz-meta-a": headers["x-amz-meta-a"].strip()}
    assert described(trimmed, encoded=True).metadata == {"a": value}


def test_encoded_metadata_is_pure_ascii() -> None:
    headers = dict(attribute_headers(Attributes(metadata={"u": "\u00fc\u2603"}), encoded_metadata=True))
    assert headers["x-amz-meta-u"].isascii()


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("=?UTF-8?B?w7zimIM=?=", "\u00fc\u2603"),
        ("=?utf-8?q?=C3=BC_x?=", "\u00fc x"),
        ("=?UTF-8?Q?a?= =?UTF-8?Q?b?=", "ab"),
        ("=?nonsense?B?w7w=?=", "=?nonsense?B?w7w=?="),
        ("=? no word ?=", "=? no word ?="),
    ],
)
def test_encoded_words_are_read_only_where_the_server_writes_them(sent: Any, read: Any) -> None:
    def value(encoded: Any) -> Any:
        return described({"x-amz-meta-a": sent}, encoded=encoded).metadata["a"]

    assert value(True) == read
    assert value(False) == sent


def test_metadata_that_is_no_utf8_is_latin_1() -> None:
    headers = {"x-amz-meta-a": b"\xfc".decode("utf-8", "surrogateescape")}
    assert described(headers).metadata == {"a": "\u00fc"}


def test_metadata_names_go_in_lower_case() -> None:
    assert ("x-amz-meta-mixed", "1") in attribute_headers(Attributes(metadata={"MiXed": "1"}), encoded_metadata=False)


@pytest.mark.parametrize("value", ["a\nb", "a\r\nx-amz-acl: public-read", "\0", "\x7f"])
def test_a_value_that_would_break_the_request_is_refused(value: Any) -> None:
    for attributes in (Attributes(metadata={"a": value}), Attributes(content_type=value)):
        with pytest.raises(Rejected, match="control character"):
            attribute_headers(attributes, encoded_metadata=False)


@pytest.mark.parametrize(
    ("sent", "read"),
    [("aws-chunked", None), ("gzip,aws-chunked", "gzip"), ("aws-chunked, gzip, br", "gzip,br"), ("gzip", "gzip")],
)
def test_the_framing_of_an_upload_is_no_content_encoding(sent: Any, read: Any) -> None:
    assert described({"content-encoding": sent}).content_encoding == read


def test_no_content_type_is_sent_as_what_s3_reports_for_none() -> None:
    assert attribute_headers(NO_ATTRIBUTES, encoded_metadata=False) == [("content-type", "binary/octet-stream")]


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), VALUES, max_size=4))
def test_tags_are_sent_as_a_query(tags: Any) -> None:
    from urllib.parse import parse_qsl

    assert dict(parse_qsl(tagging_value(tags), keep_blank_values=True)) == tags


def test_no_tag_count_means_none_only_where_that_is_certain() -> None:
    def count(headers: Any, certain: Any) -> Any:
        return info_from("k", headers, 0, encoded_metadata=False, no_count_means_none=certain).tag_count

    assert count({}, True) == 0
    assert count({}, False) is None
    assert count({"x-amz-tagging-count": "2"}, False) == 2


def test_an_object_is_described_by_its_headers() -> None:
    headers = {
        "etag": '"abc-3"',
        "last-modified": "Thu, 01 Jan 1970 00:00:01 GMT",
        "x-amz-version-id": "v",
        "x-amz-mp-parts-count": "3",
        "x-amz-storage-class": "GLACIER",
        "x-amz-checksum-crc32": "AAAAAQ==",
    }
    info = info_from("k", headers, 7, encoded_metadata=False, no_count_means_none=False)
    assert info[:6] == ("k", 7, "abc-3", 1_000_000_000, "GLACIER", "v")
    assert info.parts_count == 3
    assert info.checksum == Checksum(ChecksumAlgorithm.CRC32, "00000001")


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-checksum-crc32": "AAAAAQ==-3"},
        {"x-amz-checksum-crc32": "AAAAAQ==", "x-amz-checksum-type": "COMPOSITE"},
        {"x-amz-checksum-crc32": "?"},
        {},
    ],
)
def test_a_checksum_of_parts_is_none_of_the_object(headers: Any) -> None:
    assert info_from("k", headers, 0, encoded_metadata=False, no_count_means_none=False).checksum is None


def test_grants_are_grouped() -> None:
    acl = (Grant("id:1", "READ"), Grant("email:e@x", "READ"), Grant("uri:u", "FULL_CONTROL"))
    assert grant_headers(acl) == [
        ("x-amz-grant-read", 'id="1", emailAddress="e@x"'),
        ("x-amz-grant-full-control", 'uri="u"'),
    ]
    assert grant_headers(()) == [("x-amz-acl", "private")]
    with pytest.raises(Rejected):
        grant_headers([Grant("id:1", "FLY")])


def test_encryption_becomes_headers() -> None:
    def headers(**changes: Any) -> Any:
        return dict(write_encryption(S3Settings("s", "b", **changes)))

    assert headers() == {}
    assert headers(encryption=Encryption.SSE_S3) == {"x-amz-server-side-encryption": "AES256"}
    assert headers(encryption=Encryption.SSE_KMS, kms_key="k") == {
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "k",
    }


def test_a_customer_key_goes_along_with_its_digest() -> None:
    settings = S3Settings("s", "b", encryption=Encryption.SSE_C, customer_key=b"k" * 32)
    assert customer_key(settings, copy_source=True) == [
        ("x-amz-copy-source-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-copy-source-server-side-encryption-customer-key", "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="),
        ("x-amz-copy-source-server-side-encryption-customer-key-md5", "mT2HRsMGJ5IX5C+0rreZ8Q=="),
    ]
    assert customer_key(S3Settings("s", "b")) == []
