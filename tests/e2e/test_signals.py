"""Being stopped: a run ends at once, says so, and the next one goes on."""

from __future__ import annotations

import signal

import pytest

from brigade.testing.bodies import pattern

pytestmark = pytest.mark.server


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_a_stopped_run_ends_cleanly_and_the_next_one_finishes(brigade, place, proxied, how):
    source, target = place("seaweed"), place("seaweed")
    objects = {f"{number:03}": pattern(50_000) for number in range(40)}
    for key, body in objects.items():
        source.put(key, body)
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    process = await brigade.start("sync", a, b, "--transfers", "1", "--bandwidth", "200kB/s")
    await brigade.reached(process, target.keys)
    process.send_signal(how)
    ran = await brigade.ended(process, seconds=10)
    assert ran.code == 130
    assert "brigade: error: interrupted; the next run goes on from here" in ran.err
    done = len(target.keys())
    assert 0 < done < len(objects)
    second = await brigade.sync(a, b)
    assert second.json["copied"] == len(objects) - done
    assert target.contents() == objects
    assert target.uploads() == []
