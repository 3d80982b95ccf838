"""Forms of stores: whatever the type, secrets go in and never come out, and nobody overwrites what he has not seen."""

from __future__ import annotations

import html
import re

import pytest

from brigade.config.problems import STORE_SECTIONS
from brigade.control.sealing import MASK
from brigade.state.control_rows import DocumentKind

S3 = {
    "type": "s3",
    "name": "more",
    "set.endpoint": "http://127.0.0.1:1",
    "set.access_key": "k",
    "set.secret_key": "canary-one",
    "set.verify_tls": "true",
    "set.concurrency": "4",
    "set.connect_timeout": "3s",
    "set.queue.url": "https://sqs.eu-west-1.amazonaws.com/123456789012/name",
}
# As a browser sends it: whatever is not touched is sent, too.
SHOWN = {name: value for name, value in S3.items() if name not in ("type", "name", "set.secret_key")}


async def opened(state, plans, name="more"):
    document = await state.control.documents.find(DocumentKind.STORE, name)
    return plans.sealer().open(document.settings, f"store.{name}")


@pytest.fixture
async def made(browser):
    page = await browser.send("/new-store?type=s3", "/new-store", S3)
    assert (page.status, page.headers.get("location")) == (303, "/stores/more"), page.text
    return browser


async def test_a_store_is_set_up_by_a_form_and_its_secret_is_sealed(made, state, plans):
    assert await opened(state, plans) == {
        "type": "s3",
        "endpoint": "http://127.0.0.1:1",
        "access_key": "k",
        "secret_key": "canary-one",
        "concurrency": 4,
        "connect_timeout": "3s",
        "queue": {"url": S3["set.queue.url"]},
    }
    (entry,) = await state.control.audit.page(1)
    assert (entry.action, entry.subject) == ("create", "store more")
    for path in ("/stores", "/stores/more", "/stores/more/change", "/audit"):
        assert "canary" not in (await made.get(path)).text, path


async def test_a_secret_stays_that_nobody_writes_anew_and_goes_when_it_is_to_be_forgotten(made, state, plans):
    page = await made.get("/stores/more/change")
    assert 'value="http://127.0.0.1:1"' in page.text
    assert re.search(r'name="set.secret_key" type="password"[^>]*placeholder="unchanged"', page.text)
    assert MASK not in page.text
    form = {**SHOWN, "set.concurrency": "8", "version": "1"}
    assert (await made.send("/stores/more/change", "/stores/more/change", form)).status == 303
    there = await opened(state, plans)
    assert (there["secret_key"], there["concurrency"]) == ("canary-one", 8)
    form = {**SHOWN, "set.secret_key": "canary-two", "version": "2", "set.queue.url": ""}
    assert (await made.send("/stores/more/change", "/stores/more/change", form)).status == 303
    there = await opened(state, plans)
    assert (there["secret_key"], "queue" in there) == ("canary-two", False)
    form = {**SHOWN, "set.access_key": "", "forget.secret_key": "yes", "version": "3"}
    assert (await made.send("/stores/more/change", "/stores/more/change", form)).status == 303
    assert "secret_key" not in (await state.control.documents.find(DocumentKind.STORE, "more")).settings


async def test_of_two_who_change_the_same_the_second_is_told_and_loses_nothing_he_wrote(made, state, plans):
    first = {**SHOWN, "set.region": "one", "version": "1"}
    assert (await made.send("/stores/more/change", "/stores/more/change", first)).status == 303
    second = {**SHOWN, "set.region": "two", "version": "1", "set.secret_key": "canary-lost"}
    page = await made.send("/stores/more/change", "/stores/more/change", second)
    assert 'role="alert"' in page.text
    assert 'value="two"' in page.text
    assert "canary" not in page.text
    assert (await opened(state, plans))["region"] == "one"
    assert (await made.send("/new-store?type=s3", "/stores/more/delete", {"version": "1"})).status == 412
    assert (await made.send("/stores/more", "/stores/more/delete", {"version": "2"})).status == 303
    assert await state.control.documents.all() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "a/b"}, "a name is made of"),
        ({"name": "ceph"}, "choose another name"),
        ({"set.concurrency": "many"}, "concurrency: 'many' is no whole number"),
        ({"set.requests_per_second": "nan"}, "requests_per_second"),
        ({"set.requests_per_second": "inf"}, "requests_per_second"),
        ({"set.endpoint": "<script>"}, "endpoint"),
        ({"set.vendor": "nobody"}, "vendor"),
    ],
)
async def test_a_form_that_makes_no_sense_comes_back_without_its_secret(browser, state, change, words):
    page = await browser.send("/new-store?type=s3", "/new-store", {**S3, **change})
    assert words in html.unescape(page.text)
    assert 'value="3s"' in page.text
    assert "canary" not in page.text
    assert "<script>" not in page.text
    assert await state.control.documents.all() == []


async def test_a_store_of_the_file_and_one_that_is_not_there_are_not_changed_here(browser):
    for path, status in (("/stores/m/change", 409), ("/stores/nothing/change", 404), ("/new-store?type=x", 422)):
        assert (await browser.get(path)).status == status
    assert (await browser.send("/new-store?type=s3", "/stores/m/change", {"version": "1"})).status == 409
    assert (await browser.send("/new-store?type=s3", "/stores/m/delete", {"version": "1"})).status == 409


@pytest.mark.parametrize("kind", list(STORE_SECTIONS))
async def test_each_type_of_store_has_a_form_with_a_field_for_each_key(browser, plans, kind):
    page = await browser.get(f"/new-store?type={kind}")
    shown = set(re.findall(r'name="set\.([^".]+)', page.text))
    fields = STORE_SECTIONS[kind].model_fields
    assert shown <= set(fields)
    assert set(fields) - shown - {"type"} <= {each for each in fields if "list[" in str(fields[each].annotation)}
    secrets = {each.name for each in plans.store_fields()[kind] if each.kind == "secret"}
    assert all(re.search(rf'name="set\.{re.escape(name)}" type="password"', page.text) for name in secrets)
    assert len(secrets) == len(re.findall('type="password"', page.text))


async def test_the_list_tells_where_each_store_is(browser):
    swift = {
        "type": "swift",
        "name": "cloud",
        "set.auth_url": "http://127.0.0.1:9/v3",
        "set.user": "me",
        "set.key": "k",
    }
    azure = {"type": "azure", "name": "blobs", "set.account": "my-account", "set.key": "aGk="}
    for form in (swift, azure):
        page = await browser.send(f"/new-store?type={form['type']}", "/new-store", {**form, "set.verify_tls": "true"})
        assert page.status == 303, page.text
    page = await browser.get("/stores")
    for where in ("http://127.0.0.1:9/v3", "my-account"):
        assert f'class="key mono">{where}<' in page.text
