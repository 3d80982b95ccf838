"""What a decision about failures met, in words or as JSON."""

from __future__ import annotations

import json

import typer

from brigade.cli.text import one_line, quote_key
from brigade.control.failures import Decided


def tell_decided(decided: Decided, words: str, absent: str, *, as_json: bool) -> int:
    """Print what was decided. Exit code 1 if a key was named that it did not meet; `absent` says of it why."""
    if as_json:
        typer.echo(json.dumps({"keys": decided.total, "replications": decided.counts, "absent": decided.absent}))
    else:
        for name, count in decided.counts.items():
            typer.echo(f"{one_line(name)}: {count} {'key' if count == 1 else 'keys'} {words}")
        if not decided.counts:
            typer.echo(f"0 keys {words}")
        for key in decided.absent:
            typer.echo(f"note: {quote_key(key)} {absent}", err=True)
    return 1 if decided.absent else 0
