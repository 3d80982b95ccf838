from __future__ import annotations

from pathlib import Path

import pytest

from brigade.config.load import load_config
from brigade.config.replications import LiveMode
from brigade.control.notifications import Verb
from brigade.errors import BrigadeError
from brigade.testing.clock import ManualClock
from brigade.wiring.notifications import arrangement
from brigade.wiring.wiring import Wiring

CONFIG = """\
stores:
  aws: {type: s3, queue: {url: "https://sqs.eu-west-1.amazonaws.com/1/q"}}
  here: {type: s3, endpoint: "http://s.example", queue: {url: "http://s.example/queues/q"}}
  disk: {type: file, root: data}
replications:
  queued: {source: "aws:photos/2024", target: "disk:a", live: [sqs]}
  posted: {source: "aws:photos", target: "disk:b", live: [webhook]}
  films: {source: "aws:films", target: "disk:g", live: [sqs]}
  both: {source: "aws:photos", target: "disk:c", live: [webhook, sqs]}
  neither: {source: "aws:photos", target: "disk:d"}
  nameless: {source: "here:photos", target: "disk:e", live: [sqs]}
  files: {source: "disk:f", target: "aws:f"}
webhook: {secrets: [first secret, second secret], URL topics: ["arn:aws:sns:eu-west-1:1:brigade-posted"]}
"""


def wire(directory: Path, url: str = "url: 'https://b.example', ") -> Wiring:
    file = directory / "brigade.yaml"
    file.write_text(CONFIG.replace("URL ", url))
    return Wiring(ManualClock(), {}, directory, load_config(file, {}))


def test_a_queue_is_named_with_the_prefix_of_the_replication(tmp_path: Path):
    place, feed = arrangement(wire(tmp_path), "queued", Verb.SETUP)
    assert place.in_bucket().bucket == "photos"
    assert (feed.arn, feed.prefix, feed.url) == ("arn:aws:sqs:eu-west-1:1:q", "2024/", None)
    assert feed.buckets == ("films", "photos")


def test_the_webhook_is_named_with_the_path_of_the_store_and_the_first_secret(tmp_path: Path):
    _, feed = arrangement(wire(tmp_path), "posted", Verb.SETUP)
    assert (feed.url, feed.secret, feed.arn) == ("https://b.example/events/aws", "first secret", None)
    assert "first secret" not in repr(feed)


def test_a_topic_that_has_the_name_of_the_entry_is_sent_to_where_a_server_cannot_post(tmp_path: Path):
    _, feed = arrangement(wire(tmp_path), "posted", Verb.SETUP)
    assert feed.wish("aws").arn == "arn:aws:sns:eu-west-1:1:brigade-posted"
    assert feed.wish("ceph").url == "https://b.example/events/aws"
    _, other = arrangement(wire(tmp_path), "both", Verb.SETUP, LiveMode.WEBHOOK)
    assert other.wish("aws").url == "https://b.example/events/aws"


def test_of_two_feeds_one_is_chosen(tmp_path: Path):
    assert arrangement(wire(tmp_path), "both", Verb.SETUP, LiveMode.SQS)[1].arn == "arn:aws:sqs:eu-west-1:1:q"


@pytest.mark.parametrize("verb", [Verb.SHOW, Verb.REMOVE])
def test_showing_and_removing_need_no_feed(tmp_path: Path, verb: Verb):
    _, feed = arrangement(wire(tmp_path), "neither", verb)
    assert feed.neighbours == ("queued", "posted", "both")


@pytest.mark.parametrize(
    ("name", "by", "url", "words"),
    [
        ("missing", None, True, "there is no replication 'missing'"),
        ("files", None, True, "only buckets of an S3 store"),
        ("neither", None, True, "followed by no feed"),
        ("both", None, True, "choose by --feed"),
        ("queued", LiveMode.WEBHOOK, True, "queued is not followed by webhook"),
        ("posted", None, False, "webhook.url is missing"),
        ("nameless", None, True, "stores.here.queue.arn is missing"),
    ],
)
def test_what_cannot_be_set_up_is_told_with_the_mend(tmp_path: Path, name: str, by: LiveMode, url: bool, words: str):
    wiring = wire(tmp_path) if url else wire(tmp_path, "")
    with pytest.raises(BrigadeError) as told:
        arrangement(wiring, name, Verb.SETUP, by)
    assert words in str(told.value)
    assert told.value.exit_code == 2
