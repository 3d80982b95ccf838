"""Swift by its own API through the command line: to and fro, nothing copied twice, large objects, no harm to a target."""

from __future__ import annotations

import hashlib
import json
import secrets

import pytest

from brigade.clock import SystemClock
from brigade.decide.parts import composite_etag
from brigade.objects import NO_ATTRIBUTES
from brigade.stores.base import BytesBody
from brigade.stores.swift.settings import SwiftSettings
from brigade.stores.swift.store import SwiftStore
from brigade.testing.bodies import pattern
from brigade.testing.swift import SwiftServer

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(SwiftServer.missing() is not None, reason="OpenStack Swift is not installed"),
]

MEBIBYTE = 1024 * 1024
OBJECTS = {"a": b"1", "empty": b"", "b/c": pattern(100_000), "sp ace+%": b"3", "ü": b"4", "x//y": b"5"}


@pytest.fixture
def swift(running):
    return running("swift")


@pytest.fixture
def reach(brigade, swift):
    """Configures a container and gives its location; `section` is what else stands there."""

    def give(name, container=None, **section):
        at = {"type": "swift", "auth_url": swift.auth_url, "user": swift.user}
        brigade.have(name, {"key": swift.key}, **at, **section)
        return f"{name}:{container or f'e2e-{secrets.token_hex(4)}'}"

    return give


async def lose_a_segment(swift, container):
    settings = SwiftSettings(name="swift", container=container, auth_url=swift.auth_url, user=swift.user, key=swift.key)
    store = SwiftStore(settings, SystemClock())
    await store.open()
    await store.delete([(await store.list_page()).entries[0].key])
    await store.close()


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def fill(bucket):
    for key, body in OBJECTS.items():
        bucket.put(key, body, ContentType="text/plain", Metadata={"v": "1"})
    bucket.put_parts("parts", [pattern(5 * MEBIBYTE), b"end"], ContentType="text/plain")


async def test_from_s3_to_swift_and_back_and_into_a_directory(brigade, place, own_bucket, reach, tmp_path):
    origin, back = place("seaweed"), place("seaweed")
    objects = {key: body for key, body in OBJECTS.items() if "//" not in key}
    for key, body in objects.items():
        origin.put(key, body, ContentType="text/plain", Metadata={"v": "1"})
    origin.put_parts("parts", [pattern(5 * MEBIBYTE), b"end"], ContentType="text/plain")
    wanted = origin.contents()
    a, m, c = brigade.reach("a", origin), reach("m", own_bucket("swift").name), brigade.reach("c", back)
    for source, target in (
        (a, m),
        (m, c),
        (m, str(tmp_path / "down")),
        (str(tmp_path / "down"), reach("n", own_bucket("swift").name)),
    ):
        ran = await brigade.sync(source, target)
        assert (ran.json["copied"], ran.json["failed"], ran.json["in_step"]) == (6, 0, True), ran.words
    for source, target in ((a, m), (m, c)):
        again = await brigade.sync(source, target)
        assert (again.json["copied"], again.json["in_step"]) == (0, True), again.words
    there = back.contents()
    manifests = [there.pop(key) for key in list(there) if key.startswith(".manifests/")]
    assert there == wanted
    assert [[part["bytes"] for part in json.loads(each)] for each in manifests] == [[5 * MEBIBYTE, 3]]
    assert back.head("a")["Metadata"] == {"v": "1"}
    assert (tmp_path / "down" / "b" / "c").read_bytes() == OBJECTS["b/c"]
    origin.delete("a", "parts")
    ran = await brigade.sync(a, m, "--delete", "mirror", "--max-delete", "90%")
    assert ran.json["deleted"] == 2


async def test_odd_keys_and_a_change_of_metadata_alone(brigade, own_bucket, reach):
    source = own_bucket("swift")
    fill(source)
    one, two = reach("one", source.name), reach("two", own_bucket("swift").name)
    assert (await brigade.sync(one, two)).json["copied"] == 7
    assert (await brigade.sync(one, two)).json["copied"] == 0
    source.put("a", OBJECTS["a"], ContentType="text/plain", Metadata={"v": "2"})
    ran = await brigade.sync(one, two)
    assert (ran.json["copied"], ran.json["metadata_updated"]) == (0, 1), ran.out
    listed = await brigade("ls", two, "--recursive", "--json")
    assert {line["key"] for line in listed.lines} == {*OBJECTS, "parts"}


async def test_a_large_object_that_is_not_whole_fails_and_deletes_nothing(brigade, swift, own_bucket, place, reach):
    source, target = own_bucket("swift"), place("seaweed")
    source.put_parts("broken", [pattern(5 * MEBIBYTE), b"end"])
    source.put("fine", b"1")
    target.put("broken", b"the last good copy")
    await lose_a_segment(swift, f"{source.name}+segments")
    ran = await brigade.sync(reach("one", source.name), brigade.reach("b", target), "--delete", "mirror", code=1)
    assert (ran.json["failed"], ran.json["deleted"]) == (1, 0)
    assert "is missing" in json.dumps(ran.report["broken"])
    assert target.contents() == {"broken": b"the last good copy", "fine": b"1"}


async def test_a_url_takes_the_log_in_of_the_environment(brigade, own_bucket, swift):
    bucket = own_bucket("swift")
    bucket.put("a/b", b"1")
    environment = {"ST_AUTH": swift.auth_url, "ST_USER": swift.user, "ST_KEY": swift.key}
    ran = await brigade("ls", f"swift://{bucket.name}/a", "--json", env=environment)
    assert [line["key"] for line in ran.lines] == ["b"]
    checked = await brigade("store", "check", f"swift://{bucket.name}", env=environment)
    assert checked.code == 0, checked.words


async def make_dynamic(swift, container, key, pieces):
    """Put segments into a container of their own, and the object that they make up."""
    login = {"auth_url": swift.auth_url, "user": swift.user, "key": swift.key}
    store, beside = [
        SwiftStore(SwiftSettings(name="swift", container=name, **login), SystemClock())
        for name in (container, f"{container}_segments")
    ]
    await beside.create_bucket()
    for each in (store, beside):
        await each.open()
    for number, piece in enumerate(pieces, 1):
        await beside.put(f"{key}/{number}", BytesBody(piece), attributes=NO_ATTRIBUTES)
    headers = [("x-object-manifest", f"{container}_segments/{key}/")]
    await store.caller.call("put", key, "PUT", store.path_of(key), headers, b"")
    for each in (store, beside):
        await each.close()


async def test_a_dynamic_large_object_arrives_as_its_segments_or_flattened(brigade, swift, own_bucket, place, reach):
    source, parts, flat = own_bucket("swift"), place("seaweed"), place("seaweed")
    pieces = [pattern(5 * MEBIBYTE), pattern(6 * MEBIBYTE, 7), b"end"]
    await make_dynamic(swift, source.name, "fit", pieces)
    await make_dynamic(swift, source.name, "small", [b"11111", b"222"])
    one, b, c = reach("one", source.name), brigade.reach("b", parts), brigade.reach("c", flat)
    ran = await brigade.sync(one, b)
    assert (ran.json["copied"], ran.json["failed"], ran.json["in_step"]) == (2, 0, True), ran.words
    assert parts.contents() == {"fit": b"".join(pieces), "small": b"11111222"}
    assert parts.head("fit")["ETag"].strip('"') == composite_etag([md5(piece) for piece in pieces])
    assert (await brigade.sync(one, b)).json["copied"] == 0
    ran = await brigade.sync(reach("two", source.name, dlo="flatten"), c)
    assert (ran.json["copied"], ran.json["in_step"]) == (2, True), ran.words
    assert flat.contents() == parts.contents()
    assert flat.head("fit")["ETag"].strip('"').endswith("-2"), "parts of our own plan, not its three segments"
    assert flat.head("small")["ETag"].strip('"') == md5(b"11111222")
    await make_dynamic(swift, source.name, "small", [b"11111", b"444"])
    ran = await brigade.sync(one, b)
    assert ran.json["copied"] == 1
    assert parts.contents()["small"] == b"11111444"
