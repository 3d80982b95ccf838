from __future__ import annotations

import json
import shlex
import tomllib

import pytest

from brigade.changes.setup import Wish, entry_id_of, remove, set_up, show
from brigade.errors import ConfigError, Unsupported
from brigade.wire.s3notifications import Entry, new_entry

QUEUE = "arn:aws:sqs:eu-west-1:1:q"
URL = "https://brigade.example:9200/events"
THEIRS = new_entry("theirs", "arn:aws:sns:eu-west-1:1:t", ("s3:ObjectCreated:Put",), "x/")


class FakeSide:
    """A bucket whose notifications are a list."""

    name = "store:photos"
    bucket = "photos"

    def __init__(self, vendor: str, *entries: Entry) -> None:
        self.vendor = vendor
        self.entries = list(entries)
        self.writes: list[list[str]] = []
        self.topics: dict[str, str] = {}

    async def read(self):
        return list(self.entries)

    async def write(self, entries, *, removed=()):
        self.entries = list(entries)
        self.writes.append(list(removed))

    async def create_topic(self, name, push_endpoint):
        self.topics[name] = push_endpoint
        return f"arn:aws:sns:default::{name}"

    async def delete_topic(self, arn):
        del self.topics[arn.rpartition(":")[2]]


async def test_a_queue_is_added_and_what_others_configured_stays():
    side = FakeSide("aws", THEIRS)
    outcome = await set_up(side, Wish("photos", "p/", arn=QUEUE))
    assert side.entries[0] == THEIRS
    ours = side.entries[1]
    assert (ours.id, ours.arn, ours.prefix) == ("brigade-photos", QUEUE, "p/")
    assert {"s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"} <= set(ours.events)
    assert outcome.entries == (ours,)
    assert "1 other entries stay" in outcome.done[0]


async def test_setting_up_twice_changes_nothing():
    side = FakeSide("aws")
    await set_up(side, Wish("photos", arn=QUEUE))
    outcome = await set_up(side, Wish("photos", arn=QUEUE))
    assert len(side.writes) == 1
    assert "already" in outcome.done[0]


async def test_setting_up_anew_replaces_only_ours():
    side = FakeSide("aws", THEIRS)
    await set_up(side, Wish("photos", arn=QUEUE))
    await set_up(side, Wish("photos", arn=QUEUE + "2"))
    await set_up(side, Wish("videos", arn=QUEUE))
    assert [(entry.id, entry.arn) for entry in side.entries] == [
        ("theirs", THEIRS.arn), ("brigade-photos", QUEUE + "2"), ("brigade-videos", QUEUE),
    ]  # fmt: skip
    assert side.writes == [[], ["brigade-photos"], []]


async def test_another_prefix_is_another_entry():
    side = FakeSide("aws")
    await set_up(side, Wish("photos", "a/", arn=QUEUE))
    await set_up(side, Wish("photos", "b/", arn=QUEUE))
    assert [entry.prefix for entry in side.entries] == ["b/"]


async def test_a_dry_run_writes_nothing():
    side = FakeSide("ceph", THEIRS)
    outcome = await set_up(side, Wish("photos", url=URL, secret="correct horse"), dry_run=True)
    assert outcome.done
    assert not side.writes
    assert not side.topics
    await remove(FakeSide("ceph", new_entry("brigade-photos", QUEUE, ())), "photos", dry_run=True)


async def test_ceph_posts_to_the_webhook_by_a_topic_of_its_own():
    side = FakeSide("ceph")
    outcome = await set_up(side, Wish("photos", url=URL, secret="correct horse"))
    assert side.topics == {"brigade-photos": f"{URL}?token=correct%20horse"}
    assert side.entries[0].events == ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")
    assert "correct" not in str(outcome)
    await remove(side, "photos")
    assert not side.entries
    assert not side.topics


async def test_removing_leaves_what_is_not_ours():
    side = FakeSide("aws", THEIRS)
    await set_up(side, Wish("photos", "a/", arn=QUEUE))
    await set_up(side, Wish("photos-2", "b/", arn=QUEUE))
    outcome = await remove(side, "photos")
    assert [entry.id for entry in side.entries] == ["theirs", "brigade-photos-2"]
    assert [entry.id for entry in outcome.entries] == ["brigade-photos"]
    writes = len(side.writes)
    assert not (await remove(side, "photos")).done
    assert len(side.writes) == writes


async def test_a_topic_that_somebody_else_made_is_not_deleted():
    side = FakeSide("ceph")
    await set_up(side, Wish("photos", arn="arn:aws:sns:default::shared"))
    await remove(side, "photos")  # FakeSide would raise for a topic it does not have
    assert not side.entries


async def test_what_is_shown_tells_ours_from_theirs():
    side = FakeSide("aws", THEIRS)
    await set_up(side, Wish("photos", arn=QUEUE))
    assert [(entry.id, is_ours) for entry, is_ours in await show(side)] == [("theirs", False), ("brigade-photos", True)]


async def test_an_odd_prefix_is_sorted_here_and_not_at_the_server():
    side = FakeSide("aws")
    await set_up(side, Wish("photos", "odd prefix+/", arn=QUEUE))
    assert side.entries[0].prefix == ""


def test_each_replication_has_an_id_of_its_own():
    assert entry_id_of("photos") == "brigade-photos"
    ids = {entry_id_of(name) for name in ("a b", "a-b", "a/b", "a:b", "ü" * 300)}
    assert len(ids) == 5
    assert all(len(one) < 255 and one.isascii() and " " not in one for one in ids)


@pytest.mark.parametrize("vendor", ["minio", "seaweedfs", "aws", "generic"])
async def test_where_there_is_no_api_the_commands_are_told_without_the_secret(vendor):
    side = FakeSide(vendor)
    outcome = await set_up(side, Wish("photos", "it's/", url=URL, secret="correct horse"))
    assert not side.writes
    text = "\n".join(outcome.commands)
    assert URL in text
    assert "correct horse" not in text
    for command in outcome.commands:
        if "<<'EOF'" not in command:
            shlex.split(command)


async def test_the_command_for_minio_quotes_the_prefix():
    outcome = await set_up(FakeSide("minio"), Wish("photos", "it's/", url=URL))
    words = shlex.split(outcome.commands[-1])
    assert words[:4] == ["mc", "event", "add", "ALIAS/photos"]
    assert words[-1] == "it's/"


async def test_the_settings_for_seaweed_are_readable():
    outcome = await set_up(FakeSide("seaweedfs"), Wish("photos", 'a"b/', url=URL))
    toml = outcome.commands[0].split("\n", 1)[1].rsplit("\n", 1)[0]
    webhook = tomllib.loads(toml)["notification"]["webhook"]
    assert webhook == {"enabled": True, "endpoint": URL, "path_prefixes": ['/buckets/photos/a"b/']}


async def test_the_permission_that_a_queue_of_aws_needs_is_told():
    outcome = await set_up(FakeSide("aws"), Wish("photos", arn=QUEUE))
    assert "sqs:SendMessage" in outcome.commands[0]
    assert "arn:aws:s3:::photos" in outcome.commands[0]
    outcome = await set_up(FakeSide("aws"), Wish("photos", arn="arn:aws:sns:eu-west-1:1:t"))
    assert "sns:Publish" in outcome.commands[0]


async def test_the_permission_names_every_bucket_that_sends_to_the_queue():
    outcome = await set_up(FakeSide("aws"), Wish("photos", arn=QUEUE, buckets=("films", "photos")))
    words = shlex.split(outcome.commands[0], comments=True)
    policy = json.loads(json.loads(words[words.index("--attributes") + 1])["Policy"])
    sources = policy["Statement"][0]["Condition"]["ArnLike"]["aws:SourceArn"]
    assert sources == ["arn:aws:s3:::films", "arn:aws:s3:::photos"]


async def test_a_topic_that_was_made_for_the_entry_is_named_when_that_is_removed():
    side = FakeSide("aws")
    for name, arn in (("photos", "arn:aws:sns:eu-west-1:1:brigade-photos"), ("films", "arn:aws:sns:eu-west-1:1:all")):
        await set_up(side, Wish(name, arn=arn))
    assert (await remove(side, "films")).commands == ()
    (command,) = (await remove(side, "photos")).commands
    assert command == "aws sns delete-topic --topic-arn arn:aws:sns:eu-west-1:1:brigade-photos"


@pytest.mark.parametrize("destination", [{}, {"arn": QUEUE, "url": URL}])
def test_a_wish_has_one_destination(destination):
    with pytest.raises(ConfigError):
        Wish("photos", **destination)


async def test_a_second_replication_of_a_bucket_hears_by_the_entry_of_the_first():
    side = FakeSide("aws")
    await set_up(side, Wish("photos", arn=QUEUE))
    outcome = await set_up(side, Wish("copies", "p/", arn=QUEUE))
    assert [entry.id for entry in side.entries] == ["brigade-photos"]
    assert "already, by the entry brigade-photos" in outcome.done[0]
    await set_up(side, Wish("elsewhere", "p/", arn=QUEUE + "2"))
    assert [entry.id for entry in side.entries] == ["brigade-photos", "brigade-elsewhere"]


async def test_a_server_whose_buckets_send_nothing_is_not_asked():
    side = FakeSide("seaweedfs")
    with pytest.raises(Unsupported):
        await set_up(side, Wish("photos", arn=QUEUE))
    with pytest.raises(Unsupported):
        await show(side)
    assert (await remove(side, "photos")).commands
    assert not side.writes
