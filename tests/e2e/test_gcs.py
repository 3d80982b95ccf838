"""Google Cloud Storage through the command line: to and fro, nothing copied twice, uploads that survive `kill -9`."""

from __future__ import annotations

import json
import os
import signal

import pytest

from brigade.testing.bodies import pattern
from brigade.testing.gcs_fake import GcsFake

pytestmark = pytest.mark.server

MEBIBYTE = 1024 * 1024
OBJECTS = {"a": b"1", "empty": b"", "b/c": pattern(100_000), "sp ace+%": b"3", "ü": b"4"}
PARTS = [pattern(5 * MEBIBYTE), b"end"]
ODD = {"x//y": b"1", "/lead": b"2", "d": b"3", "d/e": b"4", "per%2Fcent": b"5", "tab\t": b"6"}


@pytest.fixture
def google():
    with GcsFake() as fake:
        yield fake


@pytest.fixture
def reach(brigade, google):
    """Configures a store and gives the location of a bucket of it, which is made."""

    def give(name, **section):
        google.make_bucket(name)
        brigade.have(name, {}, type="gcs", endpoint=google.url, anonymous=True, project="test", **section)
        return f"{name}:{name}"

    return give


def written(google, bucket, key, data, **fields):
    """Writes an object behind the store's back."""
    google.buckets[bucket].insert(key, fields, "text/plain", data, {})


async def synced(brigade, source, target, *arguments, **expected):
    ran = await brigade.sync(source, target, *arguments)
    assert {name: ran.json[name] for name in expected} == expected, ran.words
    assert ran.json["in_step"], ran.words
    return ran


async def test_from_s3_to_google_and_back_and_through_a_directory(brigade, google, place, reach, tmp_path):
    origin, back = place("seaweed"), place("seaweed")
    for key, body in OBJECTS.items():
        origin.put(key, body, ContentType="text/css", CacheControl="no-cache", Metadata={"v": "1"})
    origin.put_parts("parts", PARTS, ContentType="text/css")
    a, b, c = brigade.reach("a", origin), brigade.reach("b", back), str(tmp_path / "down")
    m, n = reach("middle"), reach("next")
    for source, target in ((a, m), (m, b), (m, n), (m, c)):
        await synced(brigade, source, target, copied=6, failed=0)
        google.requests.clear()
        await synced(brigade, source, target, copied=0, failed=0)
        assert set(google.calls()) <= {"objects"}, "the second time only listings are needed"
    assert back.contents() == origin.contents()
    assert (back.head("a")["ContentType"], back.head("a")["CacheControl"]) == ("text/css", "no-cache")
    assert back.head("a")["Metadata"] == {"v": "1"}
    assert (tmp_path / "down" / "b" / "c").read_bytes() == OBJECTS["b/c"]
    assert not [key for key in google.buckets["middle"].live if key.startswith(".brigade-parts/")]
    origin.delete("a", "parts")
    await synced(brigade, a, m, "--delete", "mirror", "--max-delete", "90%", deleted=2)
    assert set(google.buckets["middle"].live) == {*OBJECTS} - {"a"}


async def test_from_a_directory_to_google(brigade, google, reach, tmp_path):
    for key, body in OBJECTS.items():
        (tmp_path / "here" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "here" / key).write_bytes(body)
    target = reach("target")
    await synced(brigade, str(tmp_path / "here"), target, copied=5, failed=0)
    await synced(brigade, str(tmp_path / "here"), target, copied=0, failed=0)
    assert {key: stored.data for key, stored in google.buckets["target"].live.items()} == OBJECTS


async def test_odd_keys_and_what_only_google_has(brigade, google, reach):
    one, two = reach("one"), reach("two")
    for key, body in ODD.items():
        written(google, "one", key, body, metadata={"k": "v ü"}, customTime="2024-05-06T07:08:09.000Z")
    await synced(brigade, one, two, copied=6, failed=0)
    assert {key: stored.data for key, stored in google.buckets["two"].live.items()} == ODD
    copied = google.buckets["two"].live["x//y"].resource
    assert (copied["metadata"], copied["customTime"]) == ({"k": "v ü"}, "2024-05-06T07:08:09.000Z")


async def test_a_change_of_metadata_alone_moves_no_bytes(brigade, google, reach):
    one, two = reach("one"), reach("two")
    for key, body in OBJECTS.items():
        written(google, "one", key, body, metadata={"v": "1"})
    await synced(brigade, one, two, copied=5)
    google.buckets["one"].patch("a", {"metadata": {"v": "2"}}, {})
    google.requests.clear()
    await synced(brigade, one, two, copied=0, metadata_updated=1)
    assert google.buckets["two"].live["a"].resource["metadata"] == {"v": "2"}
    assert not {"upload", "rewrite"} & set(google.calls())


async def test_an_upload_that_was_killed_is_gone_on_with(brigade, google, place, reach):
    origin = place("seaweed")
    origin.put_parts("large", [pattern(5 * MEBIBYTE, seed=number) for number in range(4)])
    a, m = brigade.reach("a", origin), reach("middle")
    google.hold("compose")
    process = await brigade.start("sync", a, m)
    await brigade.reached(process, lambda: "compose" in google.calls())
    os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    google.release()
    left = list(google.buckets["middle"].live)
    assert len(left) == 5
    assert all(key.startswith(".brigade-parts/") for key in left)
    listed = await brigade("ls", m, "--recursive", "--json")
    assert listed.lines == []
    google.requests.clear()
    await synced(brigade, a, m, copied=1, failed=0)
    assert google.calls().count("upload") == 0, "no part is sent again"
    assert google.buckets["middle"].live["large"].data == origin.contents()["large"]
    assert list(google.buckets["middle"].live) == ["large"]


async def test_a_url_takes_the_emulator_of_the_environment(brigade, google):
    google.make_bucket("photos")
    written(google, "photos", "a/b", b"1")
    environment = {"STORAGE_EMULATOR_HOST": google.url.removeprefix("http://")}
    ran = await brigade("ls", "gs://photos/a", "--json", env=environment)
    assert [line["key"] for line in ran.lines] == ["b"]
    checked = await brigade("store", "check", "gs://photos", "--json", env=environment)
    assert checked.code == 0, checked.words
    assert json.loads(checked.out)["capabilities"]["custom_time"] is True


async def test_older_generations_are_objects_where_asked_for_and_such_a_store_is_a_source_only(
    brigade, google, place, reach
):
    plain, target = reach("plain"), place("seaweed")
    bucket = plain.partition(":")[2]
    google.buckets[bucket].versioned = True
    written(google, bucket, "a", b"first")
    written(google, bucket, "a", b"second")
    written(google, bucket, "gone", b"was here")
    google.buckets[bucket].delete("gone", {})
    ages = dict(google.buckets[bucket].older.keys())
    reach("every", versions="all")
    every, b = f"every:{bucket}", brigade.reach("b", target)
    wanted = {"a": b"second", f"a?generation={ages['a']}": b"first", f"gone?generation={ages['gone']}": b"was here"}
    listed = await brigade("ls", every, "--json")
    assert sorted(line["key"] for line in listed.lines) == sorted(wanted)
    ran = await brigade.sync(every, b)
    assert (ran.json["copied"], ran.json["failed"], ran.json["in_step"]) == (3, 0, True), ran.words
    assert target.contents() == wanted
    assert (await brigade.sync(every, b)).json["copied"] == 0
    refused = await brigade("sync", b, every)
    assert (refused.code, "a source only" in refused.words) == (2, True)
