"""How much each workload moves: the sizes of a full run, of a quick one, and of the test that shows it runs."""

from __future__ import annotations

from dataclasses import dataclass

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
    timeout_seconds: float
    calm_seconds: float


FULL = Sizes("full", 5, 10_000, 4096, 20, 64 * MEBIBYTE, 8 * MEBIBYTE, 100_000, 64, 10_000, 1_000_000, 9, 300, 0.5)
QUICK = Sizes("quick", 3, 2_000, 4096, 6, 64 * MEBIBYTE, 8 * MEBIBYTE, 10_000, 64, 10_000, 100_000, 5, 120, 0.5)
# What the test of the harness runs: it proves that every step works, and its figures mean nothing.
SMOKE = Sizes("smoke", 1, 30, 4096, 1, 11 * MEBIBYTE, 5 * MEBIBYTE, 60, 64, 1_000, 3_000, 1, 30, 0.0)

SIZES = {sizes.name: sizes for sizes in (FULL, QUICK, SMOKE)}
