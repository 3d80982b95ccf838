"""What the target should carry, and how it differs from what it carries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from brigade.decide.attributes import Carries, differing_attributes, expected_attributes, guess_content_type
from brigade.objects import Attributes, Grant, ObjectLock
from brigade.replications import Policy

ALL = Carries(tags=True, storage_class=True, lock=True, acl=True)
NONE = Carries(content_headers=False, metadata=False)
FULL = Attributes(
    content_type="a/b",
    content_encoding="gzip",
    content_disposition="inline",
    content_language="de",
    cache_control="no-store",
    expires="never",
    metadata={"one": "1", "empty": ""},
    tags={"k": "v"},
    storage_class="COLD",
    lock=ObjectLock("GOVERNANCE", "2032-01-01T00:00:00Z"),
    acl=(Grant("id:1", "READ"),),
)


GOOGLE = Attributes(custom_time="2026-01-01T00:00:00Z", delete_at_seconds=5, metadata={"two-words": "1", "one": "2"})


def test_what_only_some_stores_have_passes_where_both_have_it():
    both = Carries(custom_time=True, delete_at=True)
    assert expected_attributes("k", GOOGLE, Policy(), both) == GOOGLE
    neither = expected_attributes("k", GOOGLE, Policy(), Carries())
    assert (neither.custom_time, neither.delete_at_seconds) == (None, None)
    assert differing_attributes(neither, GOOGLE) == (), "what was not asked for is no difference"
    assert differing_attributes(GOOGLE, neither) == ("custom-time", "delete-at")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2032-01-01T00:00:00Z", "2032-01-01T00:00:00.000Z", True),
        ("2032-01-01T00:00:00Z", "2032-01-01T01:00:00+01:00", True),
        ("2032-01-01T00:00:00Z", "2032-01-01T00:00:01Z", False),
        ("someday", "someday", True),
        ("someday", "2032-01-01T00:00:00Z", False),
    ],
)
def test_times_are_compared_as_moments_and_not_as_texts(one, other, same):
    locks = [Attributes(lock=ObjectLock("COMPLIANCE", text)) for text in (one, other)]
    assert differing_attributes(*locks) == (() if same else ("lock",))
    times = [Attributes(custom_time=text) for text in (one, other)]
    assert differing_attributes(*times) == (() if same else ("custom-time",))


def test_names_that_are_no_identifiers_stay_behind_where_the_target_cannot_hold_them():
    found = expected_attributes("k", GOOGLE, Policy(), Carries(identifier_metadata=True))
    assert found.metadata == {"one": "2"}


def test_a_storage_class_is_expected_back_as_the_target_will_tell_it():
    carries = Carries(storage_class=True, stored_classes={"DEEP_ARCHIVE": "GLACIER"})
    assert expected_attributes("k", replace(FULL, storage_class="DEEP_ARCHIVE"), Policy(), carries).storage_class == (
        "GLACIER"
    )
    mapped = Policy(storage_class_map={"COLD": "DEEP_ARCHIVE"})
    assert expected_attributes("k", FULL, mapped, carries).storage_class == "GLACIER"


def test_everything_passes_where_both_sides_can():
    assert expected_attributes("k", FULL, Policy(acl=True), ALL) == FULL


@pytest.mark.parametrize(
    ("policy", "carries", "changed"),
    [
        (Policy(), ALL, {"acl": None}),
        (Policy(acl=True, tags=False), ALL, {"tags": None}),
        (Policy(acl=True), replace(ALL, tags=False), {"tags": None}),
        (Policy(acl=True), replace(ALL, lock=False), {"lock": None}),
        (Policy(acl=True), replace(ALL, acl=False), {"acl": None}),
        (Policy(acl=True), replace(ALL, storage_class=False), {"storage_class": None}),
        (Policy(acl=True), replace(ALL, empty_metadata_values=False), {"metadata": {"one": "1"}}),
        (Policy(acl=True), replace(ALL, metadata=False), {"metadata": {}}),
        (Policy(acl=True, storage_class="HOT"), ALL, {"storage_class": "HOT"}),
        (Policy(acl=True, storage_class_map={"COLD": "ICE"}), ALL, {"storage_class": "ICE"}),
        (Policy(acl=True, storage_class_map={"STANDARD": "ICE"}), ALL, {}),
    ],
)
def test_what_a_policy_or_a_store_leaves_out(policy, carries, changed):
    assert expected_attributes("k", FULL, policy, carries) == replace(FULL, **changed)


def test_a_source_without_storage_class_is_standard_to_the_map():
    policy = Policy(storage_class_map={"STANDARD": "ICE"})
    assert expected_attributes("k", Attributes(), policy, ALL).storage_class == "ICE"


def test_stores_that_carry_nothing_leave_nothing():
    assert expected_attributes("a.txt", FULL, Policy(), NONE) == Attributes()


def test_a_file_for_an_object_store_gets_the_content_type_by_its_name():
    carries = replace(NONE, guess_content_type=True)
    assert expected_attributes("a.txt", Attributes(), Policy(), carries) == Attributes(content_type="text/plain")


def test_an_object_without_a_content_type_stays_without_one():
    assert expected_attributes("a.txt", Attributes(), Policy(), Carries()).content_type is None


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a.txt", "text/plain"),
        ("deep/er/a.JPG", "image/jpeg"),
        ("a.json", "application/json"),
        ("a.tar.gz", "application/octet-stream"),
        ("a.gz", "application/octet-stream"),
        ("noending", "application/octet-stream"),
        (".txt", "application/octet-stream"),
        ("dot.", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("a.html/b", "application/octet-stream"),
        ("?q=.html#.txt", "text/plain"),
        ("data:text/html,x.png", "image/png"),
    ],
)
def test_the_content_type_by_the_name(key, expected):
    assert guess_content_type(key) == expected


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({}, ()),
        ({"content_type": "x/y"}, ("content-type",)),
        ({"content_encoding": None}, ("content-encoding",)),
        ({"content_disposition": "x"}, ("content-disposition",)),
        ({"content_language": "x"}, ("content-language",)),
        ({"cache_control": "x"}, ("cache-control",)),
        ({"expires": "x"}, ("expires",)),
        ({"metadata": {"one": "1"}}, ("metadata",)),
        ({"tags": {}}, ("tags",)),
        ({"tags": None}, ("tags",)),
        ({"storage_class": None}, ("storage-class",)),
        ({"lock": None}, ("lock",)),
        ({"acl": ()}, ("acl",)),
        ({"tags": {"k": "w"}, "metadata": {}}, ("metadata", "tags")),
    ],
)
def test_differences_are_named(change, names):
    assert differing_attributes(FULL, replace(FULL, **change)) == names


def test_what_is_not_asked_for_is_not_compared():
    expected = replace(FULL, tags=None, storage_class=None, lock=None, acl=None)
    assert differing_attributes(expected, FULL) == ()


def test_the_order_of_grants_and_standard_by_another_name_do_not_matter():
    one, two = Grant("id:1", "READ"), Grant("id:2", "WRITE")
    assert differing_attributes(Attributes(acl=(one, two)), Attributes(acl=(two, one))) == ()
    assert differing_attributes(Attributes(storage_class="STANDARD"), Attributes()) == ()
