"""Which store serves a request at the gateway, and which rule says so: names in, a decision out.

| asked first | what it names |
|---|---|
| blocks | whose requests are refused for now |
| routes of a bucket | those set at run time, then those of the configuration; of each a user's own before everybody's |
| routes of all buckets | the same order; in the configuration they are the user's `store` and the gateway's |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

READS = frozenset(("GET", "HEAD", "OPTIONS"))
"""The methods that change nothing. Whatever else a client sends counts as a write."""


@dataclass(frozen=True, slots=True)
class BucketRoute:
    """A bucket (None: every bucket that has no route of its own), for one user or for everybody, and its store."""

    bucket: str | None
    store: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Requests that are refused for now: those of a user, for a bucket, or both; None stands for any.

    `code` is the S3 error; clients try again on `ServiceUnavailable`, so that it suits a pause.
    """

    bucket: str | None = None
    user: str | None = None
    writes_only: bool = False
    code: str = "ServiceUnavailable"


@dataclass(frozen=True, slots=True)
class Rules:
    """All that decides. `set_routes` and `set_blocks` were set at run time, the rest is the configuration's."""

    store: str | None = None
    user_stores: Mapping[str, str] = field(default_factory=dict)
    routes: tuple[BucketRoute, ...] = ()
    blocks: tuple[Block, ...] = ()
    set_routes: tuple[BucketRoute, ...] = ()
    set_blocks: tuple[Block, ...] = ()


class Rule(NamedTuple):
    """The route that decided, and whether it was set at run time."""

    route: BucketRoute
    is_set: bool


class Decision(NamedTuple):
    """What becomes of a request: the block that refuses it, else the rule whose store serves it, else neither."""

    block: Block | None
    rule: Rule | None

    @property
    def store(self) -> str | None:
        """The store that the request goes to."""
        return self.rule.route.store if self.rule is not None and self.block is None else None


class RouteTable:
    """Rules, made ready for questions. It never changes."""

    def __init__(self, rules: Rules) -> None:
        users = (BucketRoute(None, store, user) for user, store in rules.user_stores.items())
        everybody = () if rules.store is None else (BucketRoute(None, rules.store),)
        configured = [*rules.routes, *users, *everybody]
        self._blocks = (*rules.set_blocks, *rules.blocks)
        self._layers = [layer for layer in (_by_place(rules.set_routes, True), _by_place(configured, False)) if layer]

    def decide(self, user: str | None, bucket: str | None, *, changes: bool) -> Decision:
        """What becomes of a request of a user, None for nobody in particular, for a bucket, None for none of them."""
        block = self.block_of(user, bucket, changes=changes) if self._blocks else None
        return Decision(block, self.rule_of(user, bucket))

    def rule_of(self, user: str | None, bucket: str | None) -> Rule | None:
        """The rule that names the store of a bucket, blocked or not; of None the one for all buckets."""
        for place in (bucket, None) if bucket is not None else (None,):
            for layer in self._layers:
                rule = layer.get((user, place)) or layer.get((None, place))
                if rule is not None:
                    return rule
        return None

    def block_of(self, user: str | None, bucket: str | None, *, changes: bool) -> Block | None:
        """The block that refuses such a request. One that names a bucket refuses no request without one."""
        for block in self._blocks:
            if block.bucket in (None, bucket) and block.user in (None, user) and (changes or not block.writes_only):
                return block
        return None

    def stores_of(self, user: str | None) -> list[str]:
        """Every store that serves the user some bucket, that of all other buckets first."""
        rules = [self.rule_of(user, None)]
        rules += [
            rule
            for layer in self._layers
            for (who, bucket), rule in layer.items()
            if bucket is not None and who in (None, user)
        ]
        return list(dict.fromkeys(rule.route.store for rule in rules if rule is not None))

    def stores(self) -> set[str]:
        """Every store that any rule names."""
        return {rule.route.store for layer in self._layers for rule in layer.values()}


def _by_place(routes: Iterable[BucketRoute], is_set: bool) -> dict[tuple[str | None, str | None], Rule]:
    return {(route.user, route.bucket): Rule(route, is_set) for route in routes}
