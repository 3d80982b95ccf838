"""Pages: who may see them, what their forms must carry, and that nothing on them is taken for markup."""

from __future__ import annotations

import dataclasses
import html
import json
import re

import pytest
from sqlalchemy import select

from brigade.api.app import make_app
from brigade.api.office import Office
from brigade.api.pages.assets import assets
from brigade.api.pages.parts import PARTS
from brigade.api.pages.sessions import SESSION_SECONDS
from brigade.api.pages.settings import Choices, form_of, settings_of
from brigade.api.pages.visit import PageRoute
from brigade.clock import SystemClock
from brigade.config.replications import LiveMode, ReplicationSection
from brigade.control import ordering
from brigade.control.access import Scope, revoke_token
from brigade.control.desk import Desk
from brigade.control.report_file import report_line
from brigade.control.reporting import RunReport
from brigade.engine.report import ActionKind, Outcome
from brigade.objects import Proof
from brigade.state.control_rows import Sample
from brigade.state.owner import Owner
from brigade.state.rows import RunKind, RunState
from brigade.state.schema import sessions
from brigade.testing.browser import Browser
from brigade.testing.clock import ManualClock

# What each page needs. A new page has to be written down here; None: no login at all.
NEEDS = {
    ("GET", "/login"): None,
    ("POST", "/login"): None,
    ("POST", "/logout"): Scope.READ,
    ("GET", "/"): Scope.READ,
    ("GET", "/replications/{name:path}"): Scope.READ,
    ("GET", "/charts/{name:path}"): Scope.READ,
    ("POST", "/orders/{what}"): Scope.OPERATE,
    ("POST", "/delete"): Scope.ADMIN,
    ("GET", "/new"): Scope.ADMIN,
    ("POST", "/new"): Scope.ADMIN,
    ("POST", "/new/preview"): Scope.ADMIN,
    ("GET", "/change/{name}"): Scope.ADMIN,
    ("POST", "/change/{name}"): Scope.ADMIN,
    ("POST", "/change/{name}/preview"): Scope.ADMIN,
    ("GET", "/failures"): Scope.READ,
    ("POST", "/failures/{what}"): Scope.OPERATE,
    ("GET", "/runs"): Scope.READ,
    ("GET", "/runs/{run_id}"): Scope.READ,
    ("GET", "/runs/{run_id}/report.jsonl"): Scope.READ,
    ("GET", "/routes"): Scope.READ,
    ("POST", "/routes/{what}"): Scope.OPERATE,
    ("GET", "/stores"): Scope.READ,
    ("GET", "/stores/{name}"): Scope.READ,
    ("POST", "/stores/{name}/check"): Scope.OPERATE,
    ("GET", "/new-store"): Scope.ADMIN,
    ("POST", "/new-store"): Scope.ADMIN,
    ("GET", "/stores/{name}/change"): Scope.ADMIN,
    ("POST", "/stores/{name}/change"): Scope.ADMIN,
    ("POST", "/stores/{name}/delete"): Scope.ADMIN,
    ("GET", "/access"): Scope.READ,
    ("POST", "/access/{what}"): Scope.ADMIN,
    ("GET", "/access/users/{name}/change"): Scope.ADMIN,
    ("POST", "/access/users/{name}/change"): Scope.ADMIN,
    ("GET", "/audit"): Scope.READ,
}


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
    return path.replace("{run_id}", "1").replace("{name:path}", "photos").replace("{name}", "m").replace("{what}", "x")


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
            assert page.status == 303 or page.headers["content-type"].startswith(("text/html", "application/json"))
        page = await (stranger.get(example(path)) if method == "GET" else stranger.post(example(path), {}))
        assert (page.status, page.headers["location"].startswith("/login")) == (303, True), (method, path)


async def test_a_login_makes_a_cookie_that_no_script_and_no_other_site_gets(app, tokens):
    browser = Browser(app)
    page = await browser.post("/login", {"token": tokens[Scope.READ], "next": "/?sort=name"})
    assert (page.status, page.headers["location"]) == (303, "/?sort=name")
    cookie = page.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={SESSION_SECONDS}"))
    assert "Secure" not in cookie
    assert tokens[Scope.READ].split("_", 2)[2] not in cookie
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


async def test_behind_somebody_who_ends_tls_the_cookie_is_for_tls_only(browser, tokens):
    headers = {"origin": "https://127.0.0.1:9100"}
    page = await browser.post("/login", {"token": tokens[Scope.READ]}, headers)
    assert (page.status, "Secure" in page.headers["set-cookie"]) == (303, True)


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


async def test_processes_that_share_a_state_share_its_sessions(office, logged_in):
    browser = logged_in[Scope.ADMIN]
    other = Browser(make_app(dataclasses.replace(office)))
    other.cookies = dict(browser.cookies)
    form = {"name": "photos"}
    assert (await other.send("/", "/orders/pause", form)).status == 303
    carried = {**form, "csrf": (await browser.get("/")).csrf}
    assert (await other.post("/orders/resume", carried)).status == 303, "a form of one process is a form of the other"
    assert (await other.send("/", "/logout")).status == 303
    assert (await browser.get("/")).status == 303


async def test_what_is_kept_of_a_session_opens_nothing(logged_in, state):
    (session_id,) = logged_in[Scope.ADMIN].cookies.values()
    csrf = (await logged_in[Scope.ADMIN].get("/")).csrf
    rows = await state._database.read.run(lambda connection: connection.execute(select(sessions)).all())
    assert len(rows) == len(logged_in)
    kept = repr(rows) + "".join(row.digest.hex() for row in rows)
    assert session_id not in kept
    assert csrf not in kept


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


async def test_without_any_token_a_form_outlives_the_process_and_holds_at_another(office, browser):
    carried = {"name": "photos", "csrf": (await browser.get("/replications/photos")).csrf}
    other = Browser(make_app(dataclasses.replace(office)))
    assert (await other.post("/orders/pause", carried)).status == 303
    assert (await other.post("/orders/pause", {**carried, "csrf": carried["csrf"][::-1]})).status == 403


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


SCRIPT = "<script>alert('1')</script>"
NOISE = "a\x1b[31m\udc80\u2028"


@pytest.fixture
async def furnished(state, plans):
    """A state with something on each page, whose texts are all of the worst kind."""
    identity = plans.known([])[0].identity
    replication_id = await state.replications.ensure("photos", identity)
    await state.replications.ensure(f"{SCRIPT}/b", "somewhere → else")
    keys = [f"{SCRIPT}{number}" for number in range(3)] + [NOISE]
    await state.backlog.mark(replication_id, keys, live=True)
    for claim in await state.backlog.claim([replication_id], str(Owner.current()), 10, 60):
        await state.backlog.park(claim, f"the target refuses {SCRIPT!r}: 403")
    await state.backlog.dismiss(replication_id, [f"{SCRIPT}2"], SCRIPT)
    run = await state.runs.begin(replication_id, RunKind.SYNC, {}, Owner.current(), 60)
    report = RunReport(state, run.id)
    outcome = Outcome(SCRIPT, ActionKind.COPY, SCRIPT, Proof.ETAG, 5000)
    failed = Outcome(NOISE, ActionKind.COPY, "it is missing", Proof.NONE, 1, SCRIPT)
    async with report.kept(SystemClock()):
        report.outcome(outcome)
        report.outcome(failed)
    await state.control.activity.add(replication_id, [json.loads(report_line(each)) for each in (outcome, failed)])
    await state.routes.block("ann", "pets", writes_only=True, note=SCRIPT)
    desk = Desk(state, SystemClock(), plans, SCRIPT)
    await ordering.pause(desk, "photos", SCRIPT)
    return run.id


PAGES = [
    "/",
    "/replications/photos",
    "/new",
    "/failures",
    "/failures?replication=photos&reason=refuses",
    "/runs",
    "/runs?replication=photos",
    "/runs/1",
    "/runs/1?failed=yes",
    "/routes",
    "/routes?bucket=pets&user=ann&method=PUT",
    "/stores",
    "/stores/ceph",
    "/new-store",
    "/new-store?type=s3",
    "/new-store?type=file",
    "/access",
    "/audit",
]


@pytest.mark.parametrize("path", PAGES)
async def test_nothing_on_a_page_is_taken_for_markup_and_nothing_secret_is_on_it(browser, furnished, path):
    page = await browser.get(path)
    assert page.status == 200, page.text
    assert "canary" not in page.text
    assert "<script>alert" not in page.text
    assert "\x1b" not in page.text
    assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=", page.text)
    # Every field has a label, every button and link has words.
    ids = set(re.findall(r'<label[^>]*for="([^"]+)"', page.text))
    for tag in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page.text):
        if 'type="hidden"' not in tag and 'type="checkbox"' not in tag and 'name="note"' not in tag:
            assert re.search(r'id="([^"]+)"', tag).group(1) in ids, tag
    assert not re.search(r"<(button|a)\b[^>]*>\s*</\1>", page.text)
    assert len(re.findall(r"<h1", page.text)) == 1
    found = re.findall(r'\sid="([^"]+)"', page.text)
    assert len(found) == len(set(found)), path


@pytest.mark.parametrize(
    "path",
    [
        "/replications/nothing",
        "/runs/999",
        "/runs?replication=nothing",
        "/stores/nothing",
        "/runs/x",
        "/charts/nothing",
    ],
)
async def test_what_is_not_there_is_told_by_a_page(browser, path):
    page = await browser.get(path)
    assert page.status in (404, 422)
    assert page.headers["content-type"].startswith("text/html")
    assert "That did not work" in page.text


async def test_why_no_run_can_begin_is_told_by_the_api_and_on_the_pages(browser, ask, state):
    await state.control.troubles.note("photos", SCRIPT)
    (told,) = (await ask("GET", "/replications/photos")).json()["status"]
    assert (told["standing"], told["trouble"]) == ("failing", SCRIPT)
    for path in ("/", "/replications/photos"):
        page = await browser.get(path)
        assert f"no run can begin: {SCRIPT}" in html.unescape(page.text).replace("No", "no").replace("</strong>", "")
        assert "<script>alert" not in page.text


async def test_a_replication_that_has_run_by_its_places_alone_has_a_page(browser, state, plans):
    (known,) = plans.known([])
    number = await state.replications.ensure("m:photos → m:copies", known.identity)
    await state.runs.finish(
        await state.runs.begin(number, RunKind.SYNC, {}, Owner.current(), 60), RunState.DONE, {"copied": 3}
    )
    await state.replications.ensure("m:x → m:y", "x → y")
    assert (await browser.get("/replications/photos")).status == 200
    page = await browser.get("/runs")
    assert 'href="/replications/m' not in page.text
    (path,) = re.findall(r'href="(/runs[?][^"]+)"', page.text)
    assert (await browser.get(html.unescape(path))).status == 200
    assert "It is not kept" in (await browser.get("/runs/1")).text


async def test_a_report_is_downloaded_as_it_is_filtered(browser, furnished):
    page = await browser.get("/runs/1/report.jsonl?failed=yes")
    assert "attachment" in page.headers["content-disposition"]
    assert [json.loads(line)["key"] for line in page.text.splitlines()] == [NOISE]


async def test_a_shared_run_shows_who_worked_on_which_keys(browser, ask, furnished, state):
    assert "Who worked on which keys" not in (await browser.get("/runs/1")).text
    number = await state.replications.ensure("shared", "x")
    run = await state.runs.begin(number, RunKind.SYNC, {}, Owner.current(), 60, shared=True)
    (whole,) = (await state.ranges.look(run)).ranges
    part = await state.ranges.claim(whole, Owner.current(), 60)
    await state.ranges.split(part, SCRIPT)
    page = await browser.get(f"/runs/{run.id}")
    assert "2 parts" in page.text
    assert "<script>alert" not in page.text
    first, second = (await ask("GET", f"/runs/{run.id}/ranges")).json()
    assert (first["after"], first["upto"], first["state"], first["worker"]) == (
        "",
        SCRIPT,
        "running",
        Owner.current().label,
    )
    assert (second["after"], second["upto"], second["state"], second["worker"]) == (SCRIPT, None, "waiting", None)
    assert (await ask("GET", "/runs/1/ranges")).json() == []


async def test_runs_and_failures_are_narrowed_by_what_they_are(browser, furnished):
    assert 'href="/runs/1"' in (await browser.get("/runs?kind=sync")).text
    assert "No run is like this" in (await browser.get("/runs?kind=verify&replication=photos")).text
    assert "the target refuses" in (await browser.get("/failures?state=parked")).text
    page = await browser.get("/failures?state=retrying")
    assert ("Nothing fails that is like this" in page.text, "Decide about" in page.text) == (True, False)


async def test_failures_are_tried_again_and_dismissed(browser, furnished, state):
    page = await browser.send(
        "/failures", "/failures/dismiss", {"replication": "photos", "key": json.dumps(NOISE), "note": "no"}
    )
    assert page.headers["location"].endswith("did=dismiss&count=1")
    page = await browser.send("/failures", "/failures/retry", {"replication": "photos", "reason": "refuses"})
    assert page.headers["location"].endswith("did=retry&count=2")
    assert (await browser.send("/failures", "/failures/dismiss", {"replication": "photos"})).status == 422
    subjects = [(row.action, row.subject) for row in await state.control.audit.page(2)]
    assert subjects == [("retry", "failures of photos"), ("dismiss", "failures of photos")]


async def test_orders_are_given_and_come_back_as_words(browser, furnished, state):
    for what in ("resume", "reconcile", "verify", "pause"):
        page = await browser.send("/new", f"/orders/{what}", {"name": "photos"})
        assert page.headers["location"] == f"/replications/photos?did={what}"
        assert 'role="status"' in (await browser.get(page.headers["location"])).text
    assert (await state.control.orders.of("photos")).paused
    page = await browser.send("/new", "/orders/cancel", {"name": "photos"})
    assert page.status == 303
    assert (await state.runs.find(furnished)).state is RunState.CANCELLED
    assert (await browser.send("/new", "/orders/cancel", {"name": "photos"})).status == 409
    assert (await browser.send("/new", "/orders/x", {"name": "photos"})).status == 404


async def test_blocks_and_routes_are_set_explained_and_removed(browser, furnished):
    whose = {"bucket": "pets", "user": "ann"}
    assert "refused" in (await browser.get("/routes?bucket=pets&user=ann&method=PUT")).text
    assert (await browser.send("/routes", "/routes/unblock", whose)).status == 303
    assert "goes to ceph" in (await browser.get("/routes?bucket=pets&user=ann&method=PUT")).text
    assert (await browser.send("/routes", "/routes/route", {**whose, "store": "nowhere"})).status == 422
    assert (await browser.send("/routes", "/routes/route", {**whose, "store": "ceph"})).status == 303
    assert "set at run time" in (await browser.get("/routes?bucket=pets&user=ann")).text


async def test_a_replication_is_previewed_before_it_is_set_up_and_deleted_again(browser, app, state, tmp_path):
    for name in ("from", "to"):
        (tmp_path / name).mkdir()
    (tmp_path / "from" / f"one{SCRIPT.replace('/', '')}").write_text("1")
    (tmp_path / "from" / "two.tmp").write_text("22")
    form = {
        "name": "files",
        "source": str(tmp_path / "from"),
        "target": str(tmp_path / "to"),
        "filters": "- *.tmp",
        "create": "yes",
        "update": "yes",
        "tags": "yes",
        "delete": "tracked",
        "max_delete": "20%",
    }
    page = await browser.send("/new", "/new/preview", form)
    assert page.status == 200
    assert "All 2 objects were looked at" in page.text
    assert "1 B would be copied" in page.text
    assert "<script>alert" not in page.text
    assert await state.control.documents.all() == []
    assert list((tmp_path / "to").iterdir()) == []
    assert (await browser.send("/new", "/new", form)).headers["location"] == "/replications/files?did=created"
    (made,) = await state.control.documents.all()
    assert made.settings == {
        "source": form["source"],
        "target": form["target"],
        "filters": [{"exclude": "*.tmp"}],
        "delete": "tracked",
        "max_delete": "20%",
    }
    page = await browser.get("/replications/files")
    assert 'name="version" value="1"' in page.text
    assert (await browser.send("/new", "/delete", {"name": "files", "version": "7"})).status == 412
    assert (await browser.send("/new", "/delete", {"name": "files", "version": "1"})).status == 303
    assert await state.control.documents.all() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": ""}, "the source is missing"),
        ({"name": "a/b"}, "a name is made of"),
        ({"filters": "nonsense"}, "filters, line 1"),
        ({"transfers": "many"}, "is no number"),
        ({"max_size": "huge"}, "max_size"),
        ({"target": "nowhere:x"}, "nowhere"),
        ({"name": "photos"}, "choose another name"),
        ({"live": "telepathy"}, "live"),
    ],
)
async def test_a_form_that_makes_no_sense_comes_back_as_it_was_filled_in(browser, tmp_path, change, words):
    form = {"name": "files", "source": str(tmp_path), "target": "m:x", "max_age": "12d", **change}
    page = await browser.send("/new", "/new", form)
    assert words in html.unescape(page.text)
    assert 'value="12d"' in page.text


async def test_an_archive_is_asked_for_and_shown_as_one(browser):
    asked = {"source": "a:b", "target": "c:d", "retain_source": False}
    form = form_of(asked)
    assert "archive" in form
    assert settings_of(form)["retain_source"] is False
    assert "retain_source" not in settings_of(form_of({"source": "a:b", "target": "c:d"}))


async def test_what_the_form_offers_is_what_can_be_set(browser):
    assert [name for name, _ in Choices.live] == [each.value for each in LiveMode]
    fields = {name for group in (Choices.limits, Choices.on, Choices.off) for name, *_ in group}
    fields |= {"source", "target", "delete", "compare", "attributes", "live", "filters"}
    fields = (fields - {"archive"}) | {"retain_source"}
    assert fields == set(ReplicationSection.model_fields) - {"processes", "storage_class_map"}


async def test_the_curves_have_a_point_for_each_interval(browser, furnished, state):
    now = SystemClock().now_ns() // 10**10 * 10
    replication_id = next(row.id for row in await state.replications.all() if row.name == "photos")
    await state.control.activity.sample(Sample(replication_id, now - 60, 100, 5000, 2, 7, 3))
    curves = json.loads((await browser.get("/charts/photos")).text)
    assert len({len(values) for values in curves.values()}) == 1
    at = curves["at"].index(now - 60)
    assert [curves[name][at] for name in ("objects", "bytes", "failed", "waiting", "lag")] == [10, 500, 0.2, 7, 3]
    assert curves["objects"][at - 1] == 0
