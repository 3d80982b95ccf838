from __future__ import annotations

from pathlib import Path

import pytest

from brigade.errors import UsageError
from brigade.locations import Place, PlaceKind, as_prefix, is_store_name, parse_location
from brigade.replications import Location

STORES = ("ceph", "minio", "s3")


def parse(text: str) -> Place:
    return parse_location(text, STORES, directory=Path("/here"))


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("ceph:photos", Location("ceph", "photos", "")),
        ("ceph:photos/", Location("ceph", "photos", "")),
        ("ceph:photos/2024", Location("ceph", "photos", "2024/")),
        ("ceph:photos/2024/", Location("ceph", "photos", "2024/")),
        ("ceph:photos//lead", Location("ceph", "photos", "/lead/")),
        ("ceph:photos/a//b", Location("ceph", "photos", "a//b/")),
        ("ceph:photos/a:b", Location("ceph", "photos", "a:b/")),
        ("s3:photos", Location("s3", "photos", "")),
        ("s3://photos/2024", Location("s3", "photos", "2024/")),
        ("s3://photos/per%25cent", Location("s3", "photos", "per%25cent/")),
    ],
)
def test_a_location_names_store_bucket_and_prefix(text: str, location: Location):
    assert parse(text).in_bucket() == location


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("photos", "/here/photos"),
        (".", "/here"),
        ("./ceph:photos", "/here/ceph:photos"),
        ("sub/ceph:photos", "/here/sub/ceph:photos"),
        ("/srv/data", "/srv/data"),
        ("/srv/a:b", "/srv/a:b"),
        ("file:///srv/data", "/srv/data"),
        ("file:///srv/a%20b", "/srv/a b"),
        ("file://localhost/srv", "/srv"),
    ],
)
def test_a_path_is_a_location(text: str, path: str):
    place = parse(text)
    assert (place.kind, place.rest) == (PlaceKind.PATH, path)


def test_a_directory_of_a_store_is_all_prefix():
    assert parse_location("disk:a/b", ["disk"]).in_directory() == Location("disk", "", "a/b/")
    assert parse_location("disk:", ["disk"]).in_directory() == Location("disk", "", "")
    assert parse_location("disk:/a", ["disk"]).in_directory() == Location("disk", "", "a/")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cph:photos", ["no store 'cph'", "ceph, minio, s3", "./cph:photos"]),
        ("", ["empty location"]),
        ("a\0b", ["empty location"]),
        ("s3://", ["names no bucket"]),
        ("s3:///x", ["names no bucket"]),
        ("file://elsewhere/srv", ["another machine"]),
        ("ftp://bucket/x", ["ftp://", "no URL"]),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_mend(text: str, words: list[str]):
    with pytest.raises(UsageError) as caught:
        parse(text)
    for word in words:
        assert word in str(caught.value)


def test_a_bucket_must_be_named_where_there_are_buckets():
    with pytest.raises(UsageError, match="names no bucket"):
        parse("ceph:").in_bucket()


def test_a_wildcard_means_every_bucket_of_a_store():
    place = parse("ceph:*")
    assert place.is_wildcard
    assert not parse("ceph:*/x").is_wildcard
    assert not parse("./*").is_wildcard
    assert place.of_bucket("photos").in_bucket() == Location("ceph", "photos", "")


def test_a_prefix_ends_with_a_slash():
    assert [as_prefix(text) for text in ("", "foo", "foo/", "foo//")] == ["", "foo/", "foo/", "foo//"]


def test_names_of_stores_are_plain():
    assert is_store_name("ceph-1.old_x")
    assert not any(is_store_name(name) for name in ("", "-a", "a b", "a/b", "a:b", "ü"))
