"""Which replications hear of the changes of a store: those of single buckets, and wildcards of the whole store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from brigade.changes.base import Subscription
from brigade.config.replications import LiveMode
from brigade.control.arrivals import Arrivals
from brigade.locations import ALL_BUCKETS, Place, PlaceKind
from brigade.replications import DeleteMode
from brigade.wiring.routes import is_wild, sections
from brigade.wiring.scene import Scene
from brigade.wiring.wild import StoreWildcard


@dataclass(slots=True)
class Heard:
    """Who hears of one store. `wildcards` are numbers, `arrivals` welcomes the buckets of wildcards."""

    subscriptions: list[Subscription] = field(default_factory=list)
    wildcards: list[int] = field(default_factory=list)
    arrivals: Arrivals | None = None
    deletes: bool = False


async def heard_of(scene: Scene, numbers: Mapping[str, int], mode: LiveMode) -> dict[str, Heard]:
    """Whom to tell of each store's changes that are noticed in this way. Raises `StateError`."""
    found: dict[str, Heard] = {}
    wild: dict[str, list[StoreWildcard]] = {}
    for name, section in sections(scene.wiring):
        if mode not in section.live:
            continue
        place = scene.wiring.place(section.source)
        heard = found.setdefault(place.store, Heard())
        heard.deletes |= section.delete is not DeleteMode.NO
        if is_wild(scene.wiring, section):
            heard.wildcards.append(numbers[name])
            wild.setdefault(place.store, []).append(StoreWildcard(scene.wiring, name, section))
        else:
            at = place.in_bucket()
            heard.subscriptions.append(Subscription(numbers[name], at.bucket, at.prefix))
    for store, wildcards in wild.items():
        await _welcome(scene, store, found[store], wildcards)
    return found


async def _welcome(scene: Scene, store: str, heard: Heard, wildcards: Sequence[StoreWildcard]) -> None:
    """Have buckets to come welcomed. Those that others have subscribed already are no news, so they come in now."""
    whole = Place(f"{store}:{ALL_BUCKETS}", PlaceKind.STORE, store, ALL_BUCKETS)
    heard.arrivals = Arrivals(
        wildcards,
        scene.state.replications,
        lambda bucket: scene.wiring.has_bucket(whole.of_bucket(bucket)),
        scene.clock,
    )
    for bucket in sorted({one.bucket for one in heard.subscriptions}):
        heard.subscriptions += await heard.arrivals.arrived(bucket)
