"""Builds the stack of layers around a store, in the one order that is right.

From the outside in, and why the next one could not stand before it:

1. `readonly`: refuses before anything is spent on a write.
2. `prefix`: a view for one location; all below is shared by every location of the store.
3. `retry`: each attempt passes all layers below. Were it inside the limits, a call would keep its place while it
   pauses; were it inside the timeout, the pauses would use up the call's time.
4. `limit`: waits for a place and for tokens. Were it inside the timeout, a long queue would look like a dead store.
   It hears `Throttled` before `retry` does, so the next attempt already meets the lower limit.
5. `observe`: counts each attempt, as the store's bill does, with the outcome that the timeout gave it. Were it
   outside of `retry`, the failed attempts would stay unseen.
6. `timeout`: bounds what the store itself does.
7. `faults`: plays the store's and the network's part, so all others must cope with it.
"""

from __future__ import annotations

from collections.abc import Callable

from brigade.clock import Clock
from brigade.decide.backoff import Backoff
from brigade.stores.base import Store
from brigade.stores.layers.fault_script import FaultScript
from brigade.stores.layers.limit import LimitedStore
from brigade.stores.layers.observe import ObservedStore
from brigade.stores.layers.prefix import PrefixedStore
from brigade.stores.layers.readonly import ReadOnlyStore
from brigade.stores.layers.retry import RetryingStore
from brigade.stores.layers.shared_limits import SharedLimits
from brigade.stores.layers.timeout import TimedStore, Timeouts
from brigade.telemetry import Telemetry


def compose(
    store: Store,
    *,
    clock: Clock,
    telemetry: Telemetry,
    limits: SharedLimits | None = None,
    backoff: Backoff | None = None,
    timeouts: Timeouts | None = None,
    moved: Callable[[int], None] | None = None,
    faults: FaultScript | None = None,
    prefix: str = "",
    read_only: bool = False,
    label: str = "",
) -> Store:
    """The store with its layers. `limits` is shared by all stores of one endpoint; None makes new ones.

    `label` is what it is counted under, its name if there is none: the buckets of one endpoint share one.
    """
    if faults is not None:
        # Loaded only where asked for: no run of a user pays for it.
        from brigade.stores.layers.faults import FaultyStore

        store = FaultyStore(store, faults, clock=clock)
    store = TimedStore(store, timeouts)
    store = ObservedStore(store, telemetry, moved, label=label)
    store = LimitedStore(store, limits or SharedLimits(clock=clock))
    store = RetryingStore(store, clock=clock, telemetry=telemetry, backoff=backoff, label=label)
    if prefix:
        store = PrefixedStore(store, prefix)
    return ReadOnlyStore(store) if read_only else store
