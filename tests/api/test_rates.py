"""How often a client may ask: each by itself, whether a token or an address, and nobody by guessing."""

from __future__ import annotations

import dataclasses

import pytest

from brigade.api import inside
from brigade.api.app import make_app
from brigade.api.rates import MOST_CLIENTS, Rate, Rates, shown_in
from brigade.control.access import Scope
from brigade.testing.browser import Browser
from brigade.testing.clock import ManualClock

RATE = Rate(2.0, 5)


def bearer(token):
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def app(office, clock):
    return make_app(dataclasses.replace(office, clock=clock, rate=lambda: RATE))


async def refused_after(ask, path, most=20, **more):
    """How many requests are answered before the first 429."""
    for number in range(most):
        answer = await ask("GET", path, **more)
        if answer.status == 429:
            return number, answer
    return None, None


async def test_whoever_asks_too_often_is_told_when_to_come_back(ask, clock):
    answered, refused = await refused_after(ask, "/replications")
    assert answered == RATE.burst
    assert (refused.headers["retry-after"], refused.json()["error"]["code"]) == ("1", "busy")
    assert set(refused.json()["error"]) == {"code", "message", "hint"}
    clock.advance(1)
    assert (await refused_after(ask, "/replications"))[0] == 2
    clock.advance(3600)
    assert (await refused_after(ask, "/replications"))[0] == RATE.burst


async def test_each_token_is_a_client_of_its_own(ask, tokens):
    reading, operating = bearer(tokens[Scope.READ]), bearer(tokens[Scope.OPERATE])
    # The first request of each is one of the address, which does not know yet who it is.
    assert (await refused_after(ask, "/replications", headers=reading))[0] == 1 + RATE.burst
    assert (await refused_after(ask, "/replications", headers=operating))[0] == 1 + RATE.burst


async def test_each_guess_is_a_request_of_the_one_who_guesses_and_of_nobody_else(ask, tokens):
    assert (await ask("GET", "/replications", headers=bearer(tokens[Scope.READ]))).status == 200
    statuses = [(await ask("GET", "/replications", headers=bearer(f"brg_0_{n}"))).status for n in range(RATE.burst)]
    assert statuses == [401] * (RATE.burst - 1) + [429]
    assert (await ask("GET", "/replications", headers=bearer(tokens[Scope.READ]))).status == 200


async def test_a_cookie_counts_as_its_token_and_invented_ones_as_the_address(app, tokens):
    browser = Browser(app)
    await browser.post("/login", {"token": tokens[Scope.READ]})
    assert (await browser.get("/")).status == 200
    statuses = []
    for number in range(RATE.burst):
        stranger = Browser(app)
        stranger.cookies["brigade"] = str(number)
        statuses.append((await stranger.get("/login")).status)
    assert 429 in statuses
    assert (await browser.get("/")).status == 200


async def test_probes_and_listeners_are_not_counted(app, office, ask, tokens):
    for path in ("/livez", "/readyz"):
        for _ in range(RATE.burst + 2):
            assert (await inside.ask(app, "GET", path)).status in (200, 503)
    office.ends.set()
    known = bearer(tokens[Scope.READ])
    assert (await ask("GET", "/replications", headers=known)).status == 200
    assert (await refused_after(ask, "/events", headers=known))[0] is None
    assert (await ask("GET", "/replications", headers=known)).status == 200


async def test_a_state_that_is_asked_in_this_process_is_asked_as_often_as_one_likes(office):
    app = make_app(office)
    for _ in range(20):
        assert (await inside.ask(app, "GET", "/api/v1/tokens")).status == 200


def client(address):
    return {"type": "http", "client": (address, 1), "headers": []}


def test_a_network_of_one_host_is_one_client(clock):
    rates = Rates(clock)
    waits = [rates.wait_seconds(rates.client(client(f"2001:db8::{n}"), None), RATE) for n in range(1, RATE.burst + 2)]
    assert waits == [0] * RATE.burst + [0.5]
    assert rates.wait_seconds(rates.client(client("2001:db8:0:1::1"), None), RATE) == 0
    assert rates.wait_seconds(rates.client(client("fe80::1%eth0"), None), RATE) == 0


def test_many_clients_cost_no_memory(clock):
    rates = Rates(clock)
    for number in range(MOST_CLIENTS + 500):
        rates.wait_seconds(rates.client(client(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"), None), RATE)
        rates.note(str(number).encode(), str(number))
    assert len(rates._buckets) == len(rates._proven) == MOST_CLIENTS
    assert shown_in(client("10.0.0.1")) is None
