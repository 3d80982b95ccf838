"""The documents of Swift."""

from __future__ import annotations

import json

import pytest

from brigade.errors import ListingBroken
from brigade.wire.swift import (
    Segment,
    build_manifest,
    listed_ns,
    parse_manifest,
    parse_outcome,
    parse_page,
    timestamp_ns,
    whole_etag,
)

MD5 = "5d41402abc4b2a76b9719d911017c592"
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"


def entry(**more):
    return {"name": "a", "bytes": 5, "hash": MD5, "last_modified": "2026-11-20T12:40:36.984100", **more}


def page(*entries, **how):
    return parse_page(json.dumps(entries).encode(), **how)


@pytest.mark.parametrize(
    ("more", "etag"),
    [
        ({}, MD5),
        ({"slo_etag": '"abc"'}, "slo-abc"),
        ({"hash": f"{MD5}; s3_etag=def-2; slo_etag=abc"}, "slo-abc"),
        ({"hash": f"{MD5}; s3_etag=def-2"}, MD5),
        ({"s3_etag": '"def-2"', "slo_etag": '"abc"'}, "slo-abc"),
    ],
)
def test_an_entry_tells_the_etag_of_the_whole(more, etag):
    info = page(entry(**more)).entries[0]
    assert (info.key, info.size_bytes, info.etag) == ("a", 5, etag)


def test_the_times_of_a_listing_and_of_head_are_the_same_number():
    assert page(entry()).entries[0].modified_ns == timestamp_ns("1795178436.98410") == 1_795_178_436_984_100_000
    assert timestamp_ns("1795178436.98410_0000000000000001") == 1_795_178_436_984_100_000
    assert listed_ns("2026-11-20T12:40:36") == 1_795_178_436_000_000_000
    assert [timestamp_ns(text) for text in ("", "x", "1.y")] == [0, 0, 0]


def test_only_empty_entries_are_doubted():
    empty, link = entry(bytes=0, hash=EMPTY), entry(bytes=0, hash=EMPTY, symlink_path="/v1/a/c/o")
    assert page(entry(), empty, link, doubt_empty=True).doubtful == [1, 2]
    assert page(entry(), empty, link).doubtful == [2]
    assert page({"subdir": "x/"}, entry()).folders == ["x/"]


@pytest.mark.parametrize("body", [b"", b"{}x", b"[1]", b'[{"name": "a"}]', b"null"])
def test_a_page_that_is_cut_off_or_no_page_raises(body):
    with pytest.raises(ListingBroken):
        parse_page(body)


def test_a_manifest_is_written_as_it_was_read():
    read = [
        {"name": "/c/one", "bytes": 5, "hash": MD5, "content_type": "x"},
        {"name": "/c/two", "bytes": 100, "hash": EMPTY, "range": "10-19"},
        {"name": "/c/three", "bytes": 7, "hash": f'"{MD5}"', "sub_slo": True},
        {"data": "aGVsbG8="},
    ]
    segments = parse_manifest(json.dumps(read).encode())
    assert [segment.size_bytes for segment in segments] == [5, 10, 7, 5]
    assert [segment.md5 for segment in segments] == [MD5, None, None, MD5]
    assert json.loads(build_manifest(segments)) == [
        {"path": "/c/one", "etag": MD5, "size_bytes": 5},
        {"path": "/c/two", "etag": EMPTY, "size_bytes": 100, "range": "10-19"},
        {"path": "/c/three", "etag": MD5, "size_bytes": 7},
        {"data": "aGVsbG8="},
    ]


def test_the_etag_of_the_whole_is_the_one_that_swift_computes():
    # As OpenStack Swift 2.38 answered.
    segments = [
        Segment("/c/s1", 4, "74b87337454200d4d33f80c4663dc5e5"),
        Segment("/c/s2", 2, "21ad0bd836b90d08f4cf640b4c298e7c"),
    ]
    assert whole_etag(segments) == "dbb7560968a5b8fd0530ccaf84f4cda4"


@pytest.mark.parametrize(
    "body", [b"", b"7", b"[1]", b'[{"name": "/c/o", "bytes": 1, "hash": "x", "range": "a"}]', b'[{"data": 1}]']
)
def test_what_is_no_manifest_raises(body):
    with pytest.raises(ValueError):
        parse_manifest(body)


def test_an_outcome_is_read_behind_its_heartbeat():
    text = b'   \r\n\r\n{"Response Status": "201 Created", "Etag": "\\"abc\\"", "Response Body": "", "Errors": []}'
    assert parse_outcome(text) == (201, "", [], "abc")
    for wrong in (b"", b"[]", b"{}", b'{"Response Status": "yes"}', b'{"Response Status": "200 OK", "Errors": [1]}'):
        with pytest.raises(ValueError):
            parse_outcome(wrong)
