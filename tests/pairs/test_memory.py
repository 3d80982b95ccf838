"""A large object passes over each pair within 200 MiB. In `make soak` a gibibyte for each pair, in every run less for one."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from brigade.objects import Attributes
from brigade.testing.bodies import pattern

SOAK = bool(os.environ.get("BRIGADE_SOAK"))
MEBIBYTE = 1024 * 1024
# In every run one pair, large enough that whatever is not bounded shows.
SIZE_BYTES = (1024 if SOAK else 250) * MEBIBYTE
MOST_BYTES = 200 * MEBIBYTE
PAIRS = None if SOAK else [("file", "gcs")]

pytestmark = [pytest.mark.server, pytest.mark.timeout(600 if SOAK else 100)]


# The high water of this program alone: what `getrusage` tells begins with the process that it was forked from.
TOLD = """
from brigade.cli.main import main
try:
    main()
finally:
    print("peak", next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


class Repeated:
    """A body of that size which is never held whole."""

    replayable = True

    def __init__(self, size_bytes):
        self.size_bytes = size_bytes
        self._piece = pattern(MEBIBYTE)

    async def chunks(self):
        for _ in range(self.size_bytes // MEBIBYTE):
            yield self._piece


async def fill(side):
    """One object of SIZE_BYTES, in parts where a store needs that."""
    await side.store.put("large", Repeated(SIZE_BYTES), attributes=Attributes(content_type="a/b"))


async def test_a_large_object_passes_within_200_mib(bench, pair):
    await fill(bench.source)
    bench.write_config()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TOLD,
        "sync", bench.source.location, bench.target.location, "--processes", "1",
        cwd=bench.directory,
        env={**os.environ, "BRIGADE_STATE": str(bench.directory / "state.db"), "HOME": str(bench.directory)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        said = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, said
    peak_bytes = int(said.rpartition("peak ")[2]) * 1024
    print(f"{pair[0]} to {pair[1]}: {peak_bytes / MEBIBYTE:.0f} MiB")
    assert peak_bytes < MOST_BYTES, f"{peak_bytes / MEBIBYTE:.0f} MiB at the most"
    assert (await bench.target.store.head("large")).size_bytes == SIZE_BYTES
    for side in (bench.source, bench.target):
        await side.store.delete(["large"])
