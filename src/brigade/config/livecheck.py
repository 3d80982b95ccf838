"""What the gateway and the ways of noticing changes need of the rest: whatever would never do anything is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from brigade.config.document import Place, Problem
from brigade.config.gateway import GatewaySection
from brigade.config.model import Config
from brigade.config.replications import LiveMode, ReplicationSection
from brigade.config.stores import S3Section
from brigade.errors import UsageError
from brigade.locations import Place as Location
from brigade.locations import PlaceKind, parse_location


def check_gateway(config: Config) -> Iterator[Problem]:
    """Stores that are not there, keys given twice, users nobody knows."""
    gateway = config.gateway
    if gateway is None:
        return
    if not gateway.stores:
        yield Problem(("gateway",), "no store is behind it: give store, or routes")
    if not gateway.users and not gateway.anonymous:
        yield Problem(("gateway",), "nobody may ask it: give users")
    for place, name in _named_stores(gateway):
        store = config.stores.get(name)
        if store is None:
            yield Problem(place, f"there is no store {name!r}")
        elif store.type != "s3":
            yield Problem(place, f"{name!r} is no S3 store, and the gateway serves no other")
    keys = Counter(key.access_key for user in gateway.users.values() for key in user.keys)
    for key, count in keys.items():
        if count > 1:
            yield Problem(("gateway", "users"), f"the access key {key!r} is given {count} times")
    yield from _routes(gateway)


def _routes(gateway: GatewaySection) -> Iterator[Problem]:
    routes = Counter((route.user, route.bucket) for route in gateway.routes)
    for index, route in enumerate(gateway.routes):
        if route.user is not None and route.user not in gateway.users:
            yield Problem(("gateway", "routes", index, "user"), f"there is no user {route.user!r}")
        if routes[route.user, route.bucket] > 1:
            yield Problem(("gateway", "routes", index), f"the bucket {route.bucket!r} has more than one route")


def _named_stores(gateway: GatewaySection) -> Iterator[tuple[Place, str]]:
    if gateway.store is not None:
        yield ("gateway", "store"), gateway.store
    for name, user in gateway.users.items():
        if user.store is not None:
            yield ("gateway", "users", name, "store"), user.store
    for index, route in enumerate(gateway.routes):
        if route.store is not None:
            yield ("gateway", "routes", index, "store"), route.store


def check_live(config: Config, name: str, replication: ReplicationSection, directory: Path) -> Iterator[Problem]:
    """Ways of noticing changes that would never notice any."""
    place = ("replications", name, "live")
    try:
        source = parse_location(replication.source, config.stores, directory=directory)
    except UsageError:
        return  # told where it stands
    if LiveMode.WATCH in replication.live and not _is_directory(config, source):
        yield Problem(place, "watch is for directories: the source is none")
    if LiveMode.GATEWAY in replication.live:
        yield from _behind_gateway(config, source, place)
    yield from _fed(config, replication, source, place)


def _fed(config: Config, replication: ReplicationSection, source: Location, place: Place) -> Iterator[Problem]:
    """Feeds that nobody would feed."""
    fed = [mode for mode in (LiveMode.WEBHOOK, LiveMode.SQS) if mode in replication.live]
    store = config.stores[source.store] if source.kind is PlaceKind.STORE else None
    if fed and not isinstance(store, S3Section):
        yield Problem(place, f"{fed[0]} is for buckets of an S3 store of the configuration: the source is none")
        return
    if LiveMode.WEBHOOK in fed and config.webhook is None:
        yield Problem(place, "there is no section `webhook` that events could be posted to")
    if LiveMode.SQS in fed and isinstance(store, S3Section) and store.queue is None:
        yield Problem(place, f"the store {source.store!r} has no `queue` that events could be taken from")


def check_webhook_and_queues(config: Config) -> Iterator[Problem]:
    """Two that listen at one address, and a queue of two stores: each of them would get half of the events."""
    gateway, webhook = config.gateway, config.webhook
    if gateway and webhook and gateway.listen == webhook.listen and webhook.listen[1]:
        yield Problem(("webhook", "listen"), "the gateway listens there: take another port")
    owners: dict[str, str] = {}
    for name, store in config.stores.items():
        if isinstance(store, S3Section) and store.queue is not None:
            owner = owners.setdefault(store.queue.url, name)
            if owner != name:
                yield Problem(("stores", name, "queue", "url"), f"this is the queue of {owner!r}: give each its own")


def _behind_gateway(config: Config, source: Location, place: Place) -> Iterator[Problem]:
    if config.gateway is None:
        yield Problem(place, "there is no section `gateway` whose clients could be heard")
    elif source.kind is not PlaceKind.STORE or _is_directory(config, source):
        yield Problem(place, "gateway is for buckets of an S3 store of the configuration: the source is none")
    elif source.is_wildcard:
        if source.store not in config.gateway.stores:
            yield Problem(
                place, f"the gateway sends no request to {source.store!r}: add a route, or a user of this store"
            )
    elif not config.gateway.serves(source.in_bucket().bucket, source.store):
        yield Problem(place, f"the gateway sends no request for this bucket to {source.store!r}: add a route")


def _is_directory(config: Config, place: Location) -> bool:
    return place.kind is PlaceKind.PATH or (place.kind is PlaceKind.STORE and config.stores[place.store].type == "file")
