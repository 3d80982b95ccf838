"""The form that changes a replication: previewed first, nothing lost, and nobody overwrites what he has not seen."""

from __future__ import annotations

import html

import pytest

from brigade.api.pages.settings import changed, form_of, settings_of
from brigade.state.control_rows import DocumentKind
from brigade.testing.browser import Browser

SETTINGS = {
    "filters": [{"exclude": " odd"}, {"include": "photos/**"}],
    "storage_class_map": {"STANDARD": "COLD"},
    "live": ["watch"],
    "max_delete": 7,
    "min_size": 1024,
    "tags": False,
    "acl": True,
    "delete": "tracked",
}


@pytest.fixture
async def made(ask, tmp_path):
    """A replication of directories, with each kind of setting."""
    for name in ("from", "to"):
        (tmp_path / name).mkdir()
    (tmp_path / "from" / "one").write_text("1" * 2000)
    settings = {"source": str(tmp_path / "from"), "target": str(tmp_path / "to"), **SETTINGS}
    answer = await ask("POST", "/replications", body={"name": "files", "settings": settings})
    assert answer.status == 201, answer.body
    return settings


def fields(settings, **changes):
    """What a browser sends of the form."""
    return [(name, value) for name, value in form_of({**settings, **changes}).multi_items() if value]


async def sent(browser, path, form, version="1"):
    csrf = (await browser.get("/change/files")).csrf
    return await browser.post(path, [*form, ("version", version), ("csrf", csrf)])


def test_a_form_that_nobody_touched_changes_nothing():
    settings = {"source": "a:b", "target": "c:d", **SETTINGS}
    assert changed(form_of(settings), settings) == settings
    assert settings_of(form_of({"source": "a:b", "target": "c:d"})) == {"source": "a:b", "target": "c:d"}


async def test_what_is_changed_is_previewed_first_and_a_pause_stays(browser, ask, state, made):
    await ask("POST", "/replications/files/pause", body={"note": "moving"})
    page = await browser.get("/change/files")
    assert "exclude  odd\ninclude photos/**" in html.unescape(page.text)
    form = fields(made, min_size="1KiB", delete="no")
    page = await sent(browser, "/change/files/preview", form)
    assert "1 objects were looked at" in page.text, page.text
    assert (await state.control.documents.find(DocumentKind.REPLICATION, "files")).version == 1
    page = await sent(browser, "/change/files", form)
    assert page.headers["location"] == "/replications/files?did=changed"
    document = await state.control.documents.find(DocumentKind.REPLICATION, "files")
    expected = {name: value for name, value in {**made, "min_size": "1KiB"}.items() if name != "delete"}
    assert (document.version, document.settings) == (2, expected)
    assert (await state.control.orders.of("files")).note == "moving"
    (entry,) = await state.control.audit.page(1)
    assert (entry.action, entry.detail["before"]["min_size"], entry.detail["after"]["min_size"]) == (
        "change",
        1024,
        "1KiB",
    )


async def test_of_two_who_change_it_the_second_is_told(app, browser, state, made):
    assert (await sent(browser, "/change/files", fields(made, max_age="1d"))).status == 303
    page = await sent(Browser(app), "/change/files", fields(made, max_age="2d"))
    assert "somebody else" in html.unescape(page.text)
    assert 'value="2d"' in page.text
    assert 'name="version" value="1"' in page.text
    document = await state.control.documents.find(DocumentKind.REPLICATION, "files")
    assert document.settings["max_age"] == "1d"
    page = await sent(browser, "/change/files", fields(made), version="x")
    assert "names no version" in page.text


async def test_a_change_that_makes_no_sense_comes_back(browser, state, made):
    page = await sent(browser, "/change/files", fields(made, max_age="<b>"))
    assert "max_age" in page.text
    assert 'value="&lt;b&gt;"' in page.text
    assert (await state.control.documents.find(DocumentKind.REPLICATION, "files")).version == 1


async def test_what_stands_in_the_file_is_changed_there(browser):
    assert (await browser.get("/change/photos")).status == 409
    assert (await browser.get("/change/nothing")).status == 404
    assert (await browser.send("/new", "/change/photos", {"version": "1", "source": "a", "target": "b"})).status == 409
