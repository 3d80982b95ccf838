"""Documents that a gateway reads and writes, and the errors it answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.wire.s3faults import FAULTS, Fault, fault_document
from brigade.wire.s3requests import (
    BucketsPage,
    CopySource,
    ListedBucket,
    build_buckets,
    build_copied,
    parse_buckets,
    parse_copy_source,
    parse_delete,
    select_buckets,
)
from brigade.wire.s3xml import build_delete, parse_error, parse_written

KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(st.lists(KEYS, min_size=1, max_size=20))
def test_every_key_of_a_bulk_deletion_is_found(keys):
    assert parse_delete(build_delete(keys)) == keys


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Delete>",
        b"<Delete></Delete>",
        b"<Other><Object><Key>a</Key></Object></Other>",
        b"<Delete><Object></Object></Delete>",
        b"<Delete>" + b"<Object><Key>a</Key></Object>" * 1001 + b"</Delete>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>',
        b"<a>" * 5000,
    ],
)
def test_what_is_no_bulk_deletion_is_refused(body):
    with pytest.raises(Fault) as caught:
        parse_delete(body)
    assert caught.value.code == "MalformedXML"


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("/b/k", CopySource("b", "k", None)),
        ("b/a%20b/%C3%A9", CopySource("b", "a b/é", None)),
        ("b/k?versionId=7%2B", CopySource("b", "k", "7+")),
        ("b//k", CopySource("b", "/k", None)),
        ("b/a+b", CopySource("b", "a+b", None)),
    ],
)
def test_copy_sources_are_read(text, source):
    assert parse_copy_source(text) == source


@pytest.mark.parametrize("text", ["", "b", "/b/", "b/%ff"])
def test_copy_sources_that_name_nothing_are_refused(text):
    with pytest.raises(Fault) as caught:
        parse_copy_source(text)
    assert caught.value.code == "InvalidArgument"


BUCKETS = [ListedBucket(name, "2026-11-20T12:00:00.000Z") for name in ("c", "a", "b", "ab")]


def test_a_list_of_buckets_is_read_as_it_was_written():
    page = BucketsPage(BUCKETS, "id", "<name>", "next")
    assert parse_buckets(build_buckets(page, "a")) == page


def test_a_query_chooses_a_page_of_buckets():
    names = [bucket.name for bucket in select_buckets(BUCKETS, "")[0]]
    assert names == ["a", "ab", "b", "c"]
    page, token = select_buckets(BUCKETS, "max-buckets=2")
    assert ([bucket.name for bucket in page], token) == (["a", "ab"], "ab")
    page, token = select_buckets(BUCKETS, "max-buckets=2&continuation-token=ab")
    assert ([bucket.name for bucket in page], token) == (["b", "c"], None)
    assert [bucket.name for bucket in select_buckets(BUCKETS, "prefix=a")[0]] == ["a", "ab"]


def test_the_answer_of_a_copy_reads_like_a_stores():
    assert parse_written(build_copied("CopyObjectResult", '"abc"', "2026-11-20T12:00:00.000Z")).etag == "abc"


def test_a_refusal_reads_like_a_stores_whatever_is_in_it():
    fault = Fault("AccessDenied", "no <way>\x00", extra={"HeadersNotSigned": "x-amz-acl"})
    said = parse_error(fault_document(fault, "/b/k&\x01", "ID"))
    assert said.code == "AccessDenied"
    assert fault.status == 403


def test_every_fault_has_a_status_and_words():
    for code, (status, words) in FAULTS.items():
        assert Fault(code).status == status
        assert 400 <= status < 600
        assert words
