"""Routes, blocks and what they decide, in words and as JSON."""

from __future__ import annotations

import json

import typer

from brigade.cli.text import one_line, utc
from brigade.control.routing import Answer, Entry, Whose
from brigade.decide.routing import Block, BucketRoute

_SET = "set at run time"
_CONFIGURED = "of the configuration"


def told(words: str, *, done: bool = True, as_json: bool) -> int:
    """Say how a change went; the exit code."""
    typer.echo(json.dumps({"done": done}) if as_json else words)
    return 0 if done else 1


def whose_words(whose: Whose) -> str:
    """`photos of ann`, `every bucket`."""
    bucket = "every bucket" if whose.bucket is None else one_line(whose.bucket)
    return bucket if whose.user is None else f"{bucket} of {one_line(whose.user)}"


def entry_line(entry: Entry) -> str:
    """One route or block."""
    if entry.store is not None:
        what = f"route  {whose_words(entry.whose)}: goes to {entry.store}"
    else:
        what = f"block  {whose_words(entry.whose)}: {'writes are' if entry.writes_only else 'is'} blocked"
    since = _CONFIGURED if entry.set_ns is None else f"{_SET}, {utc(entry.set_ns)}"
    return f"{what}  ({since}{f'; {one_line(entry.note)}' if entry.note else ''})"


def entry_values(entry: Entry) -> dict[str, object]:
    """The same for programs; null stands for every bucket and every user."""
    what: dict[str, object] = {"kind": "block", "writes_only": entry.writes_only, "note": entry.note}
    if entry.store is not None:
        what = {"kind": "route", "store": entry.store}
    set_at = None if entry.set_ns is None else utc(entry.set_ns)
    return {**what, "bucket": entry.whose.bucket, "user": entry.whose.user, "set_at": set_at}


def decision_words(answer: Answer) -> str:
    """What becomes of a request, and by which rule."""
    block, rule = answer.decision
    if block is not None:
        which = whose_words(Whose(block.user, block.bucket))
        return f"refused with {block.code}: {which} is blocked{' for writing' if block.writes_only else ''}"
    if rule is None:
        return "refused with AccessDenied: no route, and no store for what has none"
    which = f"by the route of {whose_words(Whose(rule.route.user, rule.route.bucket))}, {_SET if rule.is_set else _CONFIGURED}"
    if not answer.is_served:
        return f"refused with ServiceUnavailable: there is no S3 store {rule.route.store!r} any more, {which}"
    return f"goes to {rule.route.store}, {which}"


def decision_values(answer: Answer) -> dict[str, object]:
    """The same for programs."""
    block, rule = answer.decision
    return {
        "store": answer.decision.store if answer.is_served else None,
        "route": rule and {**_route_values(rule.route), "set": rule.is_set},
        "block": block and _block_values(block),
    }


def _route_values(route: BucketRoute) -> dict[str, object]:
    return {"bucket": route.bucket, "user": route.user, "store": route.store}


def _block_values(block: Block) -> dict[str, object]:
    return {"bucket": block.bucket, "user": block.user, "writes_only": block.writes_only, "code": block.code}
