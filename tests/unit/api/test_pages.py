"""Pages: who may see them, what their forms must carry, and that nothing on them is taken for markup."""

from __future__ import annotations

import re

import pytest

from brigade.api.app import make_app
from brigade.api.office import Office
from brigade.api.pages.assets import assets
from brigade.api.pages.parts import PARTS
from brigade.api.pages.sessions import MOST_SESSIONS, SESSION_SECONDS, Sessions
from brigade.api.pages.visit import PageRoute
from brigade.clock import SystemClock
from brigade.control.access import Scope, revoke_token
from brigade.control.desk import Desk
from brigade.testing.browser import Browser
from brigade.testing.clock import ManualClock

# What each page needs. A new page has to be written down here; None: no login at all.
NEEDS = {
    ("GET", "/login"): None,
    ("POST", "/login"): None,
    ("POST", "/logout"): Scope.READ,
    ("GET", "/"): Scope.READ,
}


@pytest.fixture
def browser(app):
    return Browser(app)


@pytest.fixture
async def logged_in(app, tokens):
    """A browser for each scope, whose token was shown to it."""
    found = {}
    for scope, token in tokens.items():
        found[scope] = Browser(app)
        assert (await found[scope].post("/login", {"token": token})).status == 303
    return found


def pages():
    return {
        (method, route.path)
        for part in PARTS
        for route in part.router.routes
        if isinstance(route, PageRoute)
        for method in route.methods
    }


def example(path):
    return path.replace("{run_id}", "1").replace("{name:path}", "photos").replace("{name}", "photos")


async def test_every_page_needs_its_scope(app, logged_in):
    assert pages() == set(NEEDS)
    stranger = Browser(app)
    for (method, path), needed in NEEDS.items():
        if needed is None or path == "/logout":
            continue
        for scope, browser in logged_in.items():
            asked = browser.get(example(path)) if method == "GET" else browser.send("/", example(path))
            page = await asked
            assert (page.status == 403) is not scope.opens(needed), (method, path, scope, page.text)
            assert page.headers["content-type"].startswith(("text/html", "application/")) or page.status == 303
        page = await (stranger.get(example(path)) if method == "GET" else stranger.post(example(path), {}))
        assert (page.status, page.headers["location"].startswith("/login")) == (303, True), (method, path)


async def test_a_login_makes_a_cookie_that_no_script_and_no_other_site_gets(app, tokens):
    browser = Browser(app)
    page = await browser.post("/login", {"token": tokens[Scope.READ], "next": "/?sort=name"})
    assert (page.status, page.headers["location"]) == (303, "/?sort=name")
    cookie = page.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={SESSION_SECONDS}"))
    assert "Secure" not in cookie
    assert tokens[Scope.READ].split("_")[2] not in cookie
    assert (await browser.get("/")).status == 200
    encrypted = Browser(app, scheme="https")
    page = await encrypted.post("/login", {"token": tokens[Scope.READ]})
    assert page.headers["set-cookie"].startswith("__Host-brigade=")
    assert "Secure" in page.headers["set-cookie"]
    assert (await encrypted.get("/")).status == 200


@pytest.mark.parametrize("token", ["", "brg_0_x", "nonsense", "brg", "\x00", "brg__"])
async def test_a_wrong_token_opens_nothing(browser, tokens, token):
    page = await browser.post("/login", {"token": token})
    assert page.status in (401, 422)
    assert not browser.cookies
    assert (await browser.get("/")).status == 303


async def test_a_login_form_of_another_site_is_refused(browser, tokens):
    headers = {"origin": "http://evil.example"}
    assert (await browser.post("/login", {"token": tokens[Scope.READ]}, headers)).status == 403


@pytest.mark.parametrize("back", ["//evil.example", "http://evil.example", "/\\evil.example", "/\r\nx: y", ""])
async def test_a_login_leads_nowhere_else(browser, tokens, back):
    page = await browser.post("/login", {"token": tokens[Scope.READ], "next": back})
    assert page.headers["location"] == "/"


async def test_a_logout_ends_the_session_and_not_only_the_cookie(app, logged_in):
    browser = logged_in[Scope.READ]
    stolen = Browser(app)
    stolen.cookies = dict(browser.cookies)
    assert (await stolen.get("/")).status == 200
    assert (await browser.send("/", "/logout")).status == 303
    assert not browser.cookies
    assert (await stolen.get("/")).status == 303


async def test_a_session_ends_with_its_token(logged_in, state, plans):
    assert (await logged_in[Scope.READ].get("/")).status == 200
    desk = Desk(state, SystemClock(), plans, "test")
    for each in await state.control.tokens.all():
        if each.scope == Scope.READ:
            await revoke_token(desk, each.id)
    assert (await logged_in[Scope.READ].get("/")).status == 303


async def test_a_session_ends_with_its_time(state, plans, tokens):
    clock = ManualClock()
    app = make_app(Office(state, clock, lambda: plans, is_local=True))
    browser = Browser(app)
    await browser.post("/login", {"token": tokens[Scope.READ]})
    clock.advance(SESSION_SECONDS - 1)
    assert (await browser.get("/")).status == 200
    clock.advance(2)
    assert (await browser.get("/")).status == 303


def test_sessions_are_bounded():
    sessions = Sessions(ManualClock())
    first = sessions.begin("one")
    others = [sessions.begin("others") for _ in range(MOST_SESSIONS)]
    assert sessions.find(first) is None
    assert sessions.find(others[0]).token_id == "others"


async def test_a_form_without_the_csrf_token_of_its_session_does_nothing(app, logged_in):
    browser = logged_in[Scope.ADMIN]
    for form in ({}, {"csrf": ""}, {"csrf": "x"}, {"csrf": (await logged_in[Scope.READ].get("/")).csrf}):
        page = await browser.post("/logout", form)
        assert (page.status, "text/html" in page.headers["content-type"]) == (403, True)
    assert (await browser.get("/")).status == 200


async def test_without_any_token_this_machine_needs_no_login_and_its_forms_csrf_all_the_same(app, browser):
    assert (await browser.get("/")).status == 200
    assert (await browser.post("/logout", {})).status == 403
    for host in ("evil.example", "127.0.0.1.evil.example"):
        assert (await Browser(app, host=host).get("/")).status == 303


async def test_pages_let_nothing_run_that_is_not_shipped(browser):
    for path in ("/", "/login", "/?page=x"):
        page = await browser.get(path)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=|javascript:", page.text), path
        assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", page.text), path


async def test_nothing_but_what_is_shipped_is_served_as_a_file(browser):
    for name, asset in assets().items():
        page = await browser.get(f"/static/{name}?{asset.mark}")
        assert (page.status, page.headers["cache-control"][:6]) == (200, "public")
        assert (await browser.get(f"/static/{name}", {"if-none-match": f'"{asset.mark}"'})).status == 304
    for path in (
        "../app.py",
        "%2e%2e/app.py",
        "..%2f..%2fapp.py",
        "/etc/passwd",
        "htmx.LICENSE.txt",
        "../pages/login.py",
    ):
        assert (await browser.get(f"/static/{path}")).status == 404, path


async def test_markup_in_addresses_is_text(browser):
    page = await browser.get("/?text=%3Cscript%3Ealert(1)%3C/script%3E%22")
    assert page.status == 200
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text


async def test_a_fragment_is_a_part_of_the_page_and_a_history_entry_is_whole(browser, tokens, logged_in):
    part = await logged_in[Scope.READ].get("/", {"hx-request": "true"})
    assert "<html" not in part.text
    assert "photos" in part.text
    whole = await logged_in[Scope.READ].get("/", {"hx-request": "true", "hx-history-restore-request": "true"})
    assert "<html" in whole.text
    page = await browser.get("/", {"hx-request": "true"})
    assert (page.status, page.headers["hx-redirect"]) == (401, "/login")
