"""Stores in the memory of this process."""

from __future__ import annotations

from dataclasses import dataclass

from brigade.clock import Clock
from brigade.stores.base import Store
from brigade.stores.memory import MemoryStore
from brigade.wiring.kinds import Setting

# They live as long as the process, so that the verbs of one process see the same objects.
_memory: dict[tuple[str, str], MemoryStore] = {}


@dataclass(frozen=True, slots=True)
class MemoryKind:
    """See `brigade.wiring.kinds.Kind`."""

    setting: Setting

    @property
    def endpoint(self) -> str:
        return f"store:{self.setting.name}"

    def bucket(self, bucket: str, connections: int) -> Store:  # noqa: ARG002 (it has no connections)
        return memory_store(self.setting.name, bucket, self.setting.clock)

    async def buckets(self) -> list[str]:
        """Those that were used so far."""
        return sorted(bucket for store, bucket in _memory if store == self.setting.name)

    async def has_bucket(self, bucket: str) -> bool:
        return (self.setting.name, bucket) in _memory


def memory_store(name: str, bucket: str, clock: Clock) -> Store:
    """The one bucket of that name."""
    if (name, bucket) not in _memory:
        _memory[name, bucket] = MemoryStore(name, bucket, clock=clock)
    return _memory[name, bucket]


def empty_store(name: str, clock: Clock) -> Store:
    """Nothing at all: what a plan is made against where the target is still to be made."""
    return MemoryStore(name, "", clock=clock)
