"""Routes, blocks and uploads at the gateway, changed by the command line while it runs, over two real stores."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from brigade.testing.bodies import pattern
from brigade.testing.buckets import Bucket
from brigade.testing.servers import Endpoint, SeaweedServer

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

KEYS = {
    "ann": {"access_key": "ann-key", "secret_key": "ann-secret"},
    "bob": {"access_key": "bob-key", "secret_key": "bob-secret"},
}
PART = pattern(5 * 1024 * 1024, 1)
NAMES = ("photos", "steady")


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Endpoint]]:
    """Two stores of their own: they hold buckets of the same names, whose object `where` tells the store."""
    with ExitStack() as stack:
        found = {name: stack.enter_context(SeaweedServer()).endpoint for name in ("one", "two")}
        for name, endpoint in found.items():
            client = endpoint.client()
            for bucket in (*NAMES, f"only-{name}"):
                client.create_bucket(Bucket=bucket)
                client.put_object(Bucket=bucket, Key="where", Body=name.encode())
            client.close()
        yield found


@pytest.fixture
def stores(servers, brigade) -> dict[str, Bucket]:
    """`photos` at both stores, looked at directly; the gateway sends to `one` what nothing else names."""
    found = {name: Bucket(endpoint, "photos") for name, endpoint in servers.items()}
    for name, bucket in found.items():
        brigade.reach(name, bucket)
    users = {name: {"keys": [keys]} for name, keys in KEYS.items()}
    brigade.gateway = {"listen": "127.0.0.1:0", "store": "one", "users": users}
    brigade.write_config()
    return found


@asynccontextmanager
async def gateway(brigade) -> AsyncIterator[dict[str, Any]]:
    """A client for each user, while a gateway process runs."""
    process = await brigade.start("run", "gateway")
    url = (await brigade.said(process, "gateway: listens on")).split()[-1]
    clients = {
        name: Endpoint("gateway", url, "us-east-1", keys["access_key"], keys["secret_key"]).client()
        for name, keys in KEYS.items()
    }
    yield clients
    for client in clients.values():
        client.close()
    process.send_signal(signal.SIGTERM)
    ran = await brigade.ended(process)
    assert ran.code == 0, ran.words


def where(client: Any, bucket: str = "photos") -> str:
    """The store that answers, or the error."""
    try:
        return client.get_object(Bucket=bucket, Key="where")["Body"].read().decode()
    except ClientError as error:
        return error.response["Error"]["Code"]


def written(client: Any, bucket: str = "photos") -> str:
    try:
        client.put_object(Bucket=bucket, Key="written", Body=b"x")
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "written"


def listed(client: Any) -> set[str]:
    try:
        return {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    except ClientError as error:
        return {error.response["Error"]["Code"]}


async def soon(wanted, look, *arguments) -> None:
    """Wait until a look gives what it must."""
    async with asyncio.timeout(80):
        while await asyncio.to_thread(look, *arguments) != wanted:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.05)


async def route(brigade, *arguments: str) -> None:
    ran = await brigade("route", *arguments)
    assert ran.code == 0, ran.words


@asynccontextmanager
async def steady_requests(client: Any) -> AsyncIterator[list[str]]:
    """Asks for another bucket without a pause, and notes every answer."""
    answers: list[str] = []
    done = asyncio.Event()

    async def ask() -> None:
        while not done.is_set():
            answers.append(await asyncio.to_thread(where, client, "steady"))

    async with asyncio.TaskGroup() as group:
        group.create_task(ask())
        yield answers
        done.set()


async def test_routes_change_while_clients_go_on(brigade, stores):
    async with gateway(brigade) as clients, steady_requests(clients["ann"]) as answers:
        ann, bob = clients["ann"], clients["bob"]
        assert (where(ann), where(bob)) == ("one", "one")
        await route(brigade, "set", "*", "two", "--user", "bob")
        await soon("two", where, bob)
        assert where(ann) == "one"
        assert "only-one" in listed(ann)
        assert "only-two" not in listed(ann)
        assert "only-two" in listed(bob)
        async with asyncio.TaskGroup() as group:
            group.create_task(route(brigade, "set", "photos", "two"))
            group.create_task(route(brigade, "set", "only-two", "two"))
        await soon("two", where, ann)
        await soon(True, lambda: {"only-one", "only-two"} <= listed(ann))
        await route(brigade, "set", "photos", "one", "--user", "bob")
        await soon("one", where, bob)
        assert where(ann) == "two"
        async with asyncio.TaskGroup() as group:
            for arguments in (["photos", "--user", "bob"], ["photos"], ["*", "--user", "bob"]):
                group.create_task(route(brigade, "delete", *arguments))
        await soon("one", where, ann)
        await soon("one", where, bob)
    assert set(answers) == {"one"}
    assert len(answers) > 20


async def test_blocks_refuse_until_they_are_gone_and_survive_a_restart(brigade, stores):
    async with gateway(brigade) as clients:
        ann, bob = clients["ann"], clients["bob"]
        async with asyncio.TaskGroup() as group:
            group.create_task(route(brigade, "block", "photos", "--writes", "--note", "moves"))
            group.create_task(route(brigade, "block", "*", "--user", "bob"))
        await soon("ServiceUnavailable", written, ann)
        assert where(ann) == "one"
        assert written(ann, "steady") == "written"
        await soon("ServiceUnavailable", where, bob)
        assert listed(bob) == {"ServiceUnavailable"}
        assert where(ann) == "one"
    async with gateway(brigade) as clients:
        ann, bob = clients["ann"], clients["bob"]
        # From the very first request.
        assert (written(ann), where(bob)) == ("ServiceUnavailable", "ServiceUnavailable")
        async with asyncio.TaskGroup() as group:
            group.create_task(route(brigade, "unblock", "photos"))
            group.create_task(route(brigade, "unblock", "*", "--user", "bob"))
        await soon("written", written, ann)
        await soon("one", where, bob)


def begin(client: Any, key: str) -> dict[str, str]:
    upload_id = client.create_multipart_upload(Bucket="photos", Key=key)["UploadId"]
    return {"Bucket": "photos", "Key": key, "UploadId": upload_id}


def add_part(client: Any, upload: dict[str, str], number: int, body: bytes) -> dict[str, Any]:
    etag = client.upload_part(**upload, PartNumber=number, Body=body)["ETag"]
    return {"PartNumber": number, "ETag": etag}


def complete(client: Any, upload: dict[str, str], parts: list[dict[str, Any]]) -> None:
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})


async def test_an_upload_ends_where_it_began_at_any_gateway_of_a_fleet_and_over_a_restart(
    brigade, stores, postgres_url
):
    name = f"routes_{secrets.token_hex(4)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    brigade.state = postgres_url.replace("/postgres?", f"/{name}?")
    one, two = stores["one"], stores["two"]
    body = PART + b"the end"
    async with gateway(brigade) as first:
        upload, other = begin(first["ann"], "large"), begin(first["ann"], "dropped")
        parts = [add_part(first["ann"], upload, 1, PART)]
        await route(brigade, "set", "photos", "two")
        await soon("two", where, first["ann"])
        async with gateway(brigade) as second:
            parts.append(add_part(second["ann"], upload, 2, b"the end"))
            # What begins now goes the new way.
            newer = begin(second["ann"], "newer")
            newer_parts = [add_part(first["ann"], newer, 1, b"small")]
    async with gateway(brigade) as third:
        assert len(third["ann"].list_parts(**upload)["Parts"]) == 2
        third["ann"].abort_multipart_upload(**other)
        complete(third["ann"], upload, parts)
        complete(third["ann"], newer, newer_parts)
        assert where(third["ann"]) == "two"
    assert one.get("large") == body
    assert two.get("newer") == b"small"
    assert set(two.keys()) == {"newer", "where"}
    assert one.uploads() == two.uploads() == []


async def test_an_upload_whose_store_has_left_the_configuration_is_refused_in_words(brigade, stores):
    async with gateway(brigade) as clients:
        upload = begin(clients["ann"], "stranded")
    brigade.gateway["store"] = "two"
    brigade.forget("one")
    async with gateway(brigade) as clients:
        with pytest.raises(ClientError, match="no longer behind this gateway") as caught:
            add_part(clients["ann"], upload, 1, b"x")
        assert caught.value.response["Error"]["Code"] == "NoSuchUpload"
        assert where(clients["ann"]) == "two"
    stores["one"].client.abort_multipart_upload(**upload)


async def test_a_route_to_a_store_that_has_left_serves_nobody_and_routes_outlive_another_configuration(brigade, stores):
    async with gateway(brigade) as clients:
        await route(brigade, "set", "photos", "two")
        await soon("two", where, clients["ann"])
        brigade.forget("two")
        await soon("ServiceUnavailable", where, clients["ann"])
        assert where(clients["ann"], "steady") == "one"
        ran = await brigade("route", "test", "photos")
        assert (ran.code, "there is no S3 store 'two' any more" in ran.out) == (1, True)
        brigade.reach("two", stores["two"])
        await soon("two", where, clients["ann"])
