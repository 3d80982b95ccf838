from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brigade.wire.s3notifications import build_notifications, new_entry, parse_notifications
from brigade.wire.xml import XmlError

QUEUE = "arn:aws:sqs:eu-west-1:1:q"
FOREIGN = b"""<?xml version="1.0" encoding="UTF-8"?>
<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <TopicConfiguration><Id>theirs</Id><Topic>arn:aws:sns:eu-west-1:1:t</Topic><Event>s3:ObjectCreated:Put</Event>
    <Filter><S3Key><FilterRule><Name>Prefix</Name><Value>a&amp;b/</Value></FilterRule></S3Key>
      <S3Metadata><FilterRule><Name>x</Name><Value>y</Value></FilterRule></S3Metadata></Filter></TopicConfiguration>
  <CloudFunctionConfiguration><Id>fn</Id><CloudFunction>arn:aws:lambda:1:f</CloudFunction>
    <Event>s3:ObjectRemoved:*</Event></CloudFunctionConfiguration>
  <EventBridgeConfiguration/>
  <OfNextYear><Thing>1</Thing></OfNextYear>
</NotificationConfiguration>"""


def test_what_is_written_is_read():
    entry = new_entry("brigade-x", QUEUE, ("s3:ObjectCreated:*", "s3:ObjectRemoved:*"), "a&b/", ".jpg")
    (read,) = parse_notifications(build_notifications([entry]))
    assert read == entry
    assert read.element == "QueueConfiguration"
    assert (read.prefix, read.suffix) == ("a&b/", ".jpg")


def test_a_topic_stands_in_its_own_element_and_without_a_filter_there_is_none():
    entry = new_entry("i", "arn:aws:sns:default::t", ("s3:ObjectCreated:*",))
    assert entry.element == "TopicConfiguration"
    assert "Filter" not in entry.xml


def test_the_entries_of_others_are_kept_whole():
    entries = parse_notifications(FOREIGN)
    assert [entry.element for entry in entries] == [
        "TopicConfiguration", "CloudFunctionConfiguration", "EventBridgeConfiguration", "OfNextYear",
    ]  # fmt: skip
    assert (entries[0].id, entries[0].prefix, entries[1].arn) == ("theirs", "a&b/", "arn:aws:lambda:1:f")
    assert "<S3Metadata>" in entries[0].xml
    assert parse_notifications(build_notifications(entries)) == entries


def test_a_bucket_without_notifications():
    assert parse_notifications(b"") == []
    assert parse_notifications(b"<NotificationConfiguration/>") == []
    assert parse_notifications(build_notifications([])) == []


@pytest.mark.parametrize("body", [b"<Other/>", b"<NotificationConfiguration>", b"nonsense"])
def test_what_is_no_configuration_is_refused(body):
    with pytest.raises(XmlError):
        parse_notifications(body)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20))
def test_any_prefix_survives(prefix):
    try:
        entry = new_entry("i", QUEUE, ("s3:ObjectCreated:*",), prefix)
    except XmlError:
        return
    assert parse_notifications(build_notifications([entry]))[0].prefix == prefix
