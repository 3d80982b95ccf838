"""The scenarios that people try first, on real servers: one source, several followers, clients at the gateway."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
import pytest_asyncio
from botocore.exceptions import BotoCoreError, ClientError

from brigade.testing.available import available
from brigade.testing.bodies import pattern
from brigade.testing.buckets import Bucket
from brigade.testing.command import Command
from brigade.testing.live import behind, one_user, running_gateway, stop, until
from brigade.testing.proxy import FaultProxy, ProxyAction, ProxyFault

# One process serves most tests here, so they share its loop; each has keys of its own.
pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="module")]

MEBIBYTE = 1024 * 1024
# Another vendor follows too, where one can run.
OTHER = "ceph" if "ceph" in available() else "seaweed"


def bucket_of(server, name="scenes") -> Bucket:
    return Bucket(server.endpoint, server.make_bucket(name))


def discard(bucket: Bucket) -> None:
    with suppress(ClientError, BotoCoreError):
        bucket.remove()
    bucket.close()


@dataclass
class Scene:
    """A source that is followed by three targets: the first mirrors, the second lies below a prefix, the third keeps."""

    brigade: Command
    proxy: FaultProxy
    through: Bucket
    source: Bucket
    mirror: Bucket
    below: Bucket
    keeping: Bucket
    made: Bucket
    made_copy: Bucket


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def scene(running, tmp_path_factory) -> AsyncIterator[Scene]:
    seaweed, other = running("seaweed"), running(OTHER)
    source, mirror, below, keeping = bucket_of(seaweed), bucket_of(seaweed), bucket_of(other), bucket_of(seaweed)
    # The source bucket of this one is made later, by a client.
    made = Bucket(seaweed.endpoint, f"made-{secrets.token_hex(4)}")
    made_copy = bucket_of(other, "made-copy")
    brigade = Command(tmp_path_factory.mktemp("scene"))
    async with FaultProxy(seaweed.endpoint.url) as proxy:
        a = brigade.reach("a", source, url=proxy.url, idle_timeout="2s")
        brigade.reach("a", made, url=proxy.url, idle_timeout="2s")
        b, c = brigade.reach("b", mirror), brigade.reach("c", below)
        brigade.gateway = one_user("a")
        brigade.replications = {
            "mirror": {"source": a, "target": b, "live": ["gateway"], "delete": "mirror"},
            "below": {"source": a, "target": f"{c}copies", "live": ["gateway"], "delete": "tracked"},
            "keeping": {"source": a, "target": f"b:{keeping.name}", "live": ["gateway"]},
            "made": {
                "source": f"a:{made.name}",
                "target": f"c:{made_copy.name}",
                "live": ["gateway"],
                "delete": "tracked",
            },
        }
        brigade.write_config()
        async with running_gateway(brigade, source) as (process, through):
            yield Scene(brigade, proxy, through, source, mirror, below, keeping, made, made_copy)
            await stop(brigade, process)
    for bucket in (source, mirror, below, keeping, made, made_copy):
        discard(bucket)


@dataclass
class Room:
    """The part of the scene that belongs to one test: keys below a prefix, seen from everywhere."""

    through: Bucket
    source: Bucket
    mirror: Bucket
    below: Bucket
    keeping: Bucket

    @property
    def followers(self) -> tuple[Bucket, Bucket, Bucket]:
        return self.mirror, self.below, self.keeping

    async def arrived(self, *followers: Bucket) -> None:
        """Wait until these followers, all if none is named, hold what the source holds."""
        for follower in followers or self.followers:
            await until(lambda follower=follower: follower.etags() == self.source.etags())


@pytest.fixture
def room(scene) -> Room:
    mine = f"{secrets.token_hex(4)}/"
    below = scene.below.below(f"copies/{mine}")
    through, source, mirror, keeping = (
        bucket.below(mine) for bucket in (scene.through, scene.source, scene.mirror, scene.keeping)
    )
    return Room(through, source, mirror, below, keeping)


async def test_a_bucket_that_clients_make_empty_delete_and_make_again_is_followed(scene):
    do, made, copy = asyncio.to_thread, behind(scene.through.endpoint.url, scene.made), scene.made_copy
    copy.put("of old", b"")
    for round_number in (1, 2):
        await do(made.client.create_bucket, Bucket=made.name)
        await do(made.put, "k", b"%d" % round_number)
        await until(lambda number=round_number: copy.contents().get("k") == b"%d" % number)
        await do(made.delete, "k")
        await until(lambda: copy.keys() == ["of old"])
        await do(made.client.delete_bucket, Bucket=made.name)
    # The source's bucket is gone, and what only the target has is still there.
    await asyncio.sleep(1)
    assert copy.keys() == ["of old"]
    made.close()


async def test_what_clients_do_with_objects_reaches_every_follower(room):
    do = asyncio.to_thread
    await do(room.through.put, "a", b"first", ContentType="text/x", Metadata={"v": "1"}, Tagging="t=1")
    await do(room.through.put, "b/ö +%", b"")
    await room.arrived()
    for follower in room.followers:
        assert follower.contents() == {"a": b"first", "b/ö +%": b""}
        assert (follower.head("a")["ContentType"], follower.head("a")["Metadata"]) == ("text/x", {"v": "1"})
        assert follower.tags("a") == {"t": "1"}
    await do(room.through.put, "a", b"second")
    at = {"Bucket": room.through.name, "Key": f"{room.through.prefix}copy"}
    await do(room.through.client.copy_object, **at, CopySource={**at, "Key": f"{room.through.prefix}a"})
    await do(room.through.replace_metadata, "b/ö +%", Metadata={"new": "yes"})
    await room.arrived()
    for follower in room.followers:
        assert follower.get("copy") == b"second"
        await until(lambda follower=follower: follower.head("b/ö +%")["Metadata"] == {"new": "yes"})
    await do(room.through.delete, "a")
    await room.arrived(room.mirror, room.below)
    assert room.keeping.get("a") == b"second"


async def test_a_bulk_deletion_is_followed_key_by_key(room):
    keys = [f"k{number}&<>" for number in range(12)]
    for key in keys:
        await asyncio.to_thread(room.through.put, key, key.encode())
    await room.arrived()
    named = [{"Key": room.through.prefix + key} for key in keys[:10]]
    answer = await asyncio.to_thread(
        room.through.client.delete_objects, Bucket=room.through.name, Delete={"Objects": named}
    )
    assert len(answer["Deleted"]) == 10
    await room.arrived(room.mirror, room.below)
    assert room.mirror.keys() == room.below.keys() == keys[10:]
    assert len(room.keeping.keys()) == len(keys)


async def test_an_object_that_looks_like_a_folder_is_an_object(room):
    await asyncio.to_thread(room.through.put, "folder/", b"", Metadata={"is": "folder"})
    await asyncio.to_thread(room.through.put, "folder/inside", b"1")
    for follower in room.followers:
        await until(lambda follower=follower: sorted(follower.keys()) == ["folder/", "folder/inside"])
        assert follower.head("folder/")["ContentLength"] == 0
    await asyncio.to_thread(room.through.delete, "folder/inside", "folder/")
    for follower in (room.mirror, room.below):
        await until(lambda follower=follower: follower.keys() == [])


async def test_an_object_of_32_mebibytes_arrives_in_one_piece(room):
    body = pattern(32 * MEBIBYTE, 7)
    await asyncio.to_thread(room.through.put, "large", body)
    await room.arrived()
    assert room.below.get("large") == body


async def test_an_upload_in_parts_is_invisible_until_it_is_completed(room):
    client, at = room.through.client, {"Bucket": room.through.name, "Key": f"{room.through.prefix}parts"}
    do, bodies = asyncio.to_thread, [pattern(5 * MEBIBYTE, 1), b"the end"]
    named = {**at, "UploadId": (await do(client.create_multipart_upload, **at))["UploadId"]}
    parts = []
    for number, body in enumerate(bodies, 1):
        etag = (await do(client.upload_part, **named, PartNumber=number, Body=body))["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    # What is written after the parts is there: so the followers were not merely slow.
    await do(room.through.put, "later", b"1")
    for follower in room.followers:
        await until(lambda follower=follower: follower.keys() == ["later"])
    await do(client.complete_multipart_upload, **named, MultipartUpload={"Parts": parts})
    await room.arrived()
    for follower in room.followers:
        assert follower.get("parts") == b"".join(bodies)
        assert follower.uploads() == []


def silent(**what) -> ProxyFault:
    """A fault that stays until it is taken away."""
    return ProxyFault(**what, times=1_000_000)


@pytest.mark.parametrize(
    ("call", "how"),
    [
        ("head", {"action": ProxyAction.RESPOND, "status": 403}),
        ("head", {"action": ProxyAction.RESPOND, "status": 500}),
        ("head", {"action": ProxyAction.HANG}),
        # The object is said to be missing, and then so is the whole bucket: that is no word on the object.
        ("list_page", {"action": ProxyAction.RESPOND, "status": 404, "code": "NoSuchBucket"}),
    ],
    ids=["forbidden", "failing", "silent", "no bucket"],
)
async def test_only_a_source_that_confirms_it_has_a_deletion_followed(scene, room, call, how):
    await asyncio.to_thread(room.through.put, "k", b"1")
    await room.arrived()
    fault = silent(call=call, key=f"{room.source.prefix}k" if call == "head" else "", **how)
    scene.proxy.add(fault)
    await asyncio.to_thread(room.through.delete, "k")
    # Enough for each of the followers to have asked more than once.
    await until(lambda: scene.proxy.fired[fault] >= 7)
    assert room.mirror.keys() == room.below.keys() == ["k"]
    scene.proxy.faults.remove(fault)
    await until(lambda: room.mirror.keys() == room.below.keys() == [])
    assert room.keeping.keys() == ["k"]


async def test_an_object_that_is_listed_is_not_gone(scene, room):
    await asyncio.to_thread(room.through.put, "k", b"1")
    await room.arrived()
    lie = silent(call="head", action=ProxyAction.RESPOND, status=404, key=f"{room.source.prefix}k")
    scene.proxy.add(lie)
    await asyncio.to_thread(room.through.put, "k", b"2")
    await until(lambda: scene.proxy.fired[lie] >= 7)
    assert room.mirror.keys() == room.below.keys() == ["k"]
    scene.proxy.faults.remove(lie)
    await room.arrived()
