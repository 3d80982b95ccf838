"""Limits and what a person sees: bandwidth, transfers, progress; and two runs at once."""

from __future__ import annotations

import asyncio
import os
import pty
import re

import pytest

from brigade.testing.bodies import pattern

pytestmark = pytest.mark.server


@pytest.fixture
def pair(place):
    source, target = place("seaweed"), place("seaweed")
    for number in range(16):
        source.put(f"{number:02}", pattern(250_000, number))
    return source, target


async def test_bandwidth_is_a_limit(brigade, pair):
    source, target = pair
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    ran = await brigade.sync(a, b, "--bandwidth", "1MB/s")
    # 4 MB at 1 MB/s; a bucket of tokens may be full at the start.
    assert ran.json["duration_seconds"] > 2.0
    assert target.etags() == source.etags()


async def test_one_transfer_means_one_request_at_a_time(brigade, pair, proxied):
    source, target = pair
    proxy = await proxied(target)
    a, b = brigade.reach("a", source), brigade.reach("b", target, url=proxy.url)
    await brigade.sync(a, b, "--transfers", "1")
    # One after the other, in key order: never two at once.
    keys = [request.key for request in proxy.requests if request.call == "put"]
    assert keys == sorted(keys)
    assert len(keys) == 16


async def test_lines_elsewhere_and_nothing_where_json_is_asked_for(brigade, pair):
    source, target = pair
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    ran = await brigade("sync", a, b, "--bandwidth", "600kB/s")
    assert ran.code == 0
    line = ran.err.splitlines()[0]
    assert re.fullmatch(r"\d+ objects, [\d.]+ \w+ of [\d.]+ \w+, [\d.]+ \w+/s(, [\d.]+s left)?", line), ran.err
    assert "\x1b" not in ran.words
    assert re.fullmatch(r"16 copied \(3.8 MiB\), 0 skipped in [\d.]+s\nin step\n", ran.out)
    assert (await brigade("sync", a, b, "--json")).err == ""


async def test_a_bar_on_a_terminal(brigade, pair):
    source, target = pair
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    ours, theirs = pty.openpty()
    try:
        process = await brigade.start("sync", a, b, "--bandwidth", "2MB/s", stderr=theirs, env={"TERM": "xterm"})
        os.close(theirs)
        shown = asyncio.get_running_loop().run_in_executor(None, read_all, ours)
        ran = await brigade.ended(process)
        text = await shown
    finally:
        os.close(ours)
    assert ran.code == 0
    assert "━" in text
    assert re.search(r"\d+ objects, [\d.]+ \w+ of 3.8 MiB", text)
    assert "in step" in ran.out
    assert "\x1b" not in ran.out


def read_all(descriptor):
    """What a terminal shows until nobody writes to it any more."""
    pieces = []
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:
            return b"".join(pieces).decode()
        pieces.append(piece)


async def test_a_second_run_of_the_same_pair_is_refused_while_the_first_goes_on(brigade, pair):
    source, target = pair
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    first = await brigade.start("sync", a, b, "--bandwidth", "600kB/s", "--json")
    await brigade.reached(first, target.keys)
    second = await brigade("sync", a, b)
    assert second.code == 3
    assert re.search(
        "brigade: error: a sync of this replication is running since .* .wait until it has ended", second.err
    )
    assert first.returncode is None
    # To look is allowed at any time; what there is to see depends on how far the first run is.
    assert "differ" in (await brigade("diff", a, b)).out
    ran = await brigade.ended(first)
    assert (ran.code, ran.json["copied"]) == (0, 16)
    assert (await brigade.sync(a, b)).json["skipped"] == 16
