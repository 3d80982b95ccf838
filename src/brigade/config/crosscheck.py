"""What the parts of a configuration must say of each other: names that exist, pairs that fit, patterns that compile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from brigade.config.azure import azure_mistakes
from brigade.config.document import Place, Problem
from brigade.config.livecheck import check_gateway, check_live, check_webhook_and_queues
from brigade.config.model import Config
from brigade.config.replications import ReplicationSection
from brigade.config.stores import AzureSection, GcsSection, S3Section, SwiftSection
from brigade.config.swift import swift_mistakes
from brigade.decide.contradictions import refuse_contradictions
from brigade.decide.filters import compile_pattern
from brigade.errors import UsageError
from brigade.locations import Place as Location
from brigade.locations import PlaceKind, is_store_name, parse_location

_DAY_SECONDS = 86400
_TYPES_OF_SCHEMES = {"s3": "s3", "gs": "gcs", "az": "azure", "swift": "swift"}


def cross_check(config: Config, directory: Path) -> list[Problem]:
    """Every mistake that only shows when the parts are held against each other."""
    problems: list[Problem] = []
    for name, store in config.stores.items():
        if not is_store_name(name):
            problems.append(Problem(("stores", name), "a store's name is made of letters, digits, - _ and ."))
        if isinstance(store, S3Section):
            problems += _credentials(store, ("stores", name))
        elif isinstance(store, AzureSection | SwiftSection):
            mistakes = azure_mistakes(store) if isinstance(store, AzureSection) else swift_mistakes(store)
            for key, words in mistakes:
                problems.append(Problem(("stores", name, key) if key else ("stores", name), words))
    for name, replication in config.replications.items():
        problems += _locations(replication, ("replications", name), config, directory)
        problems += _views(replication, ("replications", name), config, directory)
        problems += _expiry(replication, ("replications", name), config, directory)
        problems += _patterns(replication, ("replications", name))
        problems += _contradictions(replication, ("replications", name))
        problems += check_live(config, name, replication, directory)
    problems += check_gateway(config)
    problems += check_webhook_and_queues(config)
    return problems


def _credentials(store: S3Section, place: Place) -> Iterator[Problem]:
    if (store.access_key is None) != (store.secret_key is None):
        missing = "secret_key" if store.secret_key is None else "access_key"
        yield Problem(place, f"access_key and secret_key belong together: {missing} is missing")
    if store.session_token is not None and store.access_key is None:
        yield Problem((*place, "session_token"), "a session token needs access_key and secret_key")
    if store.anonymous and (store.access_key is not None or store.profile is not None):
        yield Problem((*place, "anonymous"), "an anonymous store has neither keys nor a profile")
    if store.profile is not None and store.access_key is not None:
        yield Problem((*place, "profile"), "give either a profile or keys")


def _locations(replication: ReplicationSection, place: Place, config: Config, directory: Path) -> Iterator[Problem]:
    wild = {}
    for side, text in (("source", replication.source), ("target", replication.target)):
        try:
            parsed = parse_location(text, config.stores, directory=directory)
        except UsageError as error:
            yield Problem((*place, side), str(error))
            continue
        wild[side] = parsed.is_wildcard
        if replication.layout == "hashed" and (parsed.is_wildcard or parsed.kind is PlaceKind.PATH):
            yield Problem((*place, side), f"{text}: the hashed layout needs one container and one bucket by name")
        if parsed.is_wildcard and config.stores[parsed.store].type == "file":
            yield Problem((*place, side), f"{text}: a directory has no buckets")
        if not parsed.rest and config.stores[parsed.store].type != "file":
            yield Problem((*place, side), f"{text} names no bucket: write {text}bucket or {text}bucket/prefix")
    if len(wild) == 2 and wild["source"] != wild["target"]:
        side = "target" if wild["source"] else "source"
        yield Problem((*place, side), "all buckets go to all buckets: write store:* on both sides, or on none")


def _views(replication: ReplicationSection, place: Place, config: Config, directory: Path) -> Iterator[Problem]:
    """A store that shows older versions as objects is a source only, and nothing is deleted there."""
    words = "shows older versions as objects (versions: all), so it can be a source only"
    if _is_view(replication.target, config, directory):
        yield Problem((*place, "target"), f"{replication.target} {words}")
    if not replication.retain_source and _is_view(replication.source, config, directory):
        yield Problem((*place, "retain_source"), f"{replication.source} {words}: nothing is deleted there")


def _is_view(text: str, config: Config, directory: Path) -> bool:
    try:
        location = parse_location(text, config.stores, directory=directory)
    except UsageError:
        return False  # told already
    section = config.stores[location.store] if location.kind is PlaceKind.STORE else None
    return isinstance(section, AzureSection | GcsSection) and section.versions == "all"


def _expiry(replication: ReplicationSection, place: Place, config: Config, directory: Path) -> Iterator[Problem]:
    """Who cannot let objects expire by itself, and who only after whole days: told before a run finds out."""
    seconds = replication.expire_after
    if seconds is None:
        return
    try:
        target = parse_location(replication.target, config.stores, directory=directory)
    except UsageError:
        return  # told already
    kind = _type_of(target, config)
    if kind in ("gcs", "azure", "file"):
        words = f"{replication.target} cannot let objects expire by itself, only S3 and Swift can: drop expire_after"
        yield Problem((*place, "expire_after"), words)
    elif kind == "s3" and seconds % _DAY_SECONDS:
        yield Problem((*place, "expire_after"), "S3 lets objects expire after whole days: write 1d, 30d, 52w")


def _type_of(location: Location, config: Config) -> str:
    """The type of the store that a location leads to, whether the configuration names it or a URL does."""
    if location.kind is PlaceKind.STORE:
        return config.stores[location.store].type
    return "file" if location.kind is PlaceKind.PATH else _TYPES_OF_SCHEMES[location.store]


def _contradictions(replication: ReplicationSection, place: Place) -> Iterator[Problem]:
    try:
        refuse_contradictions(replication.policy())
    except UsageError as error:
        yield Problem(place, str(error))


def _patterns(replication: ReplicationSection, place: Place) -> Iterator[Problem]:
    for index, section in enumerate(replication.filters):
        try:
            compile_pattern(section.rule().pattern)
        except UsageError as error:
            yield Problem((*place, "filters", index), str(error))
