"""What the pages must reach: the overview of a large installation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from bench import tools
from bench.contest import Contest, Turn
from bench.ground import Ground
from bench.measure import Command, Measured
from bench.sizes import Sizes
from brigade.testing.processes import free_port

_REPLICATIONS = 500


@contextmanager
def overview(ground: Ground, sizes: Sizes) -> Iterator[Contest]:
    """The page that is looked at most, over HTTP."""
    yield Contest(
        "overview",
        f"the overview of {_REPLICATIONS} replications with {sizes.overview_failures:,} failures",
        "look",
        sizes.overview_looks,
        1,
        {"brigade": partial(_overview, ground, sizes)},
        _no_judge,
    )


def _overview(ground: Ground, sizes: Sizes, turn: Turn) -> Command:
    port = free_port()
    keys = {"access_key": "a", "secret_key": "b"}
    values = {
        "stores": {name: {"type": "s3", "endpoint": f"http://{name}.invalid", **keys} for name in ("here", "there")},
        "replications": {
            f"team-{number:04}": {"source": f"here:bucket-{number}", "target": f"there:bucket-{number}"}
            for number in range(_REPLICATIONS)
        },
        "api": {"listen": f"127.0.0.1:{port}"},
    }
    config = turn.directory / "overview.yaml"
    config.write_text(json.dumps(values))
    state = ground.durable_directory / f"{turn.bucket}.db"
    program = tools.brigade("run", "api", "--config", str(config), "--state", str(state))
    return tools.driver(
        "bench.overview",
        program=tools.as_task(program),
        config=str(config),
        state=f"sqlite:///{state}",
        url=f"http://127.0.0.1:{port}/",
        failures=sizes.overview_failures,
        looks=sizes.overview_looks,
        server_pids=ground.server_pids,
    )


def _no_judge(_: str, __: Turn, ___: Measured) -> str:
    """The driver looks at each page."""
    return ""
