"""From a replication of the configuration to the buckets whose notifications are arranged, and where they are to go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from brigade.config.replications import LiveMode
from brigade.config.stores import S3Section
from brigade.control.notifications import Feed, Verb
from brigade.errors import ConfigError, UsageError
from brigade.locations import Place, PlaceKind
from brigade.wiring.routes import sections
from brigade.wiring.s3 import s3_settings
from brigade.wiring.scene import config_of

if TYPE_CHECKING:
    from brigade.changes.setup import BucketSide
    from brigade.config.replications import ReplicationSection
    from brigade.wiring.wiring import Wiring

FEEDS = (LiveMode.WEBHOOK, LiveMode.SQS)


def arrangement(wiring: Wiring, name: str, verb: Verb, by: LiveMode | None = None) -> tuple[Place, Feed]:
    """The source of a replication, and the feed it is followed by; `by` chooses where there are two.

    Raises `ConfigError` or `UsageError` where there is nothing to arrange.
    """
    known = dict(sections(wiring))
    if name not in known:
        have = ", ".join(known) or "none"
        raise ConfigError(f"there is no replication {name!r} in the configuration", hint=f"there are: {have}")
    place = wiring.place(known[name].source)
    if place.kind is not PlaceKind.STORE or not isinstance(config_of(wiring).stores[place.store], S3Section):
        raise UsageError(f"{known[name].source}: only buckets of an S3 store of the configuration send events")
    if verb is not Verb.SETUP:
        return place, Feed(name, neighbours=_neighbours(wiring, name, place))
    mode = _mode(name, known[name], by)
    prefix = "" if place.is_wildcard else place.in_bucket().prefix
    return place, (_posted if mode is LiveMode.WEBHOOK else _queued)(wiring, name, place.store, prefix)


def _mode(name: str, section: ReplicationSection, by: LiveMode | None) -> LiveMode:
    fed = [mode for mode in FEEDS if mode in section.live]
    if by is not None and by not in fed:
        raise UsageError(f"{name} is not followed by {by}", hint=f"add {by} to replications.{name}.live")
    if not fed:
        raise UsageError(
            f"{name} is followed by no feed that a bucket could send to",
            hint=f"add webhook or sqs to replications.{name}.live",
        )
    if by is None and len(fed) > 1:
        raise UsageError(
            f"{name} is followed by webhook and sqs", hint="choose by --feed which one the bucket sends to"
        )
    return by or fed[0]


def _posted(wiring: Wiring, name: str, store: str, prefix: str) -> Feed:
    webhook = config_of(wiring).webhook
    assert webhook is not None, "the configuration was checked"
    url = webhook.url_of(store)
    if url is None:
        raise ConfigError("webhook.url is missing", hint="it says how stores reach it: https://brigade.example:9200")
    secret = webhook.secrets[0] if webhook.secrets else None
    return Feed(name, prefix, url=url, secret=secret, topics=tuple(webhook.topics))


def _queued(wiring: Wiring, name: str, store: str, prefix: str) -> Feed:
    section = config_of(wiring).stores[store]
    assert isinstance(section, S3Section)
    assert section.queue is not None, "the configuration was checked"
    arn = section.queue.arn_in(section.region)
    if arn is None:
        raise ConfigError(
            f"stores.{store}.queue.arn is missing",
            hint="the address of the queue does not tell it: it looks like arn:aws:sqs:eu-west-1:123456789012:name",
        )
    sources = [wiring.place(each.source) for _, each in sections(wiring) if LiveMode.SQS in each.live]
    buckets = sorted({source.in_bucket().bucket for source in sources if source.store == store})
    return Feed(name, prefix, arn=arn, buckets=tuple(buckets))


def _neighbours(wiring: Wiring, name: str, place: Place) -> tuple[str, ...]:
    """Other replications of the same bucket that are followed by a feed."""
    found = []
    for other, section in sections(wiring):
        if other != name and any(mode in section.live for mode in FEEDS):
            source = wiring.place(section.source)
            if (source.store, source.in_bucket().bucket) == (place.store, place.in_bucket().bucket):
                found.append(other)
    return tuple(found)


async def buckets_of(wiring: Wiring, place: Place) -> list[Place]:
    """The buckets that a replication's source means now."""
    return [place.of_bucket(bucket) for bucket in await wiring.buckets(place)] if place.is_wildcard else [place]


@asynccontextmanager
async def notifications_of(wiring: Wiring, place: Place) -> AsyncIterator[BucketSide]:
    """The notification settings of a bucket, while the block runs. Raises `StoreError` if it cannot be reached."""
    from brigade.stores.s3.store import S3Store

    assert wiring.loaded is not None
    section = config_of(wiring).stores[place.store]
    assert isinstance(section, S3Section)
    base, environment = wiring.loaded.directory, wiring.environment
    settings = s3_settings(place.store, place.in_bucket().bucket, section, directory=base, environment=environment)
    store = S3Store(settings, wiring.clock)
    try:
        await store.open()
        yield store.notifications()
    finally:
        await store.close()
