"""What every use case of an operator takes: the state, the configuration, and who is asking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from brigade.clock import Clock
from brigade.control.sealing import Sealer
from brigade.control.status import Known
from brigade.state.control_rows import Document, DocumentKind
from brigade.state.state import State

if TYPE_CHECKING:
    from brigade.control.routing import Known as Routed
    from brigade.control.steering import Effects
    from brigade.control.store_fields import StoreField
    from brigade.control.work import Work
    from brigade.stores.base import Store


class Plans(Protocol):
    """The configuration, as far as use cases need it; wiring knows how the file and the documents become one."""

    def of_file(self, kind: DocumentKind) -> Mapping[str, Mapping[str, Any]]:
        """What the file says of a kind, by name. Secrets are in it."""

    def problems(self, documents: Sequence[Document]) -> Mapping[tuple[DocumentKind, str], str]:
        """What of the documents, sealed, does not fit into the file, and why."""

    def store_fields(self) -> Mapping[str, Sequence[StoreField]]:
        """The types of stores, and what can be said of each."""

    def sealer(self) -> Sealer:
        """Raises `ConfigError` without a key."""

    def known(self, documents: Sequence[Document]) -> list[Known]:
        """Each replication with its identity, those of the file first."""

    def work(self, name: str, settings: Mapping[str, Any], documents: Sequence[Document]) -> Work:
        """A replication made ready, as the settings say. Raises `ConfigError` where they make no sense."""

    def routing(self, documents: Sequence[Document]) -> Routed | None:
        """What the gateways may route and how the configuration routes it; None where there is no gateway."""

    def route_effects(self, documents: Sequence[Document], bucket: str | None, store: str) -> Effects:
        """What it means for replications if a bucket (None: every one) goes to a store."""

    def store(self, location: str, documents: Sequence[Document]) -> Store | None:
        """The store behind a location of the configuration; None for one that has buckets and is given none.

        Raises `UsageError` for what is no such location. The caller closes it.
        """

    async def buckets(self, location: str, documents: Sequence[Document]) -> list[str]:
        """The buckets of a store. Raises what the store raises."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody's seat. `actor` is who sits there, as the audit will name him."""

    state: State
    clock: Clock
    plans: Plans
    actor: str

    async def record(self, action: str, subject: str, detail: Mapping[str, object] | None = None) -> None:
        """Put on record what was done."""
        await self.state.control.audit.add(self.actor, action, subject, detail)
