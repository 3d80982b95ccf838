"""The documents of S3: those that are asked and those that are answered."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from brigade.objects import Grant, MultipartInfo, PartInfo
from brigade.wire import s3xml
from brigade.wire.xml import XmlError

NS = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ("", "", None)),
        (b"<html><p>Bad\n gateway", ("", "<html><p>Bad gateway", None)),
        (b"\xff\xfe", ("", "\ufffd\ufffd", None)),
        (b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>", ("NoSuchKey", "gone", None)),
        (b'<ErrorResponse xmlns="x"><Error><Code>A</Code></Error></ErrorResponse>', ("A", "", None)),
        (b"<Something/>", ("", "", None)),
        (
            b"<Error><Code>PermanentRedirect</Code><Message>wrong; expecting 'eu-west-1'</Message></Error>",
            ("PermanentRedirect", "wrong; expecting 'eu-west-1'", "eu-west-1"),
        ),
        (b"<Error><Code>A</Code><Region>garage</Region></Error>", ("A", "", "garage")),
    ],
)
def test_an_error_is_read_from_whatever_came(body: Any, expected: Any) -> None:
    assert s3xml.parse_error(body) == expected


def test_an_error_hides_in_an_answer_of_200() -> None:
    said = s3xml.hidden_error(b'<?xml version="1.0"?>\n<Error><Code>InternalError</Code></Error>')
    assert said is not None
    assert said.code == "InternalError"
    assert s3xml.hidden_error(b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>") is None


@pytest.mark.parametrize("etag", ["&quot;abc&quot;", "&#34;abc&#34;", "abc", ' "abc"', "W/&quot;abc&quot;"])
def test_etags_lose_their_quotes(etag: Any) -> None:
    assert s3xml.parse_written(f"<CopyObjectResult><ETag>{etag}</ETag></CopyObjectResult>".encode()).etag == "abc"


def test_a_missing_etag_is_none() -> None:
    assert (
        s3xml.parse_written(b"<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>").etag
        is None
    )


def test_parts_are_read_with_the_marker_of_the_next_page() -> None:
    part = "<Part><PartNumber>{0}</PartNumber><ETag>&quot;e{0}&quot;</ETag><Size>{0}</Size></Part>"
    body = f"<R><NextPartNumberMarker>2</NextPartNumberMarker><IsTruncated>{{}}</IsTruncated>{part.format(1)}{part.format(2)}</R>"
    parts = [PartInfo(1, 1, "e1"), PartInfo(2, 2, "e2")]
    assert s3xml.parse_parts(body.format("true").encode()) == (parts, "2")
    assert s3xml.parse_parts(body.format("false").encode()) == (parts, None)


UPLOAD = "<Upload><Key>a%20b</Key><UploadId>u</UploadId><Initiated>1970-01-01T00:00:01.5Z</Initiated></Upload>"


def test_uploads_are_decoded_where_the_page_says_so_or_the_server_is_known_to() -> None:
    body = f"<R>{UPLOAD}<IsTruncated>true</IsTruncated><NextKeyMarker>a%20b</NextKeyMarker>{{}}</R>"
    said, unsaid = body.format("<EncodingType>url</EncodingType>").encode(), body.format("").encode()
    assert s3xml.parse_uploads(said) == ([MultipartInfo("a b", "u", 1_000_000_000)], "a b", "")
    assert s3xml.parse_uploads(unsaid).uploads[0].key == "a%20b"
    assert s3xml.parse_uploads(unsaid, always_encoded=True) == ([MultipartInfo("a b", "u", 1_000_000_000)], "a%20b", "")


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (s3xml.parse_parts, b"<R><IsTruncated>maybe</IsTruncated></R>"),
        (s3xml.parse_parts, b"<R><IsTruncated>true</IsTruncated></R>"),
        (s3xml.parse_parts, b"<R><IsTruncated>false</IsTruncated><Part><Size>1</Size></Part></R>"),
        (s3xml.parse_uploads, b"<R><Upload></Upload></R>"),
        (s3xml.parse_upload_id, b"<R></R>"),
        (s3xml.parse_deleted, b"<html></html>"),
        (s3xml.parse_acl, b"<R><AccessControlList><Grant/></AccessControlList></R>"),
        (s3xml.parse_written, b""),
    ],
)
def test_an_answer_that_lacks_something_is_refused(read: Any, body: Any) -> None:
    with pytest.raises(XmlError):
        read(body)


def test_a_completion_names_its_parts() -> None:
    root = ET.fromstring(s3xml.build_complete([PartInfo(1, 5, "aa"), PartInfo(3, 5, "bb")]))
    assert [(part[0].text, part[1].text) for part in root] == [("1", '"aa"'), ("3", '"bb"')]


def test_a_deletion_names_odd_keys_exactly() -> None:
    keys = ["a", "&<>\"'", "tab\t", "nl\n", "cr\r", " sp ", "\u00fc"]
    root = ET.fromstring(s3xml.build_delete(keys))
    assert [node.text for node in root.iter(f"{NS}Key")] == keys
    assert root.findtext(f"{NS}Quiet") == "true"


def test_a_key_that_xml_cannot_hold_is_refused() -> None:
    with pytest.raises(XmlError):
        s3xml.build_delete(["\x01"])


def test_failed_deletions_are_read() -> None:
    body = b"<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>"
    assert s3xml.parse_deleted(body) == {"a": ("AccessDenied", "no", None)}


def test_tags_go_there_and_back() -> None:
    tags = {"a": "", "b c": "<&>\u00fc"}
    assert s3xml.parse_tagging(s3xml.build_tagging(tags)) == tags
    assert s3xml.parse_tagging(b"<Tagging/>") == {}


def test_grants_are_read() -> None:
    grant = "<Grant><Grantee>{}</Grantee><Permission>READ</Permission></Grant>"
    names = ["<ID>1</ID><DisplayName>x</DisplayName>", "<URI>u</URI>", "<EmailAddress>e</EmailAddress>"]
    body = "<A><AccessControlList>" + "".join(grant.format(name) for name in names) + "</AccessControlList></A>"
    assert s3xml.parse_acl(body.encode()) == (Grant("id:1", "READ"), Grant("uri:u", "READ"), Grant("email:e", "READ"))


def test_a_bucket_is_asked_for_in_its_region() -> None:
    assert ET.fromstring(s3xml.build_location("eu-west-1"))[0].text == "eu-west-1"
