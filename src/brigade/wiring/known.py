"""What use cases need to know of the configuration: replications by the places they connect, who and what is routed."""

from __future__ import annotations

from brigade.config.replications import LiveMode
from brigade.control import routing
from brigade.control.status import Known
from brigade.errors import ConfigError
from brigade.locations import Place, PlaceKind
from brigade.wiring.routes import sections, work_of
from brigade.wiring.wiring import Wiring


def configured(wiring: Wiring) -> list[Known] | None:
    """Each replication of the configuration with its identity; None where there is no configuration."""
    if wiring.loaded is None:
        return None
    found = []
    for name, section in sections(wiring):
        is_wild = wiring.place(section.source, directory=wiring.loaded.directory).is_wildcard
        found.append(Known(name, None if is_wild else work_of(wiring, name, section).identity))
    return found


def gateway_known(wiring: Wiring) -> routing.Known:
    """What may be routed, and how the configuration routes it. Raises `ConfigError` where there is no gateway in it."""
    config = wiring.loaded.config if wiring.loaded is not None else None
    if config is None or config.gateway is None:
        raise ConfigError("there is no section `gateway` in the configuration: nothing could be routed")
    stores = [name for name, store in config.stores.items() if store.type == "s3"]
    return routing.Known(stores, list(config.gateway.users), config.gateway.rules())


def written_by_replications(wiring: Wiring, bucket: str | None, store: str) -> list[str]:
    """The replications that write to a bucket of a store (None: to any of it), in words."""
    return [
        f"{name} copies {section.source} there (delete: {section.delete})"
        for name, section in sections(wiring)
        if (place := _bucket_place(wiring, section.target)) and place.store == store and _holds(place, bucket)
    ]


def left_unheard(wiring: Wiring, bucket: str | None, store: str) -> list[str]:
    """The replications that hear of no write any more if the bucket goes to this store, by name."""
    return [
        name
        for name, section in sections(wiring)
        if LiveMode.GATEWAY in section.live
        and (place := _bucket_place(wiring, section.source))
        and place.store != store
        and _holds(place, bucket)
    ]


def _bucket_place(wiring: Wiring, location: str) -> Place | None:
    place = wiring.place(location, directory=wiring.loaded.directory if wiring.loaded else None)
    return place if place.kind is PlaceKind.STORE else None


def _holds(place: Place, bucket: str | None) -> bool:
    return bucket is None or place.is_wildcard or place.rest.partition("/")[0] == bucket
