"""The listing parser: the fast way and the full way agree, and no damage passes for a shorter page."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.errors import ListingBroken
from brigade.objects import ObjectInfo
from brigade.wire import s3listing
from brigade.wire.s3listing import parse_listing
from brigade.wire.s3time import iso_ns

SEAWEED = (
    "<Contents><Key>{key}</Key><ETag>&#34;{etag}&#34;</ETag><Size>{size}</Size>"
    "<StorageClass>STANDARD</StorageClass><LastModified>{date}</LastModified></Contents>"
)
CEPH = (
    "<Contents><Key>{key}</Key><LastModified>{date}</LastModified><ETag>&quot;{etag}&quot;</ETag><Size>{size}</Size>"
    "<StorageClass>STANDARD</StorageClass><Owner><ID>admin</ID><DisplayName>A &amp; B</DisplayName></Owner>"
    "<Type>Normal</Type></Contents>"
)
AWS = (
    "<Contents><Key>{key}</Key><LastModified>{date}</LastModified><ETag>&quot;{etag}&quot;</ETag>"
    "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>{size}</Size>"
    "<StorageClass>STANDARD</StorageClass></Contents>"
)
FORMS = {"seaweedfs": SEAWEED, "ceph": CEPH, "aws": AWS}
ETAG = "5d41402abc4b2a76b9719d911017c592"
DATE = "2026-11-20T06:24:15.551Z"


def page(entries: str, *, tail: str = "<IsTruncated>false</IsTruncated>", encoded: bool = True) -> bytes:
    encoding = "<EncodingType>url</EncodingType>" if encoded else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix></Prefix>'
        f"<MaxKeys>1000</MaxKeys>{entries}{tail}{encoding}</ListBucketResult>"
    ).encode()


def entry(form: str, key: str, *, etag: str = ETAG, size: int = 5, date: str = DATE) -> str:
    return form.format(key=key, etag=etag, size=size, date=date)


def slowly(body: bytes, monkeypatch: pytest.MonkeyPatch) -> list[ObjectInfo]:
    with monkeypatch.context() as patch:
        patch.setattr(s3listing, "_fast_rows", lambda _: None)
        return parse_listing(body).entries


KEYS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), min_size=1, max_size=5)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("style", [quote, quote_plus, lambda key: quote(key, safe="")])
@given(keys=KEYS)
def test_every_key_comes_back_as_it_is(form: Any, style: Any, keys: Any) -> None:
    body = page("".join(entry(form, style(key)) for key in keys))
    assert s3listing._fast_rows(body.decode()) is not None
    assert parse_listing(body).entries == [ObjectInfo(key, 5, ETAG, iso_ns(DATE), "STANDARD") for key in keys]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_fast_way_and_the_full_way_agree(form: Any, monkeypatch: Any) -> None:
    keys = ["plain", "a%2Fb", "a+b", "x&amp;y", "&lt;&#x2603;&#9;", "\u00fc"]
    body = page("".join(entry(form, key, size=index) for index, key in enumerate(keys)))
    assert s3listing._fast_rows(body.decode()) is not None
    assert parse_listing(body).entries == slowly(body, monkeypatch)


def test_keys_that_are_not_encoded_keep_their_plus_and_percent() -> None:
    body = page(entry(SEAWEED, "a+b%20&amp;"), encoded=False)
    assert [found.key for found in parse_listing(body).entries] == ["a+b%20&"]


ODD = {
    "pretty": page(entry(CEPH, "a").replace("><", ">\n  <") + "\n" + entry(CEPH, "b")),
    "mixed shapes": page(entry(CEPH, "a") + entry(SEAWEED, "b")),
    "comment": page(entry(CEPH, "a") + "<!-- x -->" + entry(CEPH, "b")),
    "cdata": page(entry(CEPH, "<![CDATA[a]]>") + entry(CEPH, "b")),
    "prefixed": page(entry(CEPH, "a") + entry(CEPH, "b")).replace(b"<Owner>", b'<Owner xsi:type="u" xmlns:xsi="i">'),
    "prefixes between": page(
        entry(CEPH, "a") + "<CommonPrefixes><Prefix>p</Prefix></CommonPrefixes>" + entry(CEPH, "b")
    ),
    "no storage class": page((entry(AWS, "a") + entry(AWS, "b")).replace("<StorageClass>STANDARD</StorageClass>", "")),
    "no namespace": page(entry(AWS, "a") + entry(AWS, "b")).replace(
        b' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"', b""
    ),
    "latin-1": page(entry(CEPH, "a") + entry(CEPH, "b")).replace(b"UTF-8", b"ISO-8859-1").replace(b"admin", b"\xfc"),
    "attribute on entry": page(entry(CEPH, "a") + entry(CEPH, "b")).replace(b"<Contents>", b'<Contents x="1">'),
    "unquoted etag in one": page(entry(CEPH, "a") + entry(CEPH, "b").replace("&quot;", "")),
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_any_valid_page_is_read_whole(body: Any) -> None:
    assert [(found.key, found.etag, found.size_bytes) for found in parse_listing(body).entries] == [
        ("a", ETAG, 5),
        ("b", ETAG, 5),
    ]


def test_entries_in_a_comment_are_none() -> None:
    assert parse_listing(page(f"<!-- {entry(CEPH, 'a')}{entry(CEPH, 'b')} -->")).entries == []


def test_a_page_names_the_next_one() -> None:
    body = page(
        entry(CEPH, "a"), tail="<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b</NextContinuationToken>"
    )
    assert parse_listing(body).token == "a&b"
    assert parse_listing(page("")).token is None
    assert parse_listing(page("")).entries == []


def test_an_empty_etag_is_none() -> None:
    assert parse_listing(page(entry(CEPH, "a", etag=""))).entries[0].etag is None


BROKEN = {
    "empty": b"",
    "html": b"<html><body>Bad gateway</body></html>",
    "text": b"upstream timed out",
    "no IsTruncated": page(entry(CEPH, "a"), tail=""),
    "odd IsTruncated": page("", tail="<IsTruncated>maybe</IsTruncated>"),
    "no token": page(entry(CEPH, "a"), tail="<IsTruncated>true</IsTruncated>"),
    "fewer than counted": page(entry(CEPH, "a"), tail="<IsTruncated>false</IsTruncated><KeyCount>2</KeyCount>"),
    "no size": page(entry(CEPH, "a").replace("<Size>5</Size>", "")),
    "size no number": page(entry(CEPH, "a").replace("<Size>5<", "<Size>five<")),
    "no key": page(entry(CEPH, "a").replace("<Key>a</Key>", "")),
    "no date": page(entry(CEPH, "a", date="")),
    "date elsewhere": page(entry(CEPH, "a", date="2026-11-20T06:24:15+01:00")),
    "unknown entity": page(entry(CEPH, "a&nbsp;")),
    "not utf-8": page(entry(CEPH, "a")).replace(b"<Key>a", b"<Key>\xff"),
    "escape not utf-8": page(entry(CEPH, "%FF")),
    "doctype": page(entry(CEPH, "a")).replace(b"?>", b'?><!DOCTYPE x [<!ENTITY y "z">]>'),
    "damaged tag": page(entry(CEPH, "a") + entry(CEPH, "b").replace("<Contents>", "<Contexts>") + entry(CEPH, "c")),
    "error": b"<Error><Code>InternalError</Code></Error>",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_page_that_cannot_be_trusted_raises(body: Any) -> None:
    with pytest.raises(ListingBroken):
        parse_listing(body)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_page_that_is_cut_off_anywhere_raises(form: Any) -> None:
    body = page("".join(entry(form, f"key-{number}") for number in range(3)))
    for length in range(len(body)):
        with pytest.raises(ListingBroken):
            parse_listing(body[:length])


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_damaged_byte_never_makes_a_page_shorter(form: Any) -> None:
    chance = random.Random(7)
    body = page("".join(entry(form, f"key-{number}") for number in range(5)))
    for _ in range(600):
        position = chance.randrange(len(body))
        damaged = body[:position] + bytes([chance.randrange(256)]) + body[position + 1 :]
        try:
            assert len(parse_listing(damaged).entries) == 5
        except ListingBroken:
            continue
