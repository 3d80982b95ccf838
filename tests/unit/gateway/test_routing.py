"""Which store serves whom, what is blocked, and settings that change under way."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from brigade.clock import SystemClock
from brigade.errors import ConfigError
from brigade.gateway.app import serve
from brigade.gateway.routing import Routes
from brigade.gateway.settings import Block, BucketRoute, FixedCredentials, GatewaySettings, StoreTarget, User
from brigade.wire.s3faults import Fault
from brigade.wire.s3requests import parse_buckets
from brigade.wire.sigv4 import Credentials
from brigade.wire.verify import AccessKey

ANNA = User("anna", (AccessKey(Credentials("ANNA", "a")), AccessKey(Credentials("ANNA2", "b"))), store="two")
BERT = User("bert", (AccessKey(Credentials("BERT", "c")),))
STORES = tuple(StoreTarget(name, f"http://{name}.example", FixedCredentials(None)) for name in ("one", "two", "three"))


def routes(**options) -> Routes:
    return Routes(GatewaySettings(STORES, (ANNA, BERT), **{"store": "one", **options}))


def test_the_nearest_route_wins():
    table = routes(routes=(BucketRoute("shared", "three"), BucketRoute("shared", "one", user="anna")))
    assert table.find(BERT, "other", changes=False) == "one"
    assert table.find(ANNA, "other", changes=False) == "two"
    assert table.find(BERT, "shared", changes=False) == "three"
    assert table.find(ANNA, "shared", changes=False) == "one"
    assert table.find(None, "shared", changes=False) == "three"


def test_a_bucket_that_no_store_serves_is_denied():
    with pytest.raises(Fault, match="No store serves"):
        routes(store=None).find(BERT, "b", changes=False)


@pytest.mark.parametrize(
    ("block", "refused"),
    [
        (Block(), {"anna/b", "anna/c", "bert/b", "bert/c"}),
        (Block(bucket="b"), {"anna/b", "bert/b"}),
        (Block(user="anna"), {"anna/b", "anna/c"}),
        (Block(bucket="b", user="anna"), {"anna/b"}),
        (Block(bucket="b", writes_only=True), set()),
    ],
)
def test_a_block_refuses_just_what_it_names(block, refused):
    table = routes(blocks=(block,))
    found = set()
    for user in (ANNA, BERT):
        for bucket in ("b", "c"):
            try:
                table.find(user, bucket, changes=False)
            except Fault as fault:
                found.add((user.name, bucket, fault.code))
    assert {f"{user}/{bucket}" for user, bucket, _ in found} == refused
    assert {code for _, _, code in found} <= {"ServiceUnavailable"}
    if block.writes_only:
        with pytest.raises(Fault):
            table.find(ANNA, "b", changes=True)


def test_every_key_of_a_user_is_theirs():
    table = routes()
    assert {table.user_of(key).name for key in ("ANNA", "ANNA2")} == {"anna"}
    assert table.key("NOBODY") is None


def test_settings_that_contradict_themselves_are_refused():
    with pytest.raises(ConfigError, match="'four'"):
        routes(routes=(BucketRoute("b", "four"),))
    with pytest.raises(ConfigError, match="twice"):
        Routes(GatewaySettings(STORES, (BERT, BERT)))


def listing(*names: str, status: bytes = b"200 OK") -> bytes:
    rows = "".join(
        f"<Bucket><Name>{name}</Name><CreationDate>2026-01-01T00:00:00Z</CreationDate></Bucket>" for name in names
    )
    owner = "<Owner><ID>id</ID><DisplayName>me</DisplayName></Owner>"
    body = f"<ListAllMyBucketsResult>{owner}<Buckets>{rows}</Buckets></ListAllMyBucketsResult>".encode()
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


async def test_a_lone_store_lists_its_buckets_in_its_own_words(scene):
    scene.store.answers.append(listing("a", "b"))
    reply = await scene.client.send("GET", "/", "max-buckets=5")
    assert listing("a", "b").endswith(reply.body)
    assert scene.store.received[0].target == "/?max-buckets=5"


async def test_the_buckets_of_all_routes_are_listed_and_no_others(open_scene):
    scene = await open_scene(routes=(BucketRoute("moved", "two"), BucketRoute("other", "two", user="else")))
    scene.store.answers.append(listing("a", "moved", "other"))
    scene.stores["two"].answers.append(listing("moved", "hidden"))
    reply = await scene.client.send("GET", "/")
    assert [bucket.name for bucket in parse_buckets(reply.body).buckets] == ["a", "moved", "other"]


async def test_a_store_that_does_not_list_makes_the_whole_list_fail(open_scene):
    scene = await open_scene(routes=(BucketRoute("moved", "two"),))
    scene.store.answers.append(listing("a"))
    scene.stores["two"].answers.append(listing(status=b"500 Oops"))
    reply = await scene.client.send("GET", "/")
    assert (reply.status, reply.code) == (503, "ServiceUnavailable")


async def test_a_change_of_routes_drops_no_request(scene):
    """Requests without a pause while routes go back and forth: each is answered, by one store or the other."""
    statuses: list[int] = []
    done = asyncio.Event()

    async def ask() -> None:
        while not done.is_set():
            statuses.append((await scene.client.send("GET", "/b/k")).status)

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(ask())
        for number in range(20):
            await scene.gateway.update(replace(scene.settings, store=("one", "two")[number % 2]))
            await asyncio.sleep(0.01)
        done.set()
    assert set(statuses) == {200}
    assert all(store.received for store in scene.stores.values())


async def test_a_request_under_way_ends_at_a_store_that_has_left_the_settings(scene):
    asked, go = asyncio.Event(), asyncio.Event()

    async def slowly(writer):
        asked.set()
        await go.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    scene.store.answers.append(slowly)
    async with asyncio.TaskGroup() as group:
        reply = group.create_task(scene.client.send("GET", "/b/k"))
        await asked.wait()
        two = tuple(store for store in scene.settings.stores if store.name == "two")
        await scene.gateway.update(replace(scene.settings, stores=two, store="two"))
        assert (await scene.client.send("GET", "/b/k")).status == 200
        go.set()
    assert reply.result().body == b"ok"
    assert len(scene.stores["two"].received) == 1


async def test_a_request_under_way_ends_at_its_store_however_many_settings_came_since(scene):
    asked, go = asyncio.Event(), asyncio.Event()

    async def slowly(writer):
        asked.set()
        await go.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    scene.store.answers.append(slowly)
    two = tuple(store for store in scene.settings.stores if store.name == "two")
    async with asyncio.TaskGroup() as group:
        reply = group.create_task(scene.client.send("GET", "/b/k"))
        await asked.wait()
        # The store goes over from plant to plant, and leaves with one that no request has entered.
        for number in range(3):
            await scene.gateway.update(replace(scene.settings, set_routes=(BucketRoute("c", "two", f"u{number}"),)))
        await scene.gateway.update(replace(scene.settings, stores=two, store="two"))
        await scene.gateway.update(replace(scene.settings, stores=two, store="two", anonymous=True))
        go.set()
    assert reply.result().body == b"ok"


async def test_requests_under_way_end_when_the_gateway_does():
    asked, go = asyncio.Event(), asyncio.Event()

    async def slowly(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await go.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    store = await asyncio.start_server(slowly, "127.0.0.1", 0)
    place = f"http://127.0.0.1:{store.sockets[0].getsockname()[1]}"
    settings = GatewaySettings(
        (StoreTarget("one", place, FixedCredentials(None)),), (), store="one", port=0, anonymous=True
    )

    async def ask(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer

    async with asyncio.timeout(80), asyncio.TaskGroup() as group:
        async with serve(settings, clock=SystemClock(), drain_seconds=5) as gateway:
            port = gateway.address[1]
            reply = group.create_task(ask(port))
            await asked.wait()
            group.create_task(_later(go))
        with pytest.raises(OSError, match=r"refused|Connect"):
            await asyncio.open_connection("127.0.0.1", port)
    assert reply.result().endswith(b"ok")
    store.close()
    await asyncio.sleep(0.05)


async def _later(go: asyncio.Event) -> None:
    await asyncio.sleep(0.1)
    go.set()


async def test_wrong_settings_keep_the_old_ones(scene):
    with pytest.raises(ConfigError):
        await scene.gateway.update(replace(scene.settings, store="nowhere"))
    assert (await scene.client.send("GET", "/b/k")).status == 200


async def test_a_blocked_bucket_is_refused_before_its_body_is_read(open_scene):
    scene = await open_scene(blocks=(Block(bucket="b"),))
    reply = await scene.client.send("PUT", "/b/k", body=b"x")
    assert (reply.status, reply.code) == (503, "ServiceUnavailable")
    assert not scene.store.received
    assert not scene.capture.events
    assert (await scene.client.send("PUT", "/c/k", body=b"x")).status == 200


async def test_a_bucket_may_stand_in_the_host_name(open_scene):
    scene = await open_scene(domains=("s3.example",))
    reply = await scene.client.send("GET", "/a/key", host="photos.s3.example:9000")
    assert reply.status == 200
    await scene.client.send("GET", "/photos/key", host="s3.example")
    await scene.client.send("GET", "/", "list-type=2", host="photos.s3.example")
    assert [request.target for request in scene.store.received] == [
        "/photos/a/key",
        "/photos/key",
        "/photos/?list-type=2",
    ]
    await scene.client.send("PUT", "/k", host="photos.s3.example", body=b"x")
    assert scene.capture.events[0] == ("intend", "photos", ["k"])


async def test_the_anonymous_are_refused_unless_they_are_allowed_and_then_pass_unsigned(open_scene):
    scene = await open_scene()
    assert (await scene.client.send("GET", "/b/k", signed=False)).code == "AccessDenied"
    scene = await open_scene(anonymous=True)
    assert (await scene.client.send("PUT", "/b/k", body=b"x", signed=False)).status == 200
    (received,) = scene.store.received
    assert "authorization" not in received.headers
    assert scene.capture.events[0] == ("intend", "b", ["k"])


async def test_a_browsers_question_for_leave_passes_unsigned(scene):
    headers = [("origin", "http://a.example"), ("access-control-request-method", "PUT")]
    assert (await scene.client.send("OPTIONS", "/b/k", headers=headers, signed=False)).status == 200
    assert "authorization" not in scene.store.received[0].headers
