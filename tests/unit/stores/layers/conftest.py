from __future__ import annotations

import pytest

from brigade.stores.memory import MemoryStore
from brigade.telemetry import Telemetry
from brigade.testing.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def telemetry():
    return Telemetry()


@pytest.fixture
def inner(clock):
    return MemoryStore("mem", "bucket", clock=clock)
