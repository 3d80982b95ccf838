"""What the gateway and the ways of noticing changes need of the rest: whatever would never do anything is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from brigade.config.document import Place, Problem
from brigade.config.gateway import GatewaySection
from brigade.config.model import Config
from brigade.config.replications import LiveMode, ReplicationSection
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
        yield ("gateway", "routes", index, "store"), route.store


def check_live(config: Config, name: str, replication: ReplicationSection, directory: Path) -> Iterator[Problem]:
    """Ways of noticing changes that would never notice any."""
    place = ("replications", name, "live")
    try:
        source = parse_location(replication.source, config.stores, directory=directory)
    except UsageError:
        return  # told where it stands
    if replication.live and source.is_wildcard:
        yield Problem(place, "a whole store cannot be followed in this version: name the bucket")
        return
    if LiveMode.WATCH in replication.live and not _is_directory(config, source):
        yield Problem(place, "watch is for directories: the source is none")
    if LiveMode.GATEWAY in replication.live:
        yield from _behind_gateway(config, source, place)


def _behind_gateway(config: Config, source: Location, place: Place) -> Iterator[Problem]:
    if config.gateway is None:
        yield Problem(place, "there is no section `gateway` whose clients could be heard")
    elif source.kind is not PlaceKind.STORE or _is_directory(config, source):
        yield Problem(place, "gateway is for buckets of an S3 store of the configuration: the source is none")
    elif not config.gateway.serves(source.in_bucket().bucket, source.store):
        yield Problem(place, f"the gateway sends no request for this bucket to {source.store!r}: add a route")


def _is_directory(config: Config, place: Location) -> bool:
    return place.kind is PlaceKind.PATH or (place.kind is PlaceKind.STORE and config.stores[place.store].type == "file")
