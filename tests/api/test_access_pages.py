"""Tokens and users on their page: made, shown once, taken away; only by those who may."""

from __future__ import annotations

import html
import re

from brigade.control.access import Scope, identify
from brigade.control.sealing import MASK
from brigade.state.control_rows import DocumentKind
from brigade.testing.browser import Browser

CHANGE = "/access/users/bob/change"
SCRIPT = "<script>alert(1)</script>"


def shown_in(page):
    """What is shown once."""
    return [html.unescape(each) for each in re.findall(r'<dd class="mono key">([^<]+)</dd>', page.text)]


async def test_a_token_is_made_shown_once_used_and_revoked(app, browser, state, office, tokens):
    await browser.post("/login", {"token": tokens[Scope.ADMIN]})
    page = await browser.send("/access", "/access/token", {"name": SCRIPT, "scope": "operate", "days": "7"})
    (token,) = shown_in(page)
    assert (page.status, page.headers["cache-control"]) == (200, "no-store")
    assert SCRIPT not in page.text
    who = await identify(state, office.clock, token)
    assert who is not None
    assert who.scope is Scope.OPERATE
    assert token not in (await browser.get("/access")).text
    assert token.split("_", 2)[2] not in (await browser.get("/audit")).text
    row = await state.control.tokens.find(who.token_id)
    assert row.expires_ns - row.created_ns == 7 * 86_400 * 10**9
    made = Browser(app)
    assert (await made.post("/login", {"token": token})).status == 303
    assert (await browser.send("/access", "/access/revoke", {"name": who.token_id})).status == 303
    assert (await made.get("/")).status == 303
    assert (await browser.send("/access", "/access/revoke", {"name": who.token_id})).status == 404


async def test_a_token_that_makes_no_sense_is_not_made(browser, state):
    for form in (
        {"name": "", "scope": "read"},
        {"name": "x", "scope": "root"},
        {"name": "x", "scope": "read", "days": "0"},
        {"name": "x", "scope": "read", "days": "٣"},
        {"name": "x", "scope": "read", "days": "9999"},
    ):
        assert (await browser.send("/access", "/access/token", form)).status == 422, form
    assert (await browser.send("/access", "/access/nothing", {"name": "x"})).status == 422
    assert await state.control.tokens.all() == []


async def test_a_user_is_made_gets_keys_loses_one_and_goes(browser, state, plans):
    page = await browser.send("/access", "/access/user", {"name": "bob", "store": "ceph"})
    first, secret = shown_in(page)
    document = await state.control.documents.find(DocumentKind.USER, "bob")
    assert plans.sealer().open(document.settings, "user.bob") == {
        "store": "ceph",
        "keys": [{"access_key": first, "secret_key": secret}],
    }
    second, _ = shown_in(await browser.send("/access", "/access/key", {"name": "bob"}))
    listed = (await browser.get("/access")).text
    assert first in listed
    assert secret not in listed
    assert "canary" not in listed
    form = {"name": "bob", "access_key": first}
    assert (await browser.send("/access", "/access/remove-key", form)).status == 303
    listed = (await browser.get("/access")).text
    assert (first in listed, second in listed) == (False, True)
    assert (await browser.send("/access", "/access/delete-user", {"name": "bob", "version": "1"})).status == 412
    assert (await browser.send("/access", "/access/delete-user", {"name": "bob", "version": "3"})).status == 303
    assert (await browser.send("/access", "/access/key", {"name": "ann"})).status == 409


async def test_a_user_is_changed_and_his_keys_stay(browser, state, plans):
    first, secret = shown_in(await browser.send("/access", "/access/user", {"name": "bob", "store": "ceph"}))
    assert 'href="/access/users/bob/change"' in (await browser.get("/access")).text
    page = await browser.get(CHANGE)
    assert "<option selected>ceph</option>" in page.text
    assert first in page.text
    assert secret not in page.text
    assert MASK not in page.text
    assert (await browser.send(CHANGE, CHANGE, {"version": "1", "store": "", "block": "writes"})).status == 303
    document = await state.control.documents.find(DocumentKind.USER, "bob")
    keys = [{"access_key": first, "secret_key": secret}]
    assert plans.sealer().open(document.settings, "user.bob") == {"keys": keys, "block": "writes"}
    assert '<option value="writes" selected>' in (await browser.get(CHANGE)).text
    assert "writes refused" in (await browser.get("/access")).text
    assert (await browser.send(CHANGE, CHANGE, {"version": "2", "store": "ceph", "block": ""})).status == 303
    document = await state.control.documents.find(DocumentKind.USER, "bob")
    assert plans.sealer().open(document.settings, "user.bob") == {"keys": keys, "store": "ceph"}


async def test_of_two_who_change_a_user_the_second_is_told_and_changes_nothing(browser, state):
    await browser.send("/access", "/access/user", {"name": "bob", "store": "ceph"})
    await browser.send("/access", "/access/key", {"name": "bob"})
    page = await browser.send(CHANGE, CHANGE, {"version": "1", "store": "m", "block": ""})
    assert 'role="alert"' in page.text
    assert "<option selected>m</option>" in page.text
    for form in ({"store": "nothing"}, {"store": SCRIPT}, {"block": "x"}):
        page = await browser.send(CHANGE, CHANGE, {"version": "2", "store": "", "block": "", **form})
        assert 'role="alert"' in page.text, form
        assert SCRIPT not in page.text
    assert (await browser.send(CHANGE, CHANGE, {"store": "", "block": ""})).status == 422, "no version"
    assert (await state.control.documents.find(DocumentKind.USER, "bob")).version == 2
    for name, status in (("ann", 409), ("nobody", 404)):
        assert (await browser.get(f"/access/users/{name}/change")).status == status
        assert (await browser.send(CHANGE, f"/access/users/{name}/change", {"version": "1"})).status == status


async def test_who_may_only_read_sees_users_and_no_token(app, tokens):
    browser = Browser(app)
    await browser.post("/login", {"token": tokens[Scope.READ]})
    page = await browser.get("/access")
    assert "ann" in page.text
    assert 'id="tokens"' not in page.text
    assert "/access/" not in page.text
