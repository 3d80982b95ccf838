"""Helper processes of a run: what they are told at their start, and how they are started."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from brigade.engine.frames import encode
from brigade.engine.pipes import Pipes, Spawn
from brigade.locations import Place
from brigade.replications import Policy

# More than this in one run and the listing, which is one process's work, is what everybody waits for.
_MOST_PROCESSES = 8


@dataclass(frozen=True, slots=True)
class Options:
    """How a replication runs, besides its policy. A directory is always made, a bucket only with `make_target`.

    What has the same `rate_of` shares its bandwidth: the buckets of a wildcard.
    """

    transfers: int | None = None
    bandwidth: int | None = None
    make_target: bool = False
    processes: int | None = None
    rate_of: str = ""


@dataclass(frozen=True, slots=True)
class Errand:
    """Which two places, under which policy."""

    source: Place
    target: Place
    policy: Policy
    options: Options


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a helper needs to build the same stores as the run that starts it.

    Secrets are not in it: the helper reads the same configuration and has the same environment.
    """

    directory: str
    config: Path | None
    state_url: str
    replication_id: int
    followed: bool
    errand: Errand


def default_processes() -> int:
    """Half of the cores: a store on the same machine, the kernel and the hashing want the others."""
    return max(1, min(_MOST_PROCESSES, len(os.sched_getaffinity(0)) // 2))


def spawner(recipe: Recipe) -> Spawn:
    """Starts a helper for this recipe each time it is called."""

    async def spawn() -> Pipes:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "brigade.supervisor",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        process.stdin.write(encode(recipe))
        return process

    return spawn
