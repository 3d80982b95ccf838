"""Waiting for a replication: asked again and again, for scripts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import typer

from brigade.cli.asking import tell
from brigade.cli.client import Client, segment
from brigade.cli.text import one_line
from brigade.clock import Clock, SystemClock
from brigade.errors import UsageError

_LOOK_SECONDS = 1.0
_KINDS = {"reconcile": "sync", "verify": "verify"}


async def wait_for(
    client: Client,
    name: str,
    seconds: float | None,
    *,
    in_step: bool,
    as_json: bool = False,
    clock: Clock | None = None,
) -> bool:
    """Return when nothing of it goes on or is asked for, or is out of step. False if that took too long."""
    clock = clock or SystemClock()
    until_seconds = None if seconds is None else clock.monotonic_seconds() + seconds
    while True:
        found = (await client.ask("GET", f"/replications/{segment(name)}")).value
        words = _unrest(found, in_step=in_step) or await _still_asked(client, name, found)
        if not words:
            tell(found, f"{one_line(name)}: {_standings(found)}", as_json=as_json)
            return True
        left_seconds = None if until_seconds is None else until_seconds - clock.monotonic_seconds()
        if left_seconds is not None and left_seconds <= 0:
            typer.echo(f"{one_line(name)}: {words}", err=True)
            return False
        await clock.sleep(_LOOK_SECONDS if left_seconds is None else min(_LOOK_SECONDS, left_seconds))


def _unrest(found: Mapping[str, Any], *, in_step: bool) -> str:
    """What there is to wait for."""
    if found["problem"]:
        return f"not in force: {one_line(found['problem'])}"
    standings = {each["standing"] for each in found["status"]}
    waited_for = standings - {"in step"} if in_step else standings & {"running"}
    return _standings(found) if waited_for else ""


async def _still_asked(client: Client, name: str, found: Mapping[str, Any]) -> str:
    """Which run was asked for and has not begun, or has not come to every bucket yet."""
    order, is_plain = found["order"], ":*" not in str(found["settings"].get("source"))
    for ask, kind in _KINDS.items():
        asked, answered = _moment(order[f"{ask}_asked"]), _moment(order[f"{ask}_answered"])
        if asked is None or (answered is not None and answered >= asked):
            continue
        # Of a whole store only those who go through its buckets know when they are through.
        newest = await _newest(client, name, kind) if is_plain else None
        if newest is None or newest < asked:
            begun = "begun" if is_plain else "come to every bucket"
            return f"a {kind} is asked for and has not {begun}"
    return ""


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


async def _newest(client: Client, name: str, kind: str) -> datetime | None:
    """When the newest run of a kind began; None before the first."""
    query = {"replication": name, "kind": kind, "limit": "1"}
    try:
        found = (await client.ask("GET", "/runs", query=query)).value["items"]
    except UsageError:
        # It is set up, and the state knows nothing of it yet.
        return None
    return datetime.fromisoformat(found[0]["started"]) if found else None


def _standings(found: Mapping[str, Any]) -> str:
    return ", ".join(sorted({each["standing"] for each in found["status"]}))
