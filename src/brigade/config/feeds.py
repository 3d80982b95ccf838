"""The keys of `webhook:`, and of the `queue:` of a store: where others tell of changes."""

from __future__ import annotations

import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from brigade.config.fields import Address, Count, Duration, Secret, Section, Text, no_items
from brigade.config.gateway import TlsSection

SHORTEST_SECRET = 8

_QUEUE_HOST = re.compile(r"sqs\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?").fullmatch


def _like(pattern: str, words: str) -> AfterValidator:
    """A text of this form; else these words. They never repeat the value: it may hold a secret."""
    matches = re.compile(pattern).fullmatch

    def check(value: str) -> str:
        if matches(value) is None:
            raise ValueError(words)
        return value

    return AfterValidator(check)


_Url = Annotated[Text, _like(r"https?://[^/?#@\s]+(/[^?#@\s]*)?", "must be a URL like https://host:port")]
_QueueUrl = Annotated[
    Text,
    _like(
        r"https?://[^/?#@\s]+/[^?#@\s]+",
        "must be a URL like https://sqs.eu-west-1.amazonaws.com/123456789012/name",
    ),
]
_Topic = Annotated[
    Text,
    _like(
        r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]+:[A-Za-z0-9_.-]+",
        "must be the ARN of an SNS topic, like arn:aws:sns:eu-west-1:123456789012:name",
    ),
]
_SharedSecret = Annotated[
    Secret, _like(rf"(?s).{{{SHORTEST_SECRET},}}", f"must have at least {SHORTEST_SECRET} characters")
]


class WebhookSection(Section):
    """Where stores and their buses post events, each store to a path of its own."""

    listen: Annotated[Address, Field(description="Address and port: 127.0.0.1:9200, [::1]:9200")] = ("127.0.0.1", 9200)
    url: Annotated[_Url | None, Field(description="How stores reach it: https://brigade.example:9200")] = None
    secrets: Annotated[
        list[_SharedSecret],
        Field(repr=False, description="What senders show, any of these; the first is given to stores that are set up"),
    ] = Field(default_factory=no_items)
    topics: Annotated[
        list[_Topic], Field(description="ARNs of the SNS topics that may send; their signatures are checked")
    ] = Field(default_factory=no_items)
    tls: Annotated[TlsSection | None, Field(description="Serve HTTPS with this certificate")] = None

    @model_validator(mode="after")
    def _knows_its_senders(self) -> Self:
        if not self.secrets and not self.topics:
            raise ValueError("anybody could send: give secrets, or topics")
        return self

    def url_of(self, store: str) -> str | None:
        """Where a store posts its events; None if nobody said how this place is reached."""
        return None if self.url is None else self.url.rstrip("/") + path_of(store)


class QueueSection(Section):
    """The queue of SQS that a store sends its events to."""

    url: Annotated[_QueueUrl, Field(description="The address of the queue")]
    region: Annotated[Text | None, Field(description="Its region; told by addresses of AWS")] = None
    arn: Annotated[
        Text | None,
        Field(description="What `notifications setup` names to buckets: the queue's own if left out, or a topic's"),
    ] = None
    wait: Annotated[Duration, Field(description="How long a request waits for messages, 1s to 20s")] = 20.0
    visibility: Annotated[
        Duration | None, Field(description="A message that was not dealt with comes again after; the queue's own")
    ] = None
    poison_receives: Annotated[Count, Field(description="Delete what cannot be read when it came so often")] = 5
    pollers: Annotated[Count, Field(description="Requests at once")] = 2

    @model_validator(mode="after")
    def _times_are_such_as_sqs_takes(self) -> Self:
        if self.wait not in range(1, 21):
            raise ValueError("wait is 1s to 20s, in whole seconds")
        if self.visibility is not None and self.visibility not in range(1, 43_201):
            raise ValueError("visibility is 1s to 12h, in whole seconds")
        return self

    def arn_in(self, region: str | None) -> str | None:
        """What buckets are told to send to; `region` is their store's. None where an address does not tell."""
        if self.arn is not None:
            return self.arn
        told = _QUEUE_HOST(urlsplit(self.url).hostname or "")
        region = self.region or (told and told[1]) or region
        account, _, name = urlsplit(self.url).path.strip("/").rpartition("/")
        if region is None or not account.isdigit():
            return None
        partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
        return f"arn:{partition}:sqs:{region}:{account}:{name}"


def path_of(store: str) -> str:
    """The path that a store posts to: events name buckets only, so each store has its own."""
    return f"/events/{store}"
