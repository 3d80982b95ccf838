"""The control API beside `brigade run`: what is set up and ordered holds within a second or so, and after a kill."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import urllib.request
from urllib.parse import urlencode, urlsplit

import pytest

pytestmark = pytest.mark.server

SEAL_KEY = "0123456789" * 4


async def until(condition, seconds=80.0):
    """Wait for what must become true soon."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  files tell nobody
            await asyncio.sleep(0.1)


def configure(brigade, tmp_path, **api):
    """A file with directories, and the API on a port of its own."""
    for name in ("a", "b", "c", "d"):
        (tmp_path / name).mkdir()
    values = {
        "seal_key": SEAL_KEY,
        "stores": {"disk": {"type": "file", "root": str(tmp_path)}},
        "replications": {"files": {"source": "disk:a", "target": "disk:b", "live": ["watch"]}},
        "api": {"listen": "127.0.0.1:0", **api},
    }
    (brigade.directory / "brigade.yaml").write_text(json.dumps(values))


async def started(brigade):
    process = await brigade.start("run")
    return process, (await brigade.said(process, "api: listens on")).split()[-1]


async def test_what_is_set_up_and_ordered_by_the_api_holds_also_after_a_kill(brigade, tmp_path):
    configure(brigade, tmp_path)
    process, url = await started(brigade)
    remote = {"BRIGADE_API": url}
    (tmp_path / "a" / "one").write_text("1")
    await until(lambda: asyncio.to_thread((tmp_path / "b" / "one").exists))
    made = await brigade("replication", "create", "more", "disk:c", "disk:d", "--set", "live=[watch]", env=remote)
    assert made.code == 0, made.words
    (tmp_path / "c" / "two").write_text("2")
    await until(lambda: asyncio.to_thread((tmp_path / "d" / "two").exists))
    assert (await brigade("replication", "pause", "files", "--note", "moving house", env=remote)).code == 0
    await brigade.kill(process)
    process, url = await started(brigade)
    remote = {"BRIGADE_API": url}
    (tmp_path / "a" / "three").write_text("3")
    (tmp_path / "c" / "four").write_text("4")
    await until(lambda: asyncio.to_thread((tmp_path / "d" / "four").exists))
    assert not (tmp_path / "b" / "three").exists()
    by_api = await brigade("replication", "show", "files", "--json", env=remote)
    by_state = await brigade("replication", "show", "files", "--json")
    assert by_api.json == by_state.json
    order = by_api.json["order"]
    assert (order["paused"], order["note"], order["reconcile_asked"]) == (True, "moving house", None)
    assert (await brigade("replication", "resume", "files", env=remote)).code == 0
    await until(lambda: asyncio.to_thread((tmp_path / "b" / "three").exists))
    assert (await brigade("replication", "delete", "more", env=remote)).code == 0
    listed = (await brigade("replication", "list", "--json", env=remote)).lines
    assert [each["name"] for each in listed] == ["files"]
    assert (tmp_path / "d" / "four").read_text() == "4"
    process.send_signal(signal.SIGTERM)
    ran = await brigade.ended(process, seconds=80)
    assert ran.code == 0, ran.words


def api(url, method, path):
    """Ask the API as any client would."""
    request = urllib.request.Request(f"{url}/api/v1{path}", method=method)
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or "null")


async def test_a_reconcile_and_a_verify_are_made_when_somebody_asks(brigade, tmp_path):
    configure(brigade, tmp_path)
    process, url = await started(brigade)
    (tmp_path / "a" / "one").write_text("1")
    await until(lambda: asyncio.to_thread((tmp_path / "b" / "one").exists))
    # Damage that no event tells of.
    (tmp_path / "b" / "one").write_text("2")
    await asyncio.to_thread(api, url, "POST", "/replications/files/verify")
    assert "verified: 1 differ" in await brigade.said(process, "verified")
    await asyncio.to_thread(api, url, "POST", "/replications/files/reconcile")
    await until(lambda: asyncio.to_thread(lambda: (tmp_path / "b" / "one").read_text() == "1"))
    await asyncio.to_thread(api, url, "POST", "/replications/files/verify")
    assert "verified: in step" in await brigade.said(process, "verified")
    process.send_signal(signal.SIGTERM)
    assert (await brigade.ended(process, seconds=80)).code == 0


def look(url, cookie=None, form=None):
    """Ask for the overview, or log in: the status, and the cookie that was set."""
    data = None if form is None else urlencode(form).encode()
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    headers = {"Cookie": cookie} if cookie else {}
    if data is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request("GET" if data is None else "POST", "/" if data is None else "/login", data, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, (answer.headers["set-cookie"] or "").partition(";")[0]


async def test_a_login_holds_at_every_process_and_after_a_kill_until_its_token_is_revoked(brigade, tmp_path):
    configure(brigade, tmp_path)
    token = (await brigade("token", "create", "ann")).out.strip()
    # While there is none at all, nobody on this machine needs one.
    process, url = await started(brigade)
    root = (await brigade("token", "create", "root", "--scope", "admin")).out.strip()
    made = await brigade("token", "create", "bob", env={"BRIGADE_API": url, "BRIGADE_TOKEN": root})
    assert (made.code, made.out.startswith("brg_")) == (0, True), made.words
    status, cookie = await asyncio.to_thread(look, url, None, {"token": token})
    assert (status, await asyncio.to_thread(look, url)) == (303, (303, ""))
    second, second_url = await started(brigade)
    assert await asyncio.to_thread(look, second_url, cookie) == (200, "")
    await brigade.kill(process)
    await brigade.kill(second)
    process, url = await started(brigade)
    assert await asyncio.to_thread(look, url, cookie) == (200, "")
    assert (await brigade("token", "revoke", token.split("_")[1])).code == 0
    assert await asyncio.to_thread(look, url, cookie) == (303, "")
    process.send_signal(signal.SIGTERM)
    assert (await brigade.ended(process, seconds=80)).code == 0


async def test_the_first_token_locks_the_door_and_opens_it_to_others(brigade, tmp_path):
    configure(brigade, tmp_path, listen="0.0.0.0:0")
    process, url = await started(brigade)
    assert url.startswith("http://127.0.0.1:")
    assert "because there is no token" in await brigade.complained(process, "api")
    token = (await brigade("token", "create", "ann", "--scope", "operate")).out.strip()
    refused = await brigade("replication", "pause", "files", env={"BRIGADE_API": url})
    assert refused.code == 1
    assert "a token is needed" in refused.err
    process.send_signal(signal.SIGHUP)
    url = (await brigade.said(process, "api: listens on")).split()[-1]
    assert url.startswith("http://0.0.0.0:")
    (tmp_path / "token").write_text(f"{token}\n")
    known = {"BRIGADE_API": url, "BRIGADE_TOKEN_FILE": str(tmp_path / "token")}
    assert (await brigade("replication", "pause", "files", env=known)).code == 0
    assert "scope admin" in (await brigade("replication", "delete", "files", env=known)).err
    assert "scope admin" in (await brigade("token", "list", env=known)).err
    (listed,) = (await brigade("token", "list", "--json")).lines
    assert (listed["name"], listed["used"] is not None) == ("ann", True)
    assert (await brigade("token", "revoke", listed["id"])).code == 0
    assert "wrong, revoked or expired" in (await brigade("replication", "list", env=known)).err
    process.send_signal(signal.SIGTERM)
    assert (await brigade.ended(process, seconds=80)).code == 0


async def test_what_the_state_has_is_used_by_a_run_of_all_too(brigade, tmp_path):
    configure(brigade, tmp_path)
    (tmp_path / "c" / "two").write_text("2")
    assert (await brigade("replication", "create", "more", "disk:c", "disk:d")).code == 0
    refused = await brigade("replication", "create", "other", "disk:a", "disk:d")
    assert (refused.code, "overlap" in refused.err) == (2, True), refused.words
    assert "files" in (await brigade("status")).out
    assert "more" in (await brigade("status")).out
    assert (await brigade("run", "--once")).code == 0
    assert (tmp_path / "d" / "two").read_text() == "2"


class Ear:
    """Listens to `/events` of a running API, in a thread."""

    def __init__(self, url):
        self._answer = urllib.request.urlopen(f"{url}/api/v1/events", timeout=30)

    def until(self, kind):
        """The data of the next event of a kind."""
        for line in self._answer:
            if line == f"event: {kind}\n".encode():
                return json.loads(next(self._answer).removeprefix(b"data: "))
        raise AssertionError("it ended")

    def close(self):
        self._answer.close()


async def test_verbs_give_the_same_answers_by_the_api_and_by_the_state(brigade, tmp_path):
    configure(brigade, tmp_path)
    process, url = await started(brigade)
    remote = {"BRIGADE_API": url}
    ear = await asyncio.to_thread(Ear, url)
    assert (await asyncio.to_thread(ear.until, "snapshot"))[0]["name"] == "files"
    (tmp_path / "a" / "one").write_text("1")
    done = await asyncio.to_thread(ear.until, "activity")
    assert (done["replication"], done["outcome"]["key"]) == ("files", "one")
    waited = await brigade("replication", "wait", "files", "--in-step", "--timeout", "30s", env=remote)
    assert (waited.code, waited.out) == (0, "files: in step\n"), waited.words
    assert (await brigade("replication", "verify", "files", env=remote)).code == 0
    waited = await brigade("replication", "wait", "files", "--timeout", "30s", env=remote)
    assert waited.code == 0, waited.words
    for verb in (["runs", "list"], ["runs", "list", "files", "--json"], ["failures"], ["store", "list", "--json"]):
        by_api, by_state = await brigade(*verb, env=remote), await brigade(*verb)
        assert (by_api.code, by_api.out) == (by_state.code, by_state.out), verb
    newest = (await brigade("runs", "list", "--json", env=remote)).lines[0]
    assert (newest["kind"], newest["state"]) == ("verify", "done")
    assert (await brigade("runs", "report", str(newest["id"]), env=remote)).code == 0
    assert "files  in step" in (await brigade("top", "--once", env=remote)).out
    ready = json.loads(await asyncio.to_thread(lambda: urllib.request.urlopen(f"{url}/readyz", timeout=30).read()))
    assert ready == {"ready": True, "reasons": {}}
    # Whoever listens does not hold the process back.
    process.send_signal(signal.SIGTERM)
    assert (await brigade.ended(process, seconds=80)).code == 0
    ear.close()


async def test_whoever_asks_too_often_is_sent_away_until_the_file_says_otherwise(brigade, tmp_path):
    configure(brigade, tmp_path, requests_per_second=0.01, burst=3)
    process, url = await started(brigade)
    for path in ("/livez", *["/"] * 3):
        status = await asyncio.to_thread(ask_page, url, path)
        assert status == 200, path
    assert await asyncio.to_thread(ask_page, url, "/") == 429
    assert await asyncio.to_thread(ask_page, url, "/livez") == 200
    file = brigade.directory / "brigade.yaml"
    values = json.loads(file.read_text())
    values["api"]["requests_per_second"] = None
    file.write_text(json.dumps(values))
    process.send_signal(signal.SIGHUP)

    async def is_let_in():
        return await asyncio.to_thread(ask_page, url, "/") == 200

    await until(is_let_in)
    process.send_signal(signal.SIGTERM)
    assert (await brigade.ended(process, seconds=80)).code == 0


def ask_page(url, path):
    """The status of a page."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status
