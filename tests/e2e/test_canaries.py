"""Secrets leave no trace: each place of the configuration that takes one has a canary, and no output may hold it."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from brigade.testing.buckets import Bucket
from brigade.testing.servers import Endpoint

pytestmark = pytest.mark.server

# Characters that URLs and JSON write otherwise are among them.
CANARIES = {
    name: f"canary/{number}+{name}=value"
    for number, name in enumerate(
        (
            "store",
            "token",
            "environment",
            "file",
            "gateway",
            "webhook",
            "webhook-b",
            "state",
            "variable",
            "misplaced",
            "seal-key-of-32-characters",
            "api-store",
            "api-user",
        )
    )
}
CUSTOMER_KEY = base64.b64encode(b"canary-of-thirty-two-bytes-long!").decode()


def written_forms(canary: str) -> set[bytes]:
    """How a canary may show: as it is, in a URL, in base64, in JSON."""
    return {
        canary.encode(),
        quote(canary, safe="").encode(),
        base64.b64encode(canary.encode()).rstrip(b"="),
        json.dumps(canary)[1:-1].encode(),
    }


def traces(where: dict[str, bytes]) -> list[tuple[str, str]]:
    """Which canaries show in which outputs."""
    every = {**CANARIES, "customer": CUSTOMER_KEY}
    return [
        (place, name)
        for place, content in where.items()
        for name, canary in every.items()
        if any(form in content for form in written_forms(canary))
    ]


def test_a_trace_is_seen_in_each_form():
    assert traces({"a": b"x " + CANARIES["state"].encode(), "b": CUSTOMER_KEY.encode()}) == [
        ("a", "state"),
        ("b", "customer"),
    ]
    assert traces({"url": quote(CANARIES["store"], safe="").encode()}) == [("url", "store")]


def configuration(source: Bucket, target: Bucket, directory: Path) -> dict:
    at = source.endpoint
    (directory / "secret-file").write_text(CANARIES["file"] + "\n")
    good = {"type": "s3", "endpoint": at.url, "region": at.region, "access_key": at.access_key}
    return {
        "stores": {
            "good": {**good, "secret_key": "${GOOD}"},
            "bad": {**good, "secret_key": CANARIES["store"], "session_token": CANARIES["token"]},
            "from_file": {**good, "secret_key": "${file:secret-file}"},
            "from_variable": {**good, "secret_key": "${CANARY}"},
            "from_environment": {"type": "s3", "endpoint": at.url, "region": at.region},
            "sealed": {**good, "secret_key": "${GOOD}", "encryption": "sse-c", "customer_key": CUSTOMER_KEY},
            "nowhere": {**good, "endpoint": "http://127.0.0.1:1", "secret_key": CANARIES["store"]},
        },
        "replications": {
            "good": {"source": f"good:{source.name}/{source.prefix}", "target": f"good:{target.name}/{target.prefix}"},
            **{
                name: {"source": f"{name}:{source.name}/{source.prefix}", "target": str(directory / name)}
                for name in ("bad", "from_file", "from_variable", "from_environment", "nowhere")
            },
            "sealed": {"source": f"good:{source.name}/{source.prefix}", "target": f"sealed:{target.name}/x/"},
        },
        "gateway": {
            "listen": "127.0.0.1:0",
            "store": "good",
            "users": {
                "ann": {"keys": [{"access_key": "ann", "secret_key": CANARIES["gateway"]}]},
                "bob": {"keys": [{"access_key": "bob", "secret_key": CANARIES["gateway"]}], "store": "bad"},
            },
        },
        "webhook": {"listen": "127.0.0.1:0", "secrets": [CANARIES["webhook"], CANARIES["webhook-b"]]},
        "metrics": {"listen": "127.0.0.1:0"},
        "seal_key": CANARIES["seal-key-of-32-characters"],
        "api": {"listen": "127.0.0.1:0"},
    }


@pytest.fixture
def prepared(brigade, place):
    """The command, its configuration, and one object at the source."""
    source, target = place("seaweed"), place("seaweed")
    source.put("key", b"content")
    config = configuration(source, target, brigade.directory)
    for replication in config["replications"].values():
        replication["live"] = ["gateway"] if replication["source"].startswith("good:") else ["webhook"]
    environment = {
        "GOOD": source.endpoint.secret_key,
        "CANARY": CANARIES["variable"],
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": CANARIES["environment"],
    }
    return brigade, source, config, environment


def write(brigade, config):
    (brigade.directory / "brigade.yaml").write_text(yaml.safe_dump(config))


def state_bytes(brigade) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in brigade.directory.glob("state.db*")}


async def test_commands_tell_no_secret(prepared):
    brigade, _, config, environment = prepared
    write(brigade, config)
    found: dict[str, bytes] = {}

    async def note(*arguments, env=None):
        ran = await brigade(*arguments, env={**environment, **(env or {})})
        found[" ".join(arguments)] = ran.words.encode()
        return ran

    assert (await note("config", "check")).code == 0
    await note("config", "schema")
    ran = await note("run", "--once", "--json")
    ended = {line["replication"]: line for line in ran.lines}
    assert ended["good"]["in_step"]
    assert "error" in ended["bad"]
    assert "error" in ended["nowhere"]
    await note("run", "--once", "bad", env={"BRIGADE_DEBUG": "1"})
    await note("status", "--json")
    await note("failures", "--json")
    await note("store", "check", "bad:bucket")
    await note("store", "check", "good:bucket", "--json")
    await note("sync", "bad:bucket", "out", "--report", "objects.jsonl")
    await note("diff", "from_file:bucket", "out", "--json")
    await note("notifications", "show", "bad")
    await note("status", env={"BRIGADE_STATE": f"postgresql://me:{quote(CANARIES['state'], safe='')}@127.0.0.1:1/db"})
    await note("status", env={"BRIGADE_STATE": f"mysql://me:{quote(CANARIES['state'], safe='')}@127.0.0.1:1/db"})
    found |= state_bytes(brigade)
    found["report"] = (brigade.directory / "objects.jsonl").read_bytes()
    assert not traces(found)


async def test_a_secret_in_the_wrong_place_is_not_repeated(prepared):
    brigade, _, config, environment = prepared
    canary = CANARIES["misplaced"]
    config["stores"]["bad"] |= {"secret_key": [canary], "session_token": {"a": canary}, "secret_kye": canary}
    config["stores"]["sealed"]["customer_key"] = canary
    config["gateway"]["users"] |= {"ann": canary, "bob": {"keys": [{"access_key": "b", "secret_key": 5}]}}
    config["webhook"]["secrets"] = canary
    write(brigade, config)
    found = {}
    for command in (["config", "check"], ["config", "check", "--json"], ["run", "--log-json"]):
        ran = await brigade(*command, env=environment)
        assert ran.code == 2, ran.words
        found[" ".join(command)] = ran.words.encode()
    assert b"secret_kye: unknown key" in found["config check"]
    assert found["config check"].count(b"\n") >= 6
    assert not traces(found)


def ask(url: str, **headers: str) -> bytes:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        return error.read()


def post(url: str, token: str, data: bytes = b'{"Records": []}') -> bytes:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        return error.read()


def command_lines(pid: int) -> dict[str, bytes]:
    """The arguments of a process and of all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = {f"arguments of {pid}": Path(f"/proc/{pid}/cmdline").read_bytes()}
    for child in children:
        found |= command_lines(int(child))
    return found


async def drain(stream: asyncio.StreamReader, into: bytearray, seen: dict[str, asyncio.Future[str]]) -> None:
    """Keep everything that is printed, and hand out the lines that are waited for."""
    while line := await stream.readline():
        into += line
        for words, future in seen.items():
            if words in line.decode() and not future.done():
                future.set_result(line.decode())


@pytest.mark.parametrize("mode", ["text", "json"])
async def test_a_process_that_goes_on_tells_no_secret(prepared, mode):
    brigade, source, config, environment = prepared
    config["log"] = {"level": "debug", "access": True, "format": mode}
    write(brigade, config)
    process = await brigade.start("run", "--processes", "1", env=environment)
    printed = bytearray()
    words = ("gateway: listens on", "webhook: listens on", "metrics: http", "api: listens on")
    async with asyncio.TaskGroup() as group:
        seen = {each: asyncio.get_running_loop().create_future() for each in words}
        for stream in (process.stdout, process.stderr):
            group.create_task(drain(stream, printed, seen))
        urls = {}
        async with asyncio.timeout(25):
            for each, future in seen.items():
                line = await future
                text = json.loads(line)["event"] if mode == "json" else line
                urls[each] = next(part for part in text.split() if part.startswith("http"))
        found = await asyncio.to_thread(use, urls, source)
        found |= command_lines(process.pid)
        # Another reading teaches other secrets; one with a mistake is told.
        config["gateway"]["users"]["ann"]["keys"][0]["secret_key"] = [CANARIES["misplaced"]]
        write(brigade, config)
        process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(80):
            while b"secret_key: must be" not in printed:  # noqa: ASYNC110  a process tells nobody
                await asyncio.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 30)
    found |= state_bytes(brigade) | {"printed": bytes(printed)}
    assert b"PutObject" in printed
    assert b"bad" in printed
    assert not traces(found)


def use(urls: dict[str, str], source: Bucket) -> dict[str, bytes]:
    """Meet the gateway, the webhook and the metrics as friends and strangers do."""
    gateway, webhook = urls["gateway: listens on"], urls["webhook: listens on"]
    base = urls["metrics: http"].removesuffix("/metrics")
    region = source.endpoint.region
    for user, secret in (("ann", CANARIES["gateway"]), ("ann", "wrong"), ("bob", CANARIES["gateway"])):
        client = Bucket(Endpoint("gateway", gateway, region, user, secret), source.name, source.prefix)
        with suppress(ClientError, BotoCoreError):
            client.put("written", b"1")
        client.close()
    found = {
        "presigned": ask(f"{gateway}/{source.name}/key?X-Amz-Credential=ann&X-Amz-Signature=x"),
        "refused": post(f"{webhook}/events/bad", "wrong"),
        "taken": post(f"{webhook}/events/bad", CANARIES["webhook"]),
    }
    found |= {path: ask(f"{base}{path}") for path in ("/metrics", "/readyz", "/livez", "/?token=x")}
    assert b"brigade_build_info" in found["/metrics"]
    return found | by_api(f"{urls['api: listens on']}", source)


def by_api(api: str, source: Bucket) -> dict[str, bytes]:
    """Set up a store and a user, rightly and wrongly, and look at them in every way."""
    store = {"type": "s3", "endpoint": source.endpoint.url, "access_key": "a", "secret_key": CANARIES["api-store"]}
    user = {"keys": [{"access_key": "carl", "secret_key": CANARIES["api-user"]}]}
    wrong = {"type": "s3", "secret_key": [CANARIES["misplaced"]], "secret_kye": CANARIES["misplaced"]}
    found = {
        f"POST {path} {number}": post(f"{api}/api/v1/{path}", "", json.dumps(value).encode())
        for number, (path, value) in enumerate(
            [
                ("stores", {"name": "set-up", "settings": store}),
                ("stores", {"name": "wrong", "settings": wrong}),
                ("stores", {"name": "wrong", "settings": CANARIES["misplaced"]}),
                ("users", {"name": "carl", "settings": user}),
                ("users", {"name": "dora", "settings": {"keys": [CANARIES["misplaced"]]}}),
                ("stores/set-up/check", {"bucket": source.name}),
            ]
        )
    }
    looks = (
        "stores",
        "stores/set-up",
        "stores/bad",
        "users",
        "users/carl",
        "users/ann",
        "audit",
        "replications",
        "openapi.json",
    )
    found |= {path: ask(f"{api}/api/v1/{path}") for path in looks}
    assert b"set-up" in found["stores"], found["POST stores 0"]
    assert b"carl" in found["users"], found["POST users 3"]
    found["page"] = ask(f"{api}/")
    return found
