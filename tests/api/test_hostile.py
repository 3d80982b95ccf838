"""A bad user with every scope there is: what makes no sense is refused with words, and nothing of it is kept or shown."""

from __future__ import annotations

import asyncio
import dataclasses
from itertools import product
from urllib.parse import quote

import pytest

from brigade.api.app import make_app
from brigade.api.bounds import MOST_OF_ONE, Bounds
from brigade.api.rates import Rates
from brigade.clock import SystemClock
from brigade.control.access import Scope
from brigade.control.desk import Desk
from brigade.errors import Unstorable
from brigade.state.control_rows import DocumentKind
from brigade.state.state import State
from brigade.testing.browser import Browser
from brigade.testing.clock import ManualClock

PLACES = {"source": "m:a", "target": "m:b"}
ENDLESS = [float("inf"), float("nan"), 10**400, "9" * 400, "9" * 5000 + "d"]


def deep(levels):
    value = {}
    for _ in range(levels):
        value = {"a": value}
    return value


SETTINGS = [
    *[("/replications", deep(levels)) for levels in (20, 300, 900)],
    *[("/replications", {**PLACES, "filters": [deep(900)]})],
    *[
        ("/replications", {**PLACES, name: value})
        for name in ("min_size", "max_age", "reconcile", "bandwidth", "max_delete")
        for value in ENDLESS
    ],
    *[("/stores", {"type": "s3", name: value}) for name in ("requests_per_second", "bandwidth") for value in ENDLESS],
    *[("/replications", {**PLACES, "source": source}) for source in ("m:\0", "m:\ud800", "\ud800", "nowhere:x")],
    ("/replications", {**PLACES, "source": "s3://AKIA:canary@bucket/x"}),
    ("/replications", {**PLACES, "source": "https://user:canary@host/b"}),
    ("/stores", {"type": "s3", "endpoint": "http://user:canary@host"}),
    ("/stores", {"type": "s3", "secret_key": "canary\ud800"}),
    ("/stores", {"type": "s3", "\ud800": "canary"}),
    ("/stores", {"type": "canary"}),
    ("/users", {"keys": [{"access_key": "\0", "secret_key": "canary\ud800"}]}),
    ("/users", {"keys": [None]}),
    ("/users", {"keys": [{"access_key": "ann", "secret_key": "canary-canary"}]}),
]


async def test_settings_that_make_no_sense_are_refused_and_not_repeated(ask, state):
    for number, (path, settings) in enumerate(SETTINGS):
        answer = await ask("POST", path, body={"name": "x", "settings": settings})
        assert (answer.status, answer.json()["error"]["code"]) == (422, "invalid"), (number, answer.body[:300])
        assert b"canary" not in answer.body, number
        if path == "/replications":
            preview = await ask("POST", "/replications/preview", body={"name": "x", "settings": settings})
            assert (preview.status, b"canary" in preview.body) == (422, False), number
    assert await state.control.documents.all() == []
    assert await state.control.audit.page(10) == []


async def test_a_name_is_a_name(ask, state):
    for name in ("", ".", "..", "a/b", "\0", "\ud800", "<script>", "a b", "x" * 129):
        for path, settings in (("/replications", PLACES), ("/stores", {"type": "memory"}), ("/users", {})):
            assert (await ask("POST", path, body={"name": name, "settings": settings})).status == 422, (path, name)
    assert await state.control.documents.all() == []


async def test_a_token_has_a_name_that_can_be_read(ask):
    for name in ("\0", "\ud800", "a\nb", " ", "\x1b[31m"):
        assert (await ask("POST", "/tokens", body={"name": name, "scope": "read"})).status == 422, name
    assert (await ask("GET", "/tokens")).json() == []


async def test_what_the_state_cannot_hold_is_a_mistake_of_whoever_says_it(ask):
    answer = await ask("POST", "/replications/photos/pause", body={"note": "\ud800"})
    assert (answer.status, answer.json()["error"]["code"]) == (422, "invalid")


@pytest.mark.server
async def test_what_postgresql_cannot_hold_is_so_too(postgres_url):
    state = await State.open(postgres_url, clock=SystemClock())
    for text in ("\0", "\ud800"):
        with pytest.raises(Unstorable):
            await state.control.orders.pause("photos", text)
        with pytest.raises(Unstorable):
            await state.control.audit.page(1, subject=text)
    await state.close()


async def test_a_login_leads_to_no_place_that_cannot_be_named(app, tokens):
    for back in ("/€", "/\u2028", "/x\ud800", "/é"):
        form = f"token={tokens[Scope.READ]}&next={quote(back, errors='surrogatepass')}".encode()
        kind = {"content-type": "application/x-www-form-urlencoded"}
        page = await Browser(app)._ask("POST", "/login", form, kind)
        assert (page.status, page.headers["location"]) == (303, "/"), back


FORMS = [
    ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
    ("multipart/form-data", b"x"),
    (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nz\r\n--x--\r\n',
    ),
    ("application/x-www-form-urlencoded", b"a=b&" * 300),
    ("application/x-www-form-urlencoded", b"x" * 2_000_000),
    ("application/json", b"{}"),
]


async def test_a_form_that_is_none_is_answered_by_a_page(browser):
    for path, (kind, body) in product(("/orders/pause", "/new", "/new-store", "/change/photos"), FORMS):
        page = await browser._ask("POST", path, body, {"content-type": kind})
        assert 400 <= page.status < 500, (path, page.status)
        assert page.headers["content-type"].startswith("text/html"), path


async def test_of_many_who_change_the_same_at_once_one_does(ask, state):
    await ask("POST", "/stores", body={"name": "more", "settings": {"type": "memory"}})

    async def change(number):
        body = {"settings": {"type": "memory", "concurrency": number}}
        return (await ask("PUT", "/stores/more", body=body, headers={"if-match": '"1"'})).status

    statuses = await asyncio.gather(*[change(number) for number in range(1, 17)])
    assert sorted(statuses) == [200, *[412] * 15]
    assert (await state.control.documents.find(DocumentKind.STORE, "more")).version == 2
    changes = [row for row in await state.control.audit.page(50) if row.action == "change"]
    assert len(changes) == 1


async def test_of_many_who_make_the_same_name_at_once_one_does(ask, state):
    async def create(number):
        body = {"name": "more", "settings": {"type": "memory", "concurrency": number}}
        return (await ask("POST", "/stores", body=body)).status

    statuses = await asyncio.gather(*[create(number) for number in range(1, 9)])
    assert sorted(statuses) == [201, *[409] * 7]


def asked(client, receive):
    """One request through the bounds alone, to an application that reads the body."""
    scope = {"type": "http", "path": "/x", "client": (client, 1), "headers": []}
    sent = []

    async def send(message):
        sent.append(message)

    return scope, receive, send, sent


async def reads(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def bounds(**more):
    return Bounds(reads, rates=Rates(ManualClock()), rate=lambda: None, **more)


async def never():
    await asyncio.Event().wait()


async def test_a_body_that_never_comes_does_not_hold_a_place_for_ever(app):
    from brigade.api.failing import Refusal

    scope, receive, send, _ = asked("10.0.0.1", never)
    with pytest.raises(Refusal) as caught:
        await bounds(body_seconds=0.05)(scope, receive, send)
    assert (caught.value.status_code, caught.value.told.code) == (408, "too_slow")


async def test_a_listener_may_wait_for_longer_than_a_body_takes():
    ends = asyncio.Event()

    async def listens(scope, receive, send):
        await receive()
        waiting = asyncio.create_task(receive())
        await asyncio.sleep(0.2)
        assert not waiting.done()
        ends.set()
        assert (await waiting)["type"] == "http.disconnect"
        await reads(scope, receive, send)

    messages = [{"type": "http.request", "body": b""}]

    async def receive():
        if messages:
            return messages.pop()
        await ends.wait()
        return {"type": "http.disconnect"}

    bounded = Bounds(listens, rates=Rates(ManualClock()), rate=lambda: None, body_seconds=0.05)
    scope, receive, send, sent = asked("10.0.0.1", receive)
    await bounded(scope, receive, send)
    assert sent[0]["status"] == 204


async def test_one_client_takes_no_more_than_half_of_all_places():
    bounded = bounds()
    holding = [asyncio.create_task(bounded(*asked("10.0.0.1", never)[:3])) for _ in range(MOST_OF_ONE)]
    await asyncio.sleep(0)

    async def at_once():
        return {"type": "http.request", "body": b""}

    statuses = []
    for client in ("10.0.0.1", "10.0.0.2"):
        scope, receive, send, sent = asked(client, at_once)
        await bounded(scope, receive, send)
        statuses.append(sent[0]["status"])
    assert statuses == [429, 204]
    for task in holding:
        task.cancel()
    await asyncio.gather(*holding, return_exceptions=True)
    scope, receive, send, sent = asked("10.0.0.1", at_once)
    await bounded(scope, receive, send)
    assert sent[0]["status"] == 204
    assert not bounded._under_way


async def test_a_cookie_of_a_session_opens_no_operation_of_the_api(app, ask, tokens):
    browser = Browser(app)
    await browser.post("/login", {"token": tokens[Scope.ADMIN]})
    (cookie,) = [f"{name}={value}" for name, value in browser.cookies.items()]
    for method, path in (("GET", "/tokens"), ("POST", "/replications/photos/pause")):
        assert (await ask(method, path, headers={"cookie": cookie})).status == 401


async def test_whoever_lost_his_token_loses_his_form_on_the_way(office, state, plans, tokens):
    app = make_app(dataclasses.replace(office))
    browser = Browser(app)
    await browser.post("/login", {"token": tokens[Scope.ADMIN]})
    csrf = (await browser.get("/new")).csrf
    assert csrf
    from brigade.control.access import revoke_token

    (mine,) = [each for each in await state.control.tokens.all() if each.scope == Scope.ADMIN]
    await revoke_token(Desk(state, SystemClock(), plans, "test"), mine.id)
    page = await browser.post("/new-store", {"csrf": csrf, "type": "memory", "name": "evil"})
    assert (page.status, page.headers["location"]) == (303, "/login")
    assert await state.control.documents.all() == []
