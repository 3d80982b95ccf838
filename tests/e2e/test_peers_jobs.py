"""The jobs that cloud-data-sync and swift-s3-sync publish, as our page for those who come from there writes them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from brigade.clock import SystemClock
from brigade.config.load import Loaded, examine_config
from brigade.objects import SEGMENTED, Attributes
from brigade.stores.azure.settings import AzureSettings
from brigade.stores.azure.store import AzureStore
from brigade.stores.base import BytesBody
from brigade.stores.swift.settings import SwiftSettings
from brigade.stores.swift.store import SwiftStore
from brigade.testing.azurite import AzuriteServer
from brigade.testing.bodies import pattern
from brigade.testing.buckets import Bucket
from brigade.testing.gcs_fake import GcsFake
from brigade.testing.live import stop, until
from brigade.testing.swift import SwiftServer
from brigade.testing.workbench import held

PAGE = Path(__file__).parents[2] / "docs" / "coming-from.md"
ENVIRONMENT = dict.fromkeys(("AWS_SECRET", "AZURE_KEY", "MINIO_SECRET", "SWIFT_KEY", "S3_SECRET", "OTHER_KEY"), "x")
MEBIBYTE = 1024 * 1024


def example(title):
    """The configuration on the page for those who come from there."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    (found,) = re.findall(r"```yaml\n(.*?)```", section, flags=re.DOTALL)
    return found


@pytest.mark.parametrize("title", ["cloud-data-sync", "swift-s3-sync and 1space"])
def test_the_examples_are_right_as_they_stand_on_the_page(title, tmp_path):
    (tmp_path / "brigade.yaml").write_text(example(title))
    assert isinstance(examine_config(tmp_path / "brigade.yaml", ENVIRONMENT), Loaded)


def take(brigade, title, **servers):
    """Configure the example with the addresses and credentials of servers that run here, and nothing else changed."""
    values = yaml.safe_load(example(title))
    for name, section in values["stores"].items():
        secret, given = servers[name]
        brigade.have(name, secret, **{key: value for key, value in section.items() if key not in secret} | given)
    brigade.replications = values["replications"]
    brigade.sections = {key: value for key, value in values.items() if key not in ("stores", "replications")}
    brigade.write_config()


def s3(endpoint):
    given = {"endpoint": endpoint.url, "region": endpoint.region, "access_key": endpoint.access_key}
    return {"secret_key": endpoint.secret_key}, given


@pytest.fixture
def bucket(running):
    """Makes a bucket of exactly that name, and gives what botocore sees of it; gone in the end."""
    with ExitStack() as stack:

        def make(name):
            made = Bucket(running("seaweed").endpoint, name)
            stack.callback(made.close)
            made.client.create_bucket(Bucket=name)
            stack.callback(remove, made)
            return made

        yield make


def remove(bucket):
    with suppress(ClientError, BotoCoreError):
        bucket.remove()


async def once(brigade, code=0):
    """`brigade run --once`: what each replication says in the end."""
    ran = await brigade("run", "--once", "--json")
    assert ran.code == code, ran.words
    return {line["replication"]: line for line in ran.lines}


# cloud-data-sync

needs_azurite = pytest.mark.skipif(AzuriteServer.missing() is not None, reason=str(AzuriteServer.missing()))


def take_cloud_data_sync(brigade, google, aws, minio, blobs):
    at = blobs.settings
    take(
        brigade,
        "cloud-data-sync",
        gcs_bucket=({}, {"endpoint": google.url, "anonymous": True}),
        s3_storage=s3(aws.endpoint),
        azure_blob=({"key": at.key}, {"account": at.account, "endpoint": at.endpoint}),
        local_minio=s3(minio.endpoint),
    )


@pytest.fixture
def google():
    with GcsFake() as fake:
        yield fake


@pytest.fixture
async def blobs(running):
    at = running("azurite").endpoint
    settings = AzureSettings("az", "destination-container-azure", at.access_key, at.url, at.secret_key)
    store = AzureStore(settings, SystemClock())
    await store.create_bucket()
    await store.open()
    yield store
    await store.delete([entry.key for entry in (await store.list_page()).entries])
    await store.close()


async def contents(store):
    return {key: each.data for key, each in (await held(store)).items()}


async def arrived(store, wanted, seconds=80):
    """Wait until a store lists objects of these sizes."""
    sizes = {key: len(body) for key, body in wanted.items()}
    async with asyncio.timeout(seconds):
        while {entry.key: entry.size_bytes for entry in (await store.list_page()).entries} != sizes:
            await SystemClock().sleep(0.1)


OBJECTS = {f"2026/{number:02}.txt": b"%d" % number for number in range(14)} | {"large": pattern(300_000), "empty": b""}


@needs_azurite
async def test_what_cloud_data_sync_has_copied_is_taken_over_as_the_page_says(brigade, google, bucket, blobs):
    google.make_bucket("source-bucket")
    minio, aws = bucket("destination-bucket"), bucket("source-bucket-s3")
    for key, body in OBJECTS.items():
        google.buckets["source-bucket"].insert(key, {}, "text/css", body, {})
        aws.put(key, body, ContentType="text/css")
        minio.put(key, body, ContentType="text/css")
        await blobs.put(key, BytesBody(body), attributes=Attributes(content_type="text/css"))
    take_cloud_data_sync(brigade, google, aws, minio, blobs)
    brigade.replications["s3-to-azure"]["compare"] = "checksum"
    brigade.write_config()
    assert [(line["copied"], line["in_step"]) for line in (await once(brigade)).values()] == [(0, True)] * 2


@needs_azurite
async def test_the_sample_of_cloud_data_sync_runs_once_and_by_an_interval(brigade, google, bucket, blobs):
    google.make_bucket("source-bucket")
    minio, aws = bucket("destination-bucket"), bucket("source-bucket-s3")
    for key, body in OBJECTS.items():
        google.buckets["source-bucket"].insert(key, {"metadata": {"v": "1"}}, "text/css", body, {})
        aws.put(key, body, ContentType="text/css", Metadata={"v": "1"})
    take_cloud_data_sync(brigade, google, aws, minio, blobs)
    assert [(line["copied"], line["in_step"]) for line in (await once(brigade)).values()] == [(16, True)] * 2
    assert minio.contents() == await contents(blobs) == OBJECTS
    found = (await blobs.head("large")).attributes
    assert (minio.head("large")["ContentType"], minio.head("large")["Metadata"]) == ("text/css", {"v": "1"})
    assert (found.content_type, found.metadata) == ("text/css", {"v": "1"})
    assert [(line["copied"], line["in_step"]) for line in (await once(brigade)).values()] == [(0, True)] * 2
    for replication in brigade.replications.values():
        replication["reconcile"] = "2s"
    brigade.write_config()
    process = await brigade.start("run")
    await brigade.said(process, "in step")
    google.buckets["source-bucket"].insert("new", {}, "text/css", b"new", {})
    google.buckets["source-bucket"].insert("large", {}, "text/css", b"changed", {})
    google.buckets["source-bucket"].delete("empty", {})
    aws.put("new", b"new")
    aws.put("large", b"changed")
    aws.delete("empty")
    wanted = {key: body for key, body in OBJECTS.items() if key != "empty"} | {"new": b"new", "large": b"changed"}
    await until(lambda: minio.etags() == aws.etags())
    assert minio.contents() == wanted
    await arrived(blobs, wanted)
    assert await contents(blobs) == wanted
    await stop(brigade, process)


# swift-s3-sync and 1space

needs_swift = pytest.mark.skipif(SwiftServer.missing() is not None, reason=str(SwiftServer.missing()))
PLACES = {"sync-s3": "e5d922", "archive-s3": "5dcc3", "s3-restore": "2b77b2"}
CONTAINERS = (*PLACES, "sync-swift", "swift-sync")
SEGMENTS = (pattern(5 * MEBIBYTE, 1), pattern(5 * MEBIBYTE, 2), b"the end")


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


# What S3 makes of the same parts.
ETAG = md5(b"".join(bytes.fromhex(md5(segment)) for segment in SEGMENTS)) + "-3"


class Container:
    """A container as a client of Swift works with it."""

    def __init__(self, server, name):
        at = {"auth_url": server.auth_url, "user": server.user, "key": server.key}
        self.store = SwiftStore(SwiftSettings(name="swift", container=name, **at), SystemClock())
        self.name = name

    async def send(self, method, key, body=b"", query="", headers=None, **metadata):
        headers = [*(headers or {}).items(), ("content-type", "text/css")]
        headers += [(f"x-object-meta-{name}", value) for name, value in metadata.items()]
        await self.store.caller.call(method.lower(), key, method, self.store.path_of(key) + query, headers, body)

    async def put(self, key, body, **metadata):
        await self.send("PUT", key, body, **metadata)

    async def keys(self):
        return [entry.key for entry in (await self.store.list_page()).entries]

    async def clear(self):
        await self.store.delete(await self.keys())


@pytest.fixture
async def swift(running):
    """The containers of the example, and those for segments, empty."""
    server = running("swift")
    made = {name: Container(server, name) for name in CONTAINERS}
    made |= {f"{name}_segments": Container(server, f"{name}_segments") for name in PLACES}
    for container in made.values():
        await container.store.create_bucket()
        await container.store.open()
    yield made
    for container in made.values():
        await container.clear()
        await container.store.close()


async def put_large(swift, name, key, **metadata):
    """As `swift upload --segment-size` does it: segments in the container beside, then the manifest."""
    manifest = []
    for number, segment in enumerate(SEGMENTS):
        await swift[f"{name}_segments"].put(f"{key}/{number}", segment)
        path = f"/{name}_segments/{key}/{number}"
        manifest.append({"path": path, "size_bytes": len(segment), "etag": md5(segment)})
    await swift[name].send("PUT", key, json.dumps(manifest).encode(), "?multipart-manifest=put", **metadata)


async def put_odd(swift, name):
    """Large objects that S3 would not take segment by segment, and what they hold."""
    beside = swift[f"{name}_segments"]
    for number in range(2):
        await beside.put(f"odd/{number}", b"abc%d" % number)
    manifest = [{"path": f"/{beside.name}/odd/0"}, {"path": f"/{beside.name}/odd/1", "range": "1-2"}]
    await swift[name].send("PUT", "ranged", json.dumps(manifest).encode(), "?multipart-manifest=put")
    await swift[name].send("PUT", "dynamic", headers={"x-object-manifest": f"{beside.name}/odd/"})
    return {"ranged": b"abc0bc", "dynamic": b"abc0abc1"}


def take_1space(brigade, server, target):
    account = {"key": server.key}, {"auth_url": server.auth_url, "user": server.user}
    take(brigade, "swift-s3-sync and 1space", swift=account, other_swift=account, s3=s3(target.endpoint))


def place(name, key=""):
    """Where 1space has the objects of a container."""
    return f"{PLACES[name]}/AUTH_test/{name}/{key}"


@needs_swift
async def test_the_containers_of_swift_s3_sync_are_synced_and_archived_as_its_readme_says(
    brigade, running, swift, bucket
):
    target = bucket("s3-sync-test")
    take_1space(brigade, running("swift"), target)
    small = [f"{number:02}" for number in range(11)]
    for name in ("sync-s3", "archive-s3"):
        await swift[name].put("README.md", b"# Swift-S3 Sync", msd="1")
        await swift[name].put("d/\u062a +%", b"odd")
        await put_large(swift, name, "large", msd="1")
    for key in small:
        await swift["sync-s3"].put(key, key.encode())
    odd = await put_odd(swift, "sync-s3")
    await swift["s3-restore"].put("young", b"1")
    await swift["sync-swift"].put("k", b"1", msd="1")
    said = await once(brigade)
    assert {name: line["copied"] for name, line in said.items()} == {
        "sync-s3": 16,
        "archive-s3": 3,
        "s3-restore": 0,
        "sync-swift": 1,
    }
    # Byte for byte where 1space has them, and nothing beside.
    both = ["README.md", "d/\u062a +%", "large"]
    wanted = {place(name, key) for name in ("sync-s3", "archive-s3") for key in both}
    wanted |= {place("sync-s3", key) for key in odd}
    assert objects_of(target) == wanted | {place("sync-s3", key) for key in small}
    assert {key: target.get(place("sync-s3", key)) for key in odd} == odd
    for name in ("sync-s3", "archive-s3"):
        assert target.get(place(name, "large")) == b"".join(SEGMENTS)
        assert target.etags()[place(name, "large")] == ETAG, "the segments are the parts"
        for key in ("README.md", "large"):
            head = target.head(place(name, key))
            assert (head["ContentType"], head["Metadata"]) == ("text/css", {"msd": "1"})
    # What is archived is gone at Swift, segments too; what is synced stays, and so does what is too young.
    assert [await swift[name].keys() for name in ("archive-s3", "archive-s3_segments")] == [[], []]
    assert len(await swift["sync-s3"].keys()) == 16
    assert len(await swift["sync-s3_segments"].keys()) == 5
    assert await swift["s3-restore"].keys() == ["young"]
    assert (await swift["swift-sync"].store.head("k")).attributes.metadata == {"msd": "1"}
    # A POST, a new object, a deletion; and the young one has become old enough.
    for key in ("README.md", "large"):
        await swift["sync-s3"].send("POST", key, msd="2")
    await swift["sync-s3"].put("new", b"new")
    await swift["sync-s3"].store.delete(["00"])
    await swift["sync-swift"].put("k", b"2")
    brigade.replications["s3-restore"]["copy_after"] = "1s"
    brigade.write_config()
    said = await once(brigade)
    changed = {name: (line["copied"], line["metadata_updated"], line["deleted"]) for name, line in said.items()}
    assert changed == {
        "sync-s3": (1, 2, 1),
        "archive-s3": (0, 0, 0),
        "s3-restore": (1, 0, 0),
        "sync-swift": (1, 0, 0),
    }
    assert target.etags()[place("sync-s3", "large")] == ETAG
    assert target.head(place("sync-s3", "README.md"))["Metadata"] == {"msd": "2"}
    assert target.head(place("sync-s3", "large"))["Metadata"] == {"msd": "2"}
    expected = wanted | {place("sync-s3", key) for key in [*small[1:], "new"]} | {place("s3-restore", "young")}
    assert objects_of(target) == expected, "nothing of the archive has gone"
    assert await swift["s3-restore"].keys() == []
    # And back again, to the same large object.
    ran = await brigade.sync(f"s3:{target.name}/{place('archive-s3')}", "swift:archive-s3")
    assert ran.json["copied"] == 3
    back = swift["archive-s3"].store
    assert (await contents(back))["large"] == b"".join(SEGMENTS)
    assert (await back.head("large")).etag == SEGMENTED + md5("".join(map(md5, SEGMENTS)).encode())


def objects_of(bucket):
    """What lies in a bucket, without the manifests of large objects that are kept beside."""
    return set(filter(lambda key: "/.manifests/" not in key, bucket.keys()))


@needs_swift
async def test_a_bucket_that_1space_has_filled_is_taken_over_as_the_page_says(brigade, running, swift, bucket):
    target = bucket("s3-sync-test")
    take_1space(brigade, running("swift"), target)
    for number in range(11):
        await swift["sync-s3"].put(f"{number:02}", b"%d" % number, msd="1")
        target.put(place("sync-s3", f"{number:02}"), b"%d" % number, ContentType="text/css", Metadata={"msd": "1"})
    await put_large(swift, "sync-s3", "large", msd="1")
    marked = {"msd": "1", "x-static-large-object": "True"}
    target.put_parts(place("sync-s3", "large"), SEGMENTS, ContentType="text/css", Metadata=marked)
    target.put(f"{PLACES['sync-s3']}/.manifests/AUTH_test/sync-s3/0a.swift_slo_manifest", b"[]")
    target.put(place("archive-s3", "archived long ago"), b"1")
    before = target.etags()
    said = await once(brigade)
    assert (said["sync-s3"]["copied"], said["sync-s3"]["in_step"]) == (1, True), "only the large object"
    assert target.etags().items() >= before.items(), "the manifests of 1space stay where they are"
    assert objects_of(target) == {key for key in before if "/.manifests/" not in key}
    await swift["sync-s3"].store.delete(["00"])
    assert (await once(brigade))["sync-s3"]["deleted"] == 1
    assert objects_of(target) == {key for key in before if "/.manifests/" not in key} - {place("sync-s3", "00")}
