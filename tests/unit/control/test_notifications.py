from __future__ import annotations

from brigade.control.notifications import Feed, Verb, arrange
from brigade.errors import Rejected
from brigade.wire.s3notifications import new_entry

QUEUE = "arn:aws:sqs:eu-west-1:1:q"


class FakeSide:
    """A bucket of AWS whose notifications are a list; `refuses` makes it take none."""

    name = "aws:photos"
    bucket = "photos"
    vendor = "aws"

    def __init__(self, *entries, refuses: bool = False) -> None:
        self.entries = list(entries)
        self.refuses = refuses

    async def read(self):
        return list(self.entries)

    async def write(self, entries, *, removed=()):
        if self.refuses:
            raise Rejected("Unable to validate the following destination configurations", store=self.name)
        self.entries = list(entries)

    async def create_topic(self, name, push_endpoint):
        raise AssertionError(f"AWS posts to no {push_endpoint} by itself ({name})")

    async def delete_topic(self, arn):
        raise AssertionError(arn)


async def test_what_a_bucket_refuses_is_told_beside_what_may_be_missing():
    report = await arrange(Verb.SETUP, FakeSide(refuses=True), Feed("photos", arn=QUEUE))
    assert not report.is_whole
    assert "Unable to validate" in str(report.error)
    assert "sqs:SendMessage" in report.commands[0]


async def test_what_is_left_to_a_person_alone_is_not_done():
    report = await arrange(Verb.SETUP, FakeSide(), Feed("photos", url="https://b.example/events/aws"))
    assert report.commands
    assert not report.is_whole


async def test_who_was_heard_by_an_entry_that_is_removed_is_named():
    side = FakeSide()
    await arrange(Verb.SETUP, side, Feed("photos", arn=QUEUE))
    await arrange(Verb.SETUP, side, Feed("copies", arn=QUEUE))
    other = Feed("others", "x/", arn=QUEUE + "2")
    await arrange(Verb.SETUP, side, other)
    assert [entry.id for entry in side.entries] == ["brigade-photos", "brigade-others"]
    report = await arrange(Verb.REMOVE, side, Feed("photos", neighbours=("copies", "others")))
    assert report.is_whole
    assert [command.split("  #")[0] for command in report.commands] == ["brigade notifications setup copies"]


async def test_showing_tells_all_that_the_bucket_has():
    theirs = new_entry("theirs", QUEUE, ("s3:ObjectCreated:Put",))
    report = await arrange(Verb.SHOW, FakeSide(theirs), Feed("photos"))
    assert report.entries == (theirs,)
    assert report.is_whole
