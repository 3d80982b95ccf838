"""The contract over a directory."""

from __future__ import annotations

import pytest

from brigade.clock import SystemClock
from brigade.stores.file.settings import FileSettings
from brigade.stores.file.store import FileStore
from brigade.testing.conformance import *  # noqa: F403


@pytest.fixture
async def store(tmp_path):
    (tmp_path / "root").mkdir()
    store = FileStore("disk", FileSettings(root=str(tmp_path / "root")), clock=SystemClock())
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def missing_store(tmp_path):
    store = FileStore("disk", FileSettings(root=str(tmp_path / "missing")), clock=SystemClock())
    yield store
    await store.close()
