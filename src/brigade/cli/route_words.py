"""Routes, blocks and what they decide, in words. The values are those of the API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import typer

from brigade.cli.text import one_line, second

_EVERY = "*"
_SET = "set at run time"
_CONFIGURED = "of the configuration"


def told(words: str, *, done: bool = True, as_json: bool) -> int:
    """Say how a change went; the exit code."""
    typer.echo(json.dumps({"done": done}) if as_json else words)
    return 0 if done else 1


def whose_words(bucket: str | None, user: str | None) -> str:
    """`photos of ann`, `every bucket`."""
    words = "every bucket" if bucket in (None, _EVERY) else one_line(str(bucket))
    return words if user is None else f"{words} of {one_line(user)}"


def entry_line(entry: Mapping[str, Any]) -> str:
    """One route or block."""
    whose = whose_words(entry["bucket"], entry["user"])
    if entry["kind"] == "route":
        what = f"route  {whose}: goes to {entry['store']}"
    else:
        what = f"block  {whose}: {'writes are' if entry['writes_only'] else 'is'} blocked"
    since = _CONFIGURED if entry["set_at"] is None else f"{_SET}, {second(entry['set_at'])}"
    note = entry.get("note")
    return f"{what}  ({since}{f'; {one_line(note)}' if note else ''})"


def decision_words(answer: Mapping[str, Any]) -> str:
    """What becomes of a request, and by which rule."""
    block, route = answer["block"], answer["route"]
    if block is not None:
        which = whose_words(block["bucket"], block["user"])
        return f"refused with {block['code']}: {which} is blocked{' for writing' if block['writes_only'] else ''}"
    if route is None:
        return "refused with AccessDenied: no route, and no store for what has none"
    which = f"by the route of {whose_words(route['bucket'], route['user'])}, {_SET if route['set'] else _CONFIGURED}"
    if answer["store"] is None:
        return f"refused with ServiceUnavailable: there is no S3 store {route['store']!r} any more, {which}"
    return f"goes to {route['store']}, {which}"
