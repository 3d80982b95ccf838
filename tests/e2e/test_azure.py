"""Azure through the command line: to and fro, nothing copied twice, what a blob carries, and what it cannot hold."""

from __future__ import annotations

import json
import secrets

import pytest

from brigade.clock import SystemClock
from brigade.objects import Attributes
from brigade.stores.azure.settings import AzureSettings
from brigade.stores.azure.store import AzureStore
from brigade.stores.base import BytesBody
from brigade.testing.azurite import ACCOUNT, AzuriteServer
from brigade.testing.bodies import pattern
from brigade.testing.proxy import FaultProxy, ProxyAction, ProxyFault

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(AzuriteServer.missing() is not None, reason=str(AzuriteServer.missing())),
]

MEBIBYTE = 1024 * 1024
OBJECTS = {"a": b"1", "empty": b"", "b/c": pattern(100_000), "sp ace+%": b"3", "\u00fc \U0001f600": b"4"}
DRESS = {"ContentType": "text/css", "CacheControl": "no-cache", "Metadata": {"plain": "v", "two-words": "x  y"}}


@pytest.fixture
def azurite(running):
    return running("azurite")


@pytest.fixture
async def container(azurite):
    """Makes containers, each as an open store to set a scene and to look at the outcome."""
    opened = []

    async def make(**more):
        at = azurite.endpoint
        settings = AzureSettings(
            "az",
            f"e2e-{secrets.token_hex(4)}",
            at.access_key,
            at.url,
            at.secret_key,
            encode_metadata_names=True,
            **more,
        )
        opened.append(AzureStore(settings, SystemClock()))
        await opened[-1].create_bucket()
        await opened[-1].open()
        return opened[-1]

    yield make
    for store in opened:
        await store.close()


@pytest.fixture
def reach(brigade, azurite):
    """Configures a store of the account and gives the location of a container."""

    def give(name, store, **section):
        at = azurite.endpoint
        brigade.have(name, {"key": at.secret_key}, **{"type": "azure", "endpoint": at.url, **section})
        return f"{name}:{store.settings.container}"

    return give


async def contents(store):
    found = {}
    for entry in (await store.list_page()).entries:
        async with store.get(entry.key) as reader:
            found[entry.key] = await reader.read()
    return found


async def test_from_s3_to_azure_and_back_and_into_a_directory(brigade, place, container, reach, tmp_path):
    origin, back = place("seaweed"), place("seaweed")
    for key, body in OBJECTS.items():
        origin.put(key, body, **DRESS)
    origin.put_parts("parts", [pattern(5 * MEBIBYTE), b"end"], **DRESS)
    origin.set_tags("a", colour="red")
    wanted = origin.contents()
    middle, other = await container(), await container()
    a, m, c = brigade.reach("a", origin), reach("m", middle, metadata_names="encode"), brigade.reach("c", back)
    down = str(tmp_path / "down")
    for source, target in ((a, m), (m, c), (m, down), (down, reach("n", other))):
        ran = await brigade.sync(source, target)
        assert (ran.json["copied"], ran.json["failed"], ran.json["in_step"]) == (6, 0, True), ran.words
    for source, target in ((a, m), (m, c)):
        again = await brigade.sync(source, target)
        assert (again.json["copied"], again.json["in_step"]) == (0, True), again.words
    assert back.contents() == wanted == await contents(other)
    for bucket in (origin, back):
        head = bucket.head("a")
        assert (head["ContentType"], head["CacheControl"], head["Metadata"]) == tuple(DRESS.values())
    assert back.tags("a") == {"colour": "red"} == await middle.read_tags("a")


async def test_metadata_alone_moves_no_bytes_and_deletions_wait_for_their_mode(brigade, container, reach):
    source, target = await container(), await container()
    for key, body in OBJECTS.items():
        await source.put(key, BytesBody(body), attributes=Attributes(metadata={"v": "1"}))
    one, two = reach("one", source), reach("two", target)
    assert (await brigade.sync(one, two)).json["copied"] == len(OBJECTS)
    await source.copy("a", "a", attributes=Attributes(content_type="text/css", metadata={"v": "2"}))
    ran = await brigade.sync(one, two)
    assert (ran.json["copied"], ran.json["metadata_updated"]) == (0, 1), ran.out
    found = (await target.head("a")).attributes
    assert (found.content_type, found.metadata) == ("text/css", {"v": "2"})
    await source.delete(["a"])
    assert (await brigade.sync(one, two)).json["deleted"] == 0
    assert (await brigade.sync(one, two, "--delete", "mirror", "--max-delete", "90%")).json["deleted"] == 1
    assert set(await contents(target)) == set(OBJECTS) - {"a"}


async def test_what_azure_cannot_hold_fails_with_its_reason_and_stops_nothing(brigade, place, container, reach):
    origin, target = place("seaweed"), await container()
    origin.put("fine", b"1")
    origin.put("end.", b"2")
    origin.put("tagged", b"3", Tagging="name=%40home")
    ran = await brigade.sync(brigade.reach("o", origin), reach("t", target), code=1)
    assert (ran.json["copied"], ran.json["failed"]) == (1, 2), ran.words
    assert "a dot at the end" in json.dumps(ran.report["end."])
    assert "tag" in json.dumps(ran.report["tagged"])
    assert await contents(target) == {"fine": b"1"}


async def test_a_url_takes_the_account_of_the_environment(brigade, azurite, container):
    store = await container()
    await store.put("a/b", BytesBody(b"1"), attributes=Attributes())
    at = azurite.endpoint
    environment = {
        "AZURE_STORAGE_CONNECTION_STRING": (
            f"AccountName={at.access_key};AccountKey={at.secret_key};BlobEndpoint={at.url}"
        )
    }
    ran = await brigade("ls", f"az://{store.settings.container}/a", "--json", env=environment)
    assert [line["key"] for line in ran.lines] == ["b"], ran.words
    checked = await brigade("store", "check", f"az://{store.settings.container}", env=environment)
    assert checked.code == 0, checked.words


@pytest.fixture
async def before(azurite):
    """A counting, breaking proxy before Azurite; `reach` goes there by `endpoint`."""
    async with FaultProxy(azurite.endpoint.url) as proxy:
        yield proxy


async def test_an_upload_that_was_killed_is_gone_on_with(brigade, place, container, reach, before):
    origin, target = place("seaweed"), await container()
    origin.put_parts("large", [pattern(5 * MEBIBYTE, seed=number) for number in range(4)], **DRESS)
    a, m = brigade.reach("a", origin), reach("m", target, endpoint=f"{before.url}/{ACCOUNT}", metadata_names="encode")
    before.add(ProxyFault("*", ProxyAction.HANG, target="comp=blocklist"))
    process = await brigade.start("sync", a, m)
    await brigade.reached(process, before.fired.total)
    await brigade.kill(process)
    assert await contents(target) == {}
    assert [upload.key for upload in await target.list_multiparts()] == ["large"]
    before.forget()
    ran = await brigade.sync(a, m)
    assert (ran.json["copied"], ran.json["in_step"]) == (1, True)
    assert not [request for request in before.requests if "comp=block&" in request.target], "no part is sent again"
    assert await contents(target) == origin.contents()
    assert (await target.head("large")).attributes.metadata == DRESS["Metadata"]
    assert await target.list_multiparts() == []


async def test_snapshots_are_objects_where_asked_for_and_such_a_store_is_a_source_only(
    brigade, place, container, reach
):
    source, target = await container(), place("seaweed")
    await source.put("d/a", BytesBody(b"first"), attributes=Attributes(metadata={"n": "1"}, tags={"t": "1"}))
    taken = await source.caller.call("test", "PUT", "d/a", [("comp", "snapshot")])
    await source.put("d/a", BytesBody(b"second"), attributes=Attributes())
    older = f"d/a?snapshot={taken.headers['x-ms-snapshot']}"
    plain, every, b = reach("plain", source), reach("every", source, versions="all"), brigade.reach("b", target)
    for at, wanted in ((plain, ["d/a"]), (every, ["d/a", older])):
        listed = await brigade("ls", at, "--recursive", "--json")
        assert sorted(line["key"] for line in listed.lines) == wanted
    ran = await brigade.sync(every, b)
    assert (ran.json["copied"], ran.json["failed"], ran.json["in_step"]) == (2, 0, True), ran.words
    assert target.contents() == {"d/a": b"second", older: b"first"}
    assert (target.head(older)["Metadata"], target.tags(older)) == ({"n": "1"}, {"t": "1"})
    again = await brigade.sync(every, b)
    assert (again.json["copied"], again.json["in_step"]) == (0, True), again.words
    assert (await brigade("diff", every, b)).code == 0
    for refused in (await brigade("sync", b, every), await brigade("sync", b, every, "--dry-run")):
        assert refused.code == 2, refused.words
        assert "a source only" in refused.words
    assert await contents(source) == {"d/a": b"second"}
    checked = await brigade("store", "check", every, "--json")
    assert checked.code == 0, checked.words
    assert await contents(source) == {"d/a": b"second"}
