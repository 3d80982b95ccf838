from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.changes.base import Change
from brigade.changes.events import MAX_EVENTS, MAX_KEY_BYTES, Confirmation, Parsed, parse_events

KEY = "a dir/x+y 100%25é.txt"
TOPIC = "arn:aws:sns:eu-west-1:1:t"


def record(key: str, source: str | None = "aws:s3", name: str = "ObjectCreated:Put", bucket: str = "photos") -> dict:
    found: dict[str, Any] = {
        "eventVersion": "2.1",
        "eventName": name,
        "s3": {"bucket": {"name": bucket}, "object": {"key": key, "size": 1}},
    }
    return found | ({"eventSource": source} if source else {})


def read(value: Any) -> Parsed:
    return parse_events(json.dumps(value))


def keys(value: Any) -> list[str]:
    return [change.key for change in read(value).changes]


def envelope(kind: str, message: str, **more: str) -> dict[str, str]:
    return {"Type": kind, "MessageId": "1", "TopicArn": TOPIC, "Message": message, **more}


def seaweed(kind: str, path: str, **message: Any) -> dict[str, Any]:
    return {"event_type": kind, "key": path, "message": message}


# What SeaweedFS 4.48 posted for a rename, shortened.
SEAWEED_RENAME = seaweed(
    "rename",
    "/buckets/photos/copy",
    old_entry={"name": "copy", "attributes": {"file_size": 6}},
    new_entry={"name": "renamed", "attributes": {"file_size": 6}},
    new_parent_path="/buckets/photos",
)


@pytest.mark.parametrize("encoded", [quote_plus(KEY), quote(KEY, safe=""), quote(KEY, safe="/")])
@pytest.mark.parametrize("source", ["aws:s3", "minio:s3"])
def test_encoded_keys_are_decoded(source: str, encoded: str):
    assert read({"Records": [record(encoded, source)]}) == Parsed([Change("photos", KEY)], 0, 0)


def test_keys_of_ceph_are_taken_as_they_are():
    assert keys({"Records": [record("a b/é", "ceph:s3")]}) == ["a b/é"]


@pytest.mark.parametrize("source", ["ceph:s3", None, "somebody:s3"])
def test_where_the_writing_is_in_doubt_both_readings_are_marked(source: str | None):
    assert keys({"Records": [record("a+b%20c", source)]}) == ["a+b%20c", "a b c"]


def test_a_key_whose_escapes_are_no_utf8_was_not_encoded():
    assert keys({"Records": [record("100%ff")]}) == ["100%ff"]


@pytest.mark.parametrize(
    "name",
    [
        "ObjectCreated:Put", "ObjectCreated:CompleteMultipartUpload", "ObjectRemoved:Delete",
        "ObjectRemoved:DeleteMarkerCreated", "ObjectTagging:Put", "ObjectTagging:Delete", "ObjectAcl:Put",
        "ObjectRestore:Completed", "LifecycleExpiration:Delete", "s3:ObjectCreated:Put", "ObjectSynced:Create",
        "SomethingOfNextYear:Happened", "",
    ],
)  # fmt: skip
def test_every_event_but_reading_is_a_change(name: str):
    assert keys({"Records": [record("a", name=name)]}) == ["a"]


@pytest.mark.parametrize("name", ["s3:ObjectAccessed:Get", "s3:ObjectAccessed:Head", "ObjectAccessed:Get"])
def test_reading_is_no_change(name: str):
    # Our own copy reads the source: a mark for that would never end.
    assert read({"Records": [record("a", "minio:s3", name)]}) == Parsed([], 1, 0)


def test_minio_puts_its_own_fields_beside_the_records():
    event = {"EventName": "s3:ObjectCreated:Put", "Key": "photos/a", "Records": [record("a", "minio:s3")]}
    assert keys(event) == ["a"]


def test_the_test_event_is_ignored():
    assert read({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"}) == Parsed([], 1, 0)


def test_a_notification_of_sns_is_opened():
    parsed = read(envelope("Notification", json.dumps({"Records": [record("a+b")]})))
    assert parsed.changes == [Change("photos", "a b")]
    assert parsed.topics == (TOPIC,)


def test_a_test_event_through_sns_is_ignored():
    assert read(envelope("Notification", '{"Event": "s3:TestEvent"}')).ignored == 1


def test_a_topic_that_asks_is_told_apart():
    parsed = read(envelope("SubscriptionConfirmation", "You have chosen", SubscribeURL="https://sns.x/", Token="t"))
    assert parsed.confirmation == Confirmation(TOPIC, "https://sns.x/")
    assert (parsed.changes, parsed.ignored, parsed.failed) == ([], 1, 0)


def test_an_unsubscription_is_only_ignored():
    parsed = read(envelope("UnsubscribeConfirmation", "bye", SubscribeURL="https://sns.x/"))
    assert parsed.confirmation is None
    assert parsed.ignored == 1


def test_eventbridge_writes_keys_as_they_are():
    detail = {"bucket": {"name": "photos"}, "object": {"key": KEY}, "reason": "PutObject"}
    assert keys({"version": "0", "detail-type": "Object Created", "source": "aws.s3", "detail": detail}) == [KEY]


def test_a_file_event_of_seaweed():
    event = seaweed("delete", f"/buckets/photos/{KEY}", old_entry={"name": "x", "attributes": {}})
    assert read(event) == Parsed([Change("photos", KEY)], 0, 0)


def test_a_rename_at_seaweed_is_both_keys():
    assert keys(SEAWEED_RENAME) == ["copy", "renamed"]


def test_a_directory_of_seaweed_is_the_folder_object_that_it_may_be():
    assert keys(seaweed("create", "/buckets/photos/d", new_entry={"name": "d", "is_directory": True})) == ["d/"]


@pytest.mark.parametrize(
    "path", ["/buckets/photos", "/buckets/.system/owners/x", "/etc/seaweed", "/buckets/photos/.uploads/1/0001.part"]
)
def test_what_seaweed_keeps_for_itself_is_ignored(path: str):
    entry = {"name": path.rpartition("/")[2]}
    assert read(seaweed("create", path, new_entry=entry)) == Parsed([], 1, 0)


def test_several_documents_in_a_list_are_each_read():
    assert keys([{"Records": [record("a")]}, {"Records": [record("b"), record("c")]}]) == ["a", "b", "c"]


def test_one_bad_record_does_not_spoil_the_others():
    parsed = read({"Records": [record("a"), {"eventSource": "aws:dynamodb"}, "x", record("b")]})
    assert [change.key for change in parsed.changes] == ["a", "b"]
    assert parsed.failed == 2
    assert not parsed.is_unreadable


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff\xfe", b"nonsense", b"[" * 100_000, b"1" * 5000, b"null", b"7", b"{}", b'{"Records": null}',
        b'{"Records": {}}', b'"\\"x\\""', json.dumps(json.dumps(json.dumps(json.dumps(json.dumps("x"))))).encode(),
        json.dumps(envelope("Notification", "hello")).encode(),
    ],
)  # fmt: skip
def test_what_is_no_event_is_counted_and_told(body: bytes):
    parsed = parse_events(body)
    assert (parsed.changes, parsed.failed) == ([], 1)
    assert parsed.is_unreadable
    assert parsed.malformed


def test_no_events_at_all_are_none():
    assert read({"Records": []}) == Parsed([], 0, 0)


def test_an_event_of_the_bucket_itself_names_no_key():
    assert read({"Records": [record("", "minio:s3", "s3:BucketCreated:*")]}) == Parsed([], 1, 0)


@pytest.mark.parametrize("key", ["x" * (MAX_KEY_BYTES + 1), "\ud800"])
def test_keys_that_no_store_holds_are_counted(key: str):
    parsed = read({"Records": [record(key), record("a")]})
    assert [change.key for change in parsed.changes] == ["a"]
    assert parsed.failed == 1


def test_the_number_of_events_is_bounded():
    assert len(read({"Records": [record("a")] * MAX_EVENTS}).changes) == MAX_EVENTS
    parsed = read({"Records": [record("a")] * (MAX_EVENTS + 1)})
    assert (parsed.changes, parsed.failed) == ([], 1)


FIELD = st.sampled_from(
    [
        "Records", "s3", "bucket", "object", "key", "name", "Type", "TopicArn", "Message", "detail", "detail-type",
        "event_type", "message", "new_entry", "new_parent_path", "eventName", "eventSource", "Event", "SubscribeURL",
    ]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELD, inner, max_size=5),
    max_leaves=25,
)


@given(JSON)
def test_no_json_whatsoever_is_fatal(value: Any):
    parsed = read(value)
    assert all(change.bucket and change.key for change in parsed.changes)
    assert bool(parsed.malformed) == bool(parsed.failed)


@given(st.binary(max_size=200))
def test_no_bytes_whatsoever_are_fatal(body: bytes):
    parse_events(body)


KEYS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=50)


@given(KEYS)
def test_any_key_comes_through_every_sender_unchanged(key: str):
    detail = {"bucket": {"name": "photos"}, "object": {"key": key}}
    assert keys({"Records": [record(quote_plus(key))]}) == [key]
    assert keys({"Records": [record(quote(key, safe="/"))]}) == [key]
    assert key in keys({"Records": [record(key, "ceph:s3")]})
    assert keys({"detail-type": "Object Created", "detail": detail}) == [key]
    assert keys(envelope("Notification", json.dumps({"Records": [record(quote_plus(key))]}))) == [key]
