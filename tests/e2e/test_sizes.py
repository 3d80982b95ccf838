"""Sizes around the part size, and uploads that others cut: the ETag comes out equal, or the proof says why not."""

from __future__ import annotations

import pytest

from brigade.testing.available import available
from brigade.testing.bodies import pattern

pytestmark = pytest.mark.server

FULL = [name for name in ("seaweed", "ceph") if name in available()]
MEBIBYTE = 1024 * 1024
PART = 8 * MEBIBYTE
SIZES = {"0": 0, "1": 1, "part-1": PART - 1, "part": PART, "part+1": PART + 1, "3-parts+1": 3 * PART + 1}
CUTS = {5: 2, 7: 2, 8: 1, 16: 1}


def parts_of(body, part_mebibytes):
    step = part_mebibytes * MEBIBYTE
    return [body[first : first + step] for first in range(0, len(body), step)]


@pytest.fixture(scope="module")
def sources(running):
    """All sizes and cuts, uploaded once to each server."""
    from brigade.testing.buckets import Bucket

    made = {}

    def give(server):
        if server not in made:
            at = running(server)
            bucket = made[server] = Bucket(at.endpoint, at.make_bucket("sizes"))
            for name, size in SIZES.items():
                bucket.put(name, pattern(size))
            for mebibytes, whole in CUTS.items():
                bucket.put_parts(f"cut-{mebibytes}", parts_of(pattern(whole * mebibytes * MEBIBYTE + 1), mebibytes))
            # No two parts alike, and one part alone.
            bucket.put_parts("uneven", [pattern(6 * MEBIBYTE), pattern(5 * MEBIBYTE), b"end"])
            bucket.put_parts("one-part", [b"alone"])
        return made[server]

    return give


@pytest.mark.parametrize("target_server", FULL)
@pytest.mark.parametrize("source_server", FULL)
async def test_sizes_and_foreign_cuts_keep_their_etags_or_say_how_they_were_proven(
    brigade, place, sources, source_server, target_server
):
    source, target = sources(source_server), place(target_server)
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    ran = await brigade.sync(a, b)
    wanted, got = source.etags(), target.etags()
    others = {key for key in wanted if wanted[key] != got[key]}
    # Ceph does not tell the sizes of parts: uneven ones cannot be guessed, and three of 7 MiB look like three of 5.
    assert others <= ({"uneven", "cut-7"} if source_server == "ceph" else set())
    assert all(ran.report[key]["proof"] == "etag" for key in wanted.keys() - others), ran.report
    assert all(ran.report[key]["proof"] in ("md5", "checksum", "read-back") for key in others), ran.report
    assert target.get("3-parts+1") == pattern(SIZES["3-parts+1"])
    assert target.get("uneven") == source.get("uneven")
    assert ran.json["unprovable"] == 0
    assert (await brigade.sync(a, b)).json["copied"] == 0


async def test_etags_survive_the_way_through_a_directory(brigade, sources, place, tmp_path):
    source, back = sources("seaweed"), place("seaweed")
    a, b = brigade.reach("a", source), brigade.reach("b", back)
    await brigade.sync(a, "down")
    assert (tmp_path / "down" / "cut-7").read_bytes() == source.get("cut-7")
    await brigade.sync("down", b)
    assert back.etags() == source.etags()
