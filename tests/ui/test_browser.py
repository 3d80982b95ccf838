"""The pages in a real browser, used as an operator would use them, on real data."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from playwright.async_api import TimeoutError as TookTooLong

from brigade.testing.buckets import Bucket
from brigade.testing.chromium import chromium

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

DOCS = Path(__file__).resolve().parents[2] / "docs" / "ui"
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
KINDS = (("light", "light", WIDE), ("dark", "dark", WIDE), ("phone", "light", PHONE), ("dark phone", "dark", PHONE))
WAIT_MS = 30_000
OBJECTS = 24
SIZE_BYTES = 256 * 1024
BROKEN = "summer/broken <b>sea</b>.jpg"

# What a page must have so that it can be used without a mouse and without eyes.
CHECK = """() => {
  const bad = [];
  const name = (one) => (one.getAttribute("aria-label") || one.textContent || "").trim();
  for (const one of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!one.labels.length && !one.getAttribute("aria-label")) bad.push("no label: " + one.outerHTML);
  for (const one of document.querySelectorAll("button, a[href], summary"))
    if (!name(one)) bad.push("no name: " + one.outerHTML);
  for (const tag of ["main", "h1", "html[lang]", "title"])
    if (document.querySelectorAll(tag).length !== 1) bad.push("not exactly one " + tag);
  for (const one of document.querySelectorAll("nav, section"))
    if (!one.getAttribute("aria-label") && !document.getElementById(one.getAttribute("aria-labelledby"))) bad.push("no name: " + one.outerHTML.slice(0, 80));
  for (const one of document.querySelectorAll("th:not(.u-legend *)")) if (!one.scope) bad.push("no scope: " + one.outerHTML);
  for (const one of document.querySelectorAll("[aria-describedby]"))
    if (!document.getElementById(one.getAttribute("aria-describedby"))) bad.push("no description: " + one.outerHTML);
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  if (new Set(ids).size !== ids.length) bad.push("the same id twice");
  if (document.documentElement.scrollWidth > innerWidth) bad.push(`wider than the window: ${document.documentElement.scrollWidth}`);
  return bad;
}"""


class Window:
    """A page of the browser, and what went wrong on it."""

    def __init__(self, page, url):
        self.page = page
        self.url = url
        self.wrong = []
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: self.wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", lambda request: self.wrong.append(request.url) if not request.url.startswith(url) else None)

    async def look(self, path):
        await self.page.goto(self.url + path)

    async def press(self, name):
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def fill(self, **fields):
        for label, value in fields.items():
            await self.page.get_by_label(label.replace("_", " ").capitalize(), exact=True).fill(value)

    async def see(self, words):
        await self.page.get_by_text(words).first.wait_for()

    async def picture(self, name, part):
        """Of the page, or a part of it, into the docs."""
        if os.environ.get("BRIGADE_SCREENSHOTS"):
            await self.page.wait_for_timeout(300)
            if part is self.page:
                await self.page.evaluate("scrollTo(0, 0)")
            await part.screenshot(path=DOCS / f"{name}.png", animations="disabled")

    async def look_over(self, *pictures):
        """Check the page at each width and in each colour scheme; of those named a picture goes into the docs."""
        for kind, scheme, size in KINDS:
            await self.page.emulate_media(color_scheme=scheme)
            await self.page.set_viewport_size(size)
            assert await self.page.evaluate(CHECK) == [], (self.page.url, kind)
            for name in pictures:
                if name.endswith(kind):
                    await self.picture(name, self.page)
        await self.page.emulate_media(color_scheme="light")
        await self.page.set_viewport_size(WIDE)


@pytest.fixture
def bucket(seaweed):
    made = Bucket(seaweed.endpoint, seaweed.make_bucket("ui"))
    for number in range(OBJECTS):
        made.put(f"{('spring', 'summer')[number % 2]}/{number:03d}.jpg", os.urandom(SIZE_BYTES))
    made.put(BROKEN, b"sea")
    yield made
    made.close()


@asynccontextmanager
async def opened(brigade, tmp_path, bucket, **more):
    """Brigade with its pages, a token, and a browser on them."""
    brigade.gateway = {
        "listen": "127.0.0.1:0",
        "store": "weed",
        "users": {"ann": {"keys": [{"access_key": "ann", "secret_key": "secret-of-ann"}]}},
    }
    brigade.sections = {
        **more,
        "api": {"listen": "127.0.0.1:0"},
        "replications": {"notes": {"source": "disk:notes", "target": "disk:copies", "live": ["watch"]}},
    }
    for name in ("notes", "copies"):
        (tmp_path / "disk" / name).mkdir(parents=True)
    (tmp_path / "disk" / "notes" / "one.txt").write_text("one")
    brigade._stores["disk"] = {"type": "file", "root": str(tmp_path / "disk")}
    brigade.reach("weed", bucket)
    token = (await brigade("token", "create", "olga", "--scope", "admin")).out.strip()
    # Without any token this machine would need none.
    assert (await brigade("token", "create", "otto")).code == 0
    process = await brigade.start("run", stderr=asyncio.subprocess.DEVNULL)
    url = (await brigade.said(process, "api: listens on")).split()[-1]
    async with chromium(tmp_path / "profile", viewport=WIDE, timezone_id="UTC") as context:
        yield Window(context.pages[0], url), token


async def test_an_operator_sets_up_a_replication_sees_what_fails_mends_it_and_sees_it_in_step(
    brigade, tmp_path, bucket
):
    copies = tmp_path / "disk" / "photos"
    (copies / BROKEN).mkdir(parents=True)
    (copies / BROKEN / "in the way").write_text("x")
    async with opened(brigade, tmp_path, bucket) as (window, token):
        page = window.page
        await window.look("/new")
        await window.see("Log in to Brigade")
        await window.look_over()
        await window.fill(token=token)
        await window.press("Log in")

        # Described, previewed, set up.
        await window.fill(name="photos", source=f"weed:{bucket.name}", target="disk:photos")
        await page.get_by_label("gateway:").check()
        await page.get_by_text("Filters, limits and more").click()
        await window.fill(bytes_a_second="1MiB/s", filters="exclude *.tmp")
        await window.press("Preview")
        await window.see(f"All {OBJECTS + 2} objects were looked at")
        assert list(copies.rglob("*.jpg")) == [copies / BROKEN]
        await window.look_over("new-light")
        await window.press("Set it up")

        # The run, while it goes on, without the page being loaded again.
        await window.see("A reconcile goes on")
        await page.get_by_role("progressbar").wait_for()
        await window.see("objects looked at")
        await window.look_over("running-light")

        # What failed, and why.
        badge = page.locator("#live .is-failing")
        await badge.wait_for()
        await page.get_by_role("link", name="Failures", exact=True).click()
        row = page.get_by_role("row").filter(has_text=BROKEN)
        await row.first.wait_for()
        assert await page.locator("b", has_text="sea").count() == 0
        await window.look_over("failures-light")

        # Mended, tried again, in step.
        shutil.rmtree(copies / BROKEN)
        await row.get_by_role("button", name="Retry").first.click()
        await window.see("1 keys are tried again now")
        await window.look("/replications/photos")
        await page.locator("#live .is-in-step").wait_for()
        assert (copies / BROKEN).read_bytes() == b"sea"
        await page.locator(".chart canvas").nth(3).wait_for()
        await window.picture("charts", page.locator("section", has=page.locator(".chart")))
        await window.look_over("replication-dark")

        # All there is to look at, and no complaint of the browser on the way.
        await page.get_by_role("link", name="Runs", exact=True).click()
        await window.look_over()
        await page.get_by_role("row").filter(has_text="photos").get_by_role("link").first.click()
        await window.look("/runs/1")
        await window.look_over("run-light")
        await window.look("/routes?bucket=pets&user=ann&method=PUT")
        await window.see("goes to weed")
        await window.look_over("routes-light")
        await window.look("/stores/weed")
        await window.fill(bucket_or_directory=bucket.name)
        await window.press("Try it out")
        await window.see("What of an object survives")
        await window.look_over("store-light")
        await window.look("/stores")
        await window.look_over()
        await window.look("/audit")
        await window.see("olga")
        await window.look_over()
        await window.look("/")
        await window.look_over("overview-light", "overview-phone")
        assert window.wrong == []


async def test_the_overview_can_be_searched_and_used_with_the_keyboard_alone(brigade, tmp_path, bucket):
    async with opened(brigade, tmp_path, bucket) as (window, token):
        page = window.page
        await window.look("/")
        # The cursor stands in the field as soon as the page has come.
        await page.locator("input:focus").wait_for()
        await page.keyboard.type(token)
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name="notes").wait_for()
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.innerText") == "Skip to the content"
        await page.get_by_label("Search by name").focus()
        await page.keyboard.type("nothing")
        await window.see("No replication is like that")
        assert page.url.endswith("text=nothing&standing=&sort=urgency")
        for _ in "nothing":
            await page.keyboard.press("Backspace")
        link = page.get_by_role("link", name="notes")
        await link.wait_for()
        await link.focus()
        # The list is shown anew every few seconds, and who stands on a link stays there.
        async with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
            pass
        await page.wait_for_timeout(200)
        assert await page.evaluate("document.activeElement.innerText") == "notes"
        await page.keyboard.press("Enter")
        await window.see("What it does")
        await page.get_by_role("button", name="Log out").focus()
        await page.keyboard.press("Enter")
        await window.see("Log in to Brigade")
        await window.look("/")
        await window.see("Log in to Brigade")
        assert window.wrong == []


async def test_stores_and_replications_are_set_up_and_changed_by_forms_and_secrets_stay_inside(
    brigade, tmp_path, bucket
):
    async with opened(brigade, tmp_path, bucket, seal_key="0123456789" * 4) as (window, token):
        page = window.page
        await window.look("/stores")
        await window.fill(token=token)
        await window.press("Log in")
        await page.get_by_role("link", name="New store").click()
        await window.look_over()
        await page.get_by_role("link", name="s3", exact=True).click()
        at = bucket.endpoint
        await page.get_by_label("Name", exact=True).fill("weed-two")
        for label, value in (("endpoint", at.url), ("access key", at.access_key), ("secret key", at.secret_key)):
            await page.get_by_label(label, exact=True).fill(value)
        await page.get_by_text("Limits and more").click()
        await page.get_by_label("concurrency", exact=True).fill("many")
        await window.press("Set it up")
        await window.see("is no whole number")
        assert at.secret_key not in await page.content()
        await window.look_over()
        await page.get_by_label("secret key", exact=True).fill(at.secret_key)
        await page.get_by_label("concurrency", exact=True).fill("8")
        await window.press("Set it up")
        await window.see("Try it out")
        await page.get_by_role("link", name="Change it").click()
        await window.look_over("store-form-light")
        await page.get_by_label("region", exact=True).fill("somewhere")
        await window.press("Change it")
        await window.see("somewhere")
        # The secret that nobody wrote anew is the one that opens the store.
        await window.fill(bucket_or_directory=bucket.name)
        await window.press("Try it out")
        await window.see("What of an object survives")
        await page.get_by_text("Delete this store").click()
        await window.look_over()

        made = await brigade("replication", "create", "photos", f"weed-two:{bucket.name}", "disk:photos")
        assert made.code == 0, made.words
        await page.get_by_role("link", name="Overview", exact=True).click()
        await page.get_by_role("link", name="photos", exact=True).click()
        await page.locator("#live .is-in-step").wait_for()
        await page.get_by_role("link", name="Change it").click()
        await page.get_by_text("Filters, limits and more").wait_for()
        await page.get_by_label("Filters", exact=True).fill("exclude spring/**")
        await page.get_by_label("Delete excluded objects at the target too").check()
        await page.get_by_label("Delete at the target", exact=True).select_option("mirror")
        await page.get_by_label("Refuse to delete more than", exact=True).fill("100%")
        await window.press("Preview")
        await page.locator("#preview .is-delete").first.wait_for()
        await window.look_over("changing-light")
        assert len(list((tmp_path / "disk" / "photos" / "spring").iterdir())) == OBJECTS // 2
        await window.press("Change it")
        await window.see("It is changed")

        # Somebody takes the token away: what is pressed next is not done.
        assert (await brigade("token", "revoke", token.split("_")[1])).code == 0
        with suppress(TookTooLong):  # The page looks after itself, and may have gone there already.
            await page.get_by_role("button", name="Pause", exact=True).click(timeout=5000)
        await window.see("Log in to Brigade")
        assert window.wrong == []
