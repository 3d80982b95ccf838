"""Waiting for a replication: asked again and again, for scripts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import typer

from brigade.cli.client import Client, segment
from brigade.cli.text import one_line
from brigade.clock import Clock, SystemClock
from brigade.errors import UsageError

_LOOK_SECONDS = 1.0
_KINDS = {"reconcile_asked": "sync", "verify_asked": "verify"}


async def wait_for(
    client: Client, name: str, seconds: float | None, *, in_step: bool, clock: Clock | None = None
) -> bool:
    """Return when nothing of it goes on or is asked for, or is out of step. False if that took too long."""
    clock = clock or SystemClock()
    until_seconds = None if seconds is None else clock.monotonic_seconds() + seconds
    while True:
        found = (await client.ask("GET", f"/replications/{segment(name)}")).value
        words = _unrest(found, in_step=in_step) or await _still_asked(client, name, found["order"])
        if not words:
            typer.echo(f"{one_line(name)}: {_standings(found)}")
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


async def _still_asked(client: Client, name: str, order: Mapping[str, Any]) -> str:
    """Which run was asked for and has not begun."""
    asked = {kind: order[field] for field, kind in _KINDS.items() if order[field] is not None}
    if not asked:
        return ""
    for kind, moment in asked.items():
        newest = await _newest(client, name, kind)
        if newest is None or newest < datetime.fromisoformat(moment):
            return f"a {kind} is asked for and has not begun"
    return ""


async def _newest(client: Client, name: str, kind: str) -> datetime | None:
    """When the newest run of a kind began, of a whole store that of any bucket; None before the first."""
    query = {"replication": name, "kind": kind, "limit": "1"}
    try:
        found = (await client.ask("GET", "/runs", query=query)).value["items"]
    except UsageError:
        # It is set up, and the state knows nothing of it yet.
        return None
    return datetime.fromisoformat(found[0]["started"]) if found else None


def _standings(found: Mapping[str, Any]) -> str:
    return ", ".join(sorted({each["standing"] for each in found["status"]}))
