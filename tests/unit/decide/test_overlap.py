from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.decide.overlap import Route, overlaps, refuse_pair, refuse_routes

S3 = "s3://host:9000/photos"


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        (S3, S3, "same place"),
        (S3 + "/", S3, "same place"),
        (f"{S3}/a/", f"{S3}/a/", "same place"),
        (S3, f"{S3}/backup/", "target lies inside the source"),
        (f"{S3}/a/", f"{S3}/a/b/", "target lies inside the source"),
        (f"{S3}/a/", S3, "source lies inside the target"),
        ("file:///srv", "file:///srv/sub", "target lies inside the source"),
        ("file:///srv/sub", "file:///srv", "source lies inside the target"),
    ],
)
def test_places_that_feed_on_each_other_are_refused(source: str, target: str, words: str):
    assert words in (refuse_pair(source, target) or "")


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (S3, "s3://other:9000/photos"),
        (S3, f"{S3}-2"),
        (f"{S3}/foo/", f"{S3}/foobar/"),
        ("file:///srv/foo", "file:///srv/foobar"),
        ("file:///photos", S3),
    ],
)
def test_places_apart_are_fine(source: str, target: str):
    assert refuse_pair(source, target) is None


def test_two_replications_that_could_write_one_key_are_refused():
    one = Route("one", "s3://a/x", f"{S3}/in/")
    assert refuse_routes([one, Route("two", "s3://b/y", f"{S3}/in/deeper/")]) == [
        "one and two could write the same key: their targets overlap"
    ]
    assert refuse_routes([one, Route("two", "s3://b/y", f"{S3}/inner/")]) == []


def test_a_chain_of_replications_is_fine():
    assert refuse_routes([Route("one", "s3://a/x", "s3://b/x"), Route("two", "s3://b/x", "s3://c/x")]) == []


def test_a_circle_is_refused():
    there, back = Route("there", "s3://a/x", "s3://b/x"), Route("back", "s3://b/x", "s3://a/x")
    assert refuse_routes([there, back]) == ["there and back copy in a circle: each writes where the other reads"]
    elsewhere = Route("back", "s3://b/x", "s3://a/y")
    assert refuse_routes([there, elsewhere]) == []


_prefixes = st.lists(st.sampled_from(["a", "b", "ab", ""]), max_size=4).map(lambda parts: "/".join([*parts, ""]))


@given(_prefixes, _prefixes, st.text("ab/", max_size=6))
def test_no_key_lies_in_two_places_that_do_not_overlap(one: str, other: str, key: str):
    in_one = f"{S3}/{key}".startswith(f"{S3}/{one}")
    in_other = f"{S3}/{key}".startswith(f"{S3}/{other}")
    if in_one and in_other:
        assert overlaps(f"{S3}/{one}", f"{S3}/{other}")
