"""How often somebody may ask: one bucket for each token, and for each address that has shown none."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple, TypeVar

from starlette.types import Scope

from brigade.clock import Clock

K = TypeVar("K")
V = TypeVar("V")

MOST_CLIENTS = 4096
_HOLDER = "brigade.token"


class Rate(NamedTuple):
    """So many requests a second in the long run, and so many at once after a pause."""

    per_second: float
    burst: int


class _Bucket(NamedTuple):
    """What is left, as of when."""

    left: float
    at_seconds: float


class Rates:
    """Counts the requests of each client. Only the latest clients are remembered, so that many cost no memory.

    Whoever shows something is counted by it only once it has proven to be a token: else each guess would be a client of
    its own. Until then, and without any, the address counts.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._proven: OrderedDict[bytes, str] = OrderedDict()

    def is_known(self, shown: bytes | None) -> bool:
        """Whether it has proven to be a token."""
        return shown in self._proven

    def client(self, scope: Scope, shown: bytes | None) -> str:
        """Whose request it is."""
        return self._proven.get(shown or b"") or _address(scope)

    def wait_seconds(self, client: str, rate: Rate) -> float:
        """0 and the request is counted; else how long the client has to wait."""
        now_seconds = self._clock.monotonic_seconds()
        before = self._buckets.get(client, _Bucket(rate.burst, now_seconds))
        left = min(rate.burst, before.left + (now_seconds - before.at_seconds) * rate.per_second)
        taken = 1 if left >= 1 else 0
        _remember(self._buckets, client, _Bucket(left - taken, now_seconds))
        return 0 if taken else (1 - left) / rate.per_second

    def note(self, shown: bytes, token_id: str) -> None:
        """What was shown has proven to be this token."""
        _remember(self._proven, shown, f"token {token_id}")


def shown_in(scope: Scope) -> bytes | None:
    """A digest of what a request shows to say who asks; None if it shows nothing."""
    told = [value for name, value in scope["headers"] if name in (b"authorization", b"cookie")]
    return hashlib.sha256(b"\n".join(told)).digest() if told else None


def begin_identifying(scope: Scope) -> list[str]:
    """Where `identified` will put the token that the request proves to have."""
    holder: list[str] = []
    scope[_HOLDER] = holder
    return holder


def identified(scope: Scope, token_id: str) -> None:
    """Tell whoever counts requests which token this one has shown."""
    holder = scope.get(_HOLDER)
    if isinstance(holder, list):
        holder.append(token_id)


def _remember(table: OrderedDict[K, V], key: K, value: V) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > MOST_CLIENTS:
        table.popitem(last=False)


def _address(scope: Scope) -> str:
    """Somebody with one address of IPv6 has a whole network of them."""
    host: str = (scope.get("client") or ("",))[0]
    if ":" not in host:
        return host
    try:
        return IPv6Address(host.partition("%")[0]).packed[:8].hex()
    except AddressValueError:
        return host
