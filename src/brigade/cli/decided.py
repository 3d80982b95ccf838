"""Decisions about failures, and what they met, in words or as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import typer

from brigade.cli.client import Client
from brigade.cli.text import one_line, quote_key

_KEYS_AT_ONCE = 1000


class Decided(NamedTuple):
    """How many keys a decision met, by replication, and those that were named and that it did not meet."""

    counts: Mapping[str, int]
    absent: Sequence[str]


async def decide(client: Client, path: str, body: Mapping[str, Any], keys: Sequence[str]) -> Decided:
    """Have it decided, of many keys a part at a time."""
    counts: Counter[str] = Counter()
    absent: list[str] = []
    for first in range(0, len(keys) or 1, _KEYS_AT_ONCE):
        part = list(keys[first : first + _KEYS_AT_ONCE])
        met = (await client.ask("POST", path, body={**body, "keys": part})).value
        counts.update(met["replications"])
        absent += met["absent"]
    return Decided(counts, absent)


def tell_decided(decided: Decided, words: str, absent: str, *, as_json: bool) -> int:
    """Print what was decided. Exit code 1 if a key was named that it did not meet; `absent` says of it why."""
    if as_json:
        keys = sum(decided.counts.values())
        typer.echo(json.dumps({"keys": keys, "replications": decided.counts, "absent": decided.absent}))
    else:
        for name, count in decided.counts.items():
            typer.echo(f"{one_line(name)}: {count} {'key' if count == 1 else 'keys'} {words}")
        if not decided.counts:
            typer.echo(f"0 keys {words}")
        for key in decided.absent:
            typer.echo(f"note: {quote_key(key)} {absent}", err=True)
    return 1 if decided.absent else 0
