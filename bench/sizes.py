"""How much each workload moves: the sizes of a full run, of a quick one, and of the test that shows it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of objects and bytes, how often each tool runs, when a run is given up, and the calm before each."""

    name: str
    rounds: int
    small_objects: int
    small_bytes: int
    large_objects: int
    large_bytes: int
    part_bytes: int
    unchanged_objects: int
    unchanged_bytes: int
    listed_few: int
    listed_many: int
    start_rounds: int
    gateway_requests: int
    lag_seconds: float
    drain_objects: int
    fleet_objects: int
    overview_failures: int
    overview_looks: int
    live_rounds: int
    cloud_objects: int
    cloud_slow_objects: int
    cloud_unchanged_objects: int
    cloud_large_objects: int
    cloud_large_bytes: int
    cloud_rounds: int
    timeout_seconds: float
    calm_seconds: float


FULL = Sizes(
    name="full",
    rounds=5,
    small_objects=10_000,
    small_bytes=4096,
    large_objects=20,
    large_bytes=64 * MEBIBYTE,
    part_bytes=8 * MEBIBYTE,
    unchanged_objects=100_000,
    unchanged_bytes=64,
    listed_few=10_000,
    listed_many=1_000_000,
    start_rounds=9,
    gateway_requests=10_000,
    lag_seconds=300,
    drain_objects=20_000,
    fleet_objects=10_000,
    overview_failures=100_000,
    overview_looks=50,
    live_rounds=3,
    cloud_objects=4_000,
    cloud_slow_objects=2_000,
    cloud_unchanged_objects=10_000,
    cloud_large_objects=2,
    cloud_large_bytes=256 * MEBIBYTE,
    cloud_rounds=2,
    timeout_seconds=600,
    calm_seconds=0.5,
)
QUICK = replace(
    FULL,
    name="quick",
    rounds=3,
    small_objects=2_000,
    large_objects=6,
    unchanged_objects=10_000,
    listed_many=100_000,
    start_rounds=5,
    gateway_requests=4_000,
    lag_seconds=20,
    drain_objects=4_000,
    fleet_objects=4_000,
    overview_failures=10_000,
    overview_looks=20,
    live_rounds=2,
    cloud_objects=500,
    cloud_slow_objects=150,
    cloud_unchanged_objects=1_000,
    cloud_large_bytes=64 * MEBIBYTE,
    cloud_rounds=2,
    timeout_seconds=120,
)
# What the test of the harness runs: it proves that every step works, and its figures mean nothing.
SMOKE = Sizes(
    name="smoke",
    rounds=1,
    small_objects=30,
    small_bytes=4096,
    large_objects=1,
    large_bytes=11 * MEBIBYTE,
    part_bytes=5 * MEBIBYTE,
    unchanged_objects=60,
    unchanged_bytes=64,
    listed_few=1_000,
    listed_many=3_000,
    start_rounds=1,
    gateway_requests=60,
    lag_seconds=1,
    drain_objects=50,
    fleet_objects=60,
    overview_failures=100,
    overview_looks=2,
    live_rounds=1,
    cloud_objects=20,
    cloud_slow_objects=10,
    cloud_unchanged_objects=20,
    cloud_large_objects=1,
    cloud_large_bytes=9 * MEBIBYTE,
    cloud_rounds=1,
    timeout_seconds=30,
    calm_seconds=0.0,
)

SIZES = {sizes.name: sizes for sizes in (FULL, QUICK, SMOKE)}
