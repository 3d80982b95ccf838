"""A plain sync to and from each server that can run here, with what it cannot do told once and no harm done."""

from __future__ import annotations

import pytest

from brigade.testing.available import available
from brigade.testing.bodies import pattern

pytestmark = pytest.mark.server

OTHERS = [name for name in available() if name not in ("seaweed", "ceph")]
OBJECTS = {"a": b"1", "empty": b"", "b/c": pattern(100_000), "sp ace+%": b"3", "ü": b"4"}


@pytest.mark.parametrize("server", OTHERS)
async def test_a_plain_sync_to_and_fro(brigade, own_bucket, place, server):
    source, middle, back = place("seaweed"), own_bucket(server), place("seaweed")
    for key, body in OBJECTS.items():
        source.put(key, body, ContentType="text/plain", Metadata={"v": "1"})
    source.put_parts("parts", [pattern(5 * 1024 * 1024), b"end"], ContentType="text/plain")
    source.set_tags("a", colour="red")
    wanted = source.contents()
    a, m, c = brigade.reach("a", source), brigade.reach("m", middle), brigade.reach("c", back)
    ran = await brigade.sync(a, m)
    assert (ran.json["copied"], ran.json["failed"], ran.json["in_step"]) == (6, 0, True)
    assert ran.err.count("\n") <= 1, ran.err
    if ran.err:
        assert ran.err.startswith("note: m:")
    assert middle.contents() == wanted
    assert (await brigade.sync(a, m)).json["copied"] == 0
    await brigade.sync(m, c)
    assert back.contents() == wanted
    source.delete("a")
    await brigade.sync(a, m, "--delete", "mirror", "--max-delete", "50%")
    assert sorted(middle.keys()) == sorted(wanted.keys() - {"a"})
