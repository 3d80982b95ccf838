"""`brigade diff`: every kind of difference is found, nothing is changed, the exit code tells."""

from __future__ import annotations

import json
import os

import pytest

from brigade.testing.bodies import pattern

pytestmark = pytest.mark.server


@pytest.fixture
def pair(place):
    source, target = place("seaweed"), place("seaweed")
    for key in ("same", "other", "shorter", "typed", "tagged"):
        source.put(key, pattern(1000), ContentType="text/plain")
    source.put("missing", b"1")
    target.put("same", pattern(1000), ContentType="text/plain")
    target.put("other", pattern(1000, 2), ContentType="text/plain")
    target.put("shorter", pattern(999), ContentType="text/plain")
    target.put("typed", pattern(1000), ContentType="text/html")
    target.put("tagged", pattern(1000), ContentType="text/plain")
    target.put("extra", b"1")
    source.set_tags("tagged", a="1")
    return source, target


STATUS = {
    "other": "different",
    "shorter": "different",
    "typed": "metadata",
    "tagged": "metadata",
    "missing": "missing",
    "extra": "extra",
}


async def test_each_difference_is_told_and_nothing_is_changed(brigade, pair, proxied):
    source, target = pair
    at_source, at_target = await proxied(source), await proxied(target)
    a, b = brigade.reach("a", source, url=at_source.url), brigade.reach("b", target, url=at_target.url)
    ran = await brigade("diff", a, b, "--json")
    assert ran.code == 1
    assert {line["key"]: line["status"] for line in ran.lines} == STATUS
    assert all(list(line) == ["key", "status", "reason"] and line["reason"] for line in ran.lines)
    text = await brigade("diff", a, b)
    assert (text.code, text.out.splitlines()[-1]) == (1, "1 the same, 6 differ")
    assert "metadata  typed  differs in content-type" in text.out
    for proxy in (at_source, at_target):
        assert {request.method for request in proxy.requests} <= {"GET", "HEAD"}


async def test_after_a_sync_nothing_differs(brigade, pair):
    source, target = pair
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    await brigade.sync(a, b, "--delete", "mirror", "--max-delete", "50%")
    ran = await brigade("diff", a, b, "--json", "--attributes", "each")
    assert (ran.code, ran.out) == (0, "")


async def test_bytes_are_read_where_asked_and_a_lie_in_the_listing_is_found(brigade, place, tmp_path):
    source, down = place("seaweed"), tmp_path / "down"
    source.put("file", pattern(1000))
    source.put_parts("parts", [pattern(5 * 1024 * 1024), b"end"])
    a = brigade.reach("a", source)
    await brigade.sync(a, "down")
    assert (await brigade("diff", a, "down", "--checksum")).code == 0
    # A disk that rots changes neither size nor time.
    for name in ("file", "parts"):
        rot(down / name)
    assert (await brigade("diff", a, "down")).code == 0
    ran = await brigade("diff", a, "down", "--checksum", "--json")
    assert {line["key"]: line["status"] for line in ran.lines} == {"file": "different", "parts": "different"}
    assert ran.code == 1
    await brigade.sync(a, "down", "--compare", "checksum")
    assert (down / "file").read_bytes() == pattern(1000)
    assert (await brigade("diff", a, "down", "--checksum")).code == 0


def rot(path):
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(500)
        byte = file.read(1)
        file.seek(500)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


async def test_a_side_that_cannot_be_read_is_an_error_and_no_difference(brigade, pair, own_bucket):
    source, _ = pair
    gone = own_bucket("seaweed")
    a, b = brigade.reach("a", source), brigade.reach("b", gone)
    gone.remove()
    ran = await brigade("diff", a, b, "--json")
    assert (ran.code, ran.out) == (1, "")
    assert gone.name in ran.err
    assert ran.err.count("\n") == 1


async def test_odd_keys_stay_on_one_line(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    source.put("tab\t\x1b[31m", b"1")
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    text = await brigade("diff", a, b)
    assert "\x1b" not in text.out
    assert len(text.out.splitlines()) == 2
    assert json.loads((await brigade("diff", a, b, "--json")).out)["key"] == "tab\t\x1b[31m"
