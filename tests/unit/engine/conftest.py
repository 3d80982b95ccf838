from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from brigade.testing.clock import HurryingClock
from brigade.testing.workbench import Workbench


@pytest.fixture
async def bench(tmp_path):
    async with Workbench(tmp_path) as bench:
        yield bench


@pytest.fixture
async def follow_bench(tmp_path):
    async with Workbench(tmp_path, clock=HurryingClock()) as bench:
        yield bench


@pytest.fixture
async def build(tmp_path):
    """Workbenches with stores of other abilities, each with a state of its own."""
    async with AsyncExitStack() as stack:

        async def make(**options):
            directory = tmp_path / str(len(list(tmp_path.iterdir())))
            directory.mkdir()
            return await stack.enter_async_context(Workbench(directory, **options))

        yield make
