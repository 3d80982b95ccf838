"""The configuration as the use cases of operators see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from brigade.config.describing import store_fields
from brigade.config.load import Loaded
from brigade.control.desk import Desk
from brigade.control.routing import Known as Routed
from brigade.control.sealing import Sealer
from brigade.control.status import Known
from brigade.control.steering import Effects
from brigade.control.store_fields import StoreField
from brigade.control.work import Work
from brigade.errors import ConfigError, UsageError
from brigade.locations import Place, PlaceKind
from brigade.state.control_rows import Document, DocumentKind
from brigade.state.state import State
from brigade.stores.base import Store
from brigade.wiring.known import configured, gateway_known, left_unheard, written_by_replications
from brigade.wiring.merging import Merged, merge, sealer_of, section_of
from brigade.wiring.routes import sections, work_of
from brigade.wiring.wiring import Wiring


class ConfiguredPlans:
    """See `brigade.control.desk.Plans`."""

    def __init__(self, wiring: Wiring, file: Loaded) -> None:
        self._wiring = wiring
        self._file = file
        # A page asks several times for the same, and asks again every few seconds.
        self._latest: tuple[list[Document], Merged] | None = None
        self._known: tuple[Merged, list[Known]] | None = None

    def of_file(self, kind: DocumentKind) -> Mapping[str, Mapping[str, Any]]:
        return section_of(self._file.values, kind)

    def problems(self, documents: Sequence[Document]) -> Mapping[tuple[DocumentKind, str], str]:
        return self._merge(documents).problems

    def store_fields(self) -> Mapping[str, Sequence[StoreField]]:
        return store_fields()

    def sealer(self) -> Sealer:
        return sealer_of(self._file)

    def known(self, documents: Sequence[Document]) -> list[Known]:
        merged = self._merge(documents)
        if self._known is None or self._known[0] is not merged:
            self._known = merged, configured(self._wiring.renewed(merged.loaded)) or []
        return self._known[1]

    def work(self, name: str, settings: Mapping[str, Any], documents: Sequence[Document]) -> Work:
        candidate = Document(DocumentKind.REPLICATION, name, settings, 1, 0, "")
        merged = merge(self._wiring, self._file, [*documents, candidate])
        if (words := merged.problems.get((candidate.kind, name))) is not None:
            raise ConfigError(words)
        wiring = self._wiring.renewed(merged.loaded)
        return work_of(wiring, name, dict(sections(wiring))[name])

    def routing(self, documents: Sequence[Document]) -> Routed | None:
        wiring = self._merged(documents)
        assert wiring.loaded is not None
        return gateway_known(wiring) if wiring.loaded.config.gateway is not None else None

    def route_effects(self, documents: Sequence[Document], bucket: str | None, store: str) -> Effects:
        wiring = self._merged(documents)
        return Effects(written_by_replications(wiring, bucket, store), left_unheard(wiring, bucket, store))

    def store(self, location: str, documents: Sequence[Document]) -> Store | None:
        wiring, place = self._placed(location, documents)
        return wiring.store(place) if place.rest or wiring.is_directory(place) else None

    async def buckets(self, location: str, documents: Sequence[Document]) -> list[str]:
        wiring, place = self._placed(location, documents)
        return await wiring.buckets(place)

    def _placed(self, location: str, documents: Sequence[Document]) -> tuple[Wiring, Place]:
        wiring = self._merged(documents)
        place = wiring.place(location, directory=self._file.directory)
        if place.kind is not PlaceKind.STORE or place.is_wildcard:
            raise UsageError(f"{location!r} is in no store of the configuration", hint="write store:bucket")
        return wiring, place

    def _merged(self, documents: Sequence[Document]) -> Wiring:
        return self._wiring.renewed(self._merge(documents).loaded)

    def _merge(self, documents: Sequence[Document]) -> Merged:
        if self._latest is None or self._latest[0] != documents:
            self._latest = list(documents), merge(self._wiring, self._file, documents)
        return self._latest[1]


def desk(wiring: Wiring, state: State, actor: str) -> Desk:
    """The seat of somebody at the machine itself."""
    assert wiring.loaded is not None
    return Desk(state, wiring.clock, ConfiguredPlans(wiring, wiring.loaded), actor)
