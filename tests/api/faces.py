"""One server in a thread of its own, asked by the API, by the command line over a socket, and by its pages."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import html
import io
import json
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from brigade.api import inside
from brigade.api.app import make_app
from brigade.api.office import Office
from brigade.cli.main import main
from brigade.clock import SystemClock
from brigade.config.load import load_config
from brigade.control.access import LOCAL
from brigade.state.control_rows import Sample
from brigade.state.owner import Owner
from brigade.state.rows import RunKind, RunState
from brigade.state.state import State
from brigade.testing.background import Background
from brigade.testing.browser import Browser
from brigade.wiring.plans import ConfiguredPlans
from brigade.wiring.wiring import Wiring

FILE = """\
seal_key: "0123456789012345678901234567890123456789"
stores:
  disk: {type: file, root: data}
  ceph: {type: s3, endpoint: "http://127.0.0.1:1", access_key: a, secret_key: s}
replications:
  photos: {source: "disk:photos", target: "disk:copies", live: [watch]}
gateway:
  store: ceph
  routes: [{bucket: old, block: true}, {bucket: photos, store: ceph}]
  users:
    ann: {keys: [{access_key: ann, secret_key: s}]}
"""
LINES = [
    {"key": "a/1", "action": "copy", "reason": "it is missing", "proof": "etag", "size_bytes": 4, "error": None},
    {"key": "a/2", "action": "copy", "reason": "it is missing", "proof": None, "size_bytes": 4, "error": "no room"},
]
# What is another one each time: keys, numbers, and how long something has waited.
VOLATILE = {"lag_seconds", "used", "at", "set_at", "id", "token", "secret_key"}
PATTERNS = {
    r"\bBRG[A-Z0-9]{17}\b": "KEY",
    r"\btoken [0-9a-zA-Z_-]+": "token TOKEN",
    r'"runs": \[\d+\]': '"runs": []',
    r'"\d{4}-\d\d-\d\dT[0-9:.]+Z"': '"THEN"',
}


class Faces:
    """The three of them, and the state behind."""

    def __init__(self, directory) -> None:
        self.directory = directory
        self.background = Background()
        (directory / "brigade.yaml").write_text(FILE)
        (directory / "data" / "photos").mkdir(parents=True)
        (directory / "data" / "photos" / "one").write_text("1")
        (directory / "data" / "copies").mkdir()

    @asynccontextmanager
    async def served(self):
        clock = SystemClock()
        loaded = load_config(self.directory / "brigade.yaml", {})
        self.plans = ConfiguredPlans(Wiring(clock, {}, self.directory, loaded), loaded)
        self.state = await State.open(f"sqlite:///{self.directory}/state.db", clock=clock)
        self.app = make_app(Office(self.state, clock, lambda: self.plans, is_local=True, resident=LOCAL))
        self.browser = Browser(self.app)
        await self._furnish()
        server = uvicorn.Server(uvicorn.Config(self.app, port=0, log_config=None, lifespan="off"))
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(0.01)
        self.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        yield
        server.should_exit = True
        await serving
        await self.state.close()

    async def _furnish(self) -> None:
        state, owner = self.state, Owner.current()
        number = await state.replications.ensure("photos", self.plans.known([])[0].identity)
        await state.backlog.mark(number, ["given up", "again", "left"], live=True)
        for claim in await state.backlog.claim([number], str(owner), 10, 60):
            if claim.key == "again":
                await state.backlog.retry(claim, 3600, "the target is slow")
            else:
                await state.backlog.park(claim, "the target has no room")
        await state.backlog.dismiss(number, ["left"], "it is not needed")
        verify = await state.runs.begin(number, RunKind.VERIFY, {}, owner, 60)
        await state.runs.finish(verify, RunState.FAILED, {"compared": 2, "differences": 1})
        run = await state.runs.begin(number, RunKind.SYNC, {}, owner, 3600, shared=True)
        await state.control.outcomes.add(
            run.id, 2, gzip.compress("".join(json.dumps(x) + "\n" for x in LINES).encode())
        )
        await state.runs.checkpoint(run, None, {"considered": 2, "copied": 1, "failed": 1})
        owner_range = (await state.ranges.look(run)).ranges[0]
        mine = await state.ranges.claim(owner_range, owner, 3600)
        assert mine is not None
        await state.ranges.split(mine, "m")
        await state.control.activity.add(number, LINES)
        now_seconds = SystemClock().now_ns() // 10**9
        await state.control.activity.sample(Sample(number, now_seconds - now_seconds % 10 - 60, 7, 4096, 1, 3, 20))
        await state.routes.set("ann", "pets", "ceph")
        await state.routes.block(None, "pets", writes_only=True, note="it moves")

    def api(self, method: str, path: str, *, body: Any = None, query: Any = None, version: int | None = None) -> Any:
        headers = {} if version is None else {"if-match": f'"{version}"'}
        sent = inside.ask(self.app, method, f"/api/v1{path}", body=body, query=query, headers=headers)
        answer = self.background.run(sent)
        assert answer.status < 300, (path, answer.body)
        if path.endswith(".jsonl"):
            return [json.loads(line) for line in answer.body.splitlines()]
        return answer.json()

    def cli(self, *arguments: str) -> list[Any]:
        """What a verb prints with `--json`, a value for each line."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = main([*arguments, "--json"])
        assert code == 0, arguments
        return [json.loads(line) for line in out.getvalue().splitlines()]

    def page(self, path: str) -> str:
        shown = self.background.run(self.browser.get(path))
        assert shown.status == 200, shown.text
        return html.unescape(shown.text)

    def send(self, path: str, form: dict[str, str]) -> None:
        page = self.background.run(self.browser.send("/routes", path, form))
        assert page.status in (200, 303), page.text
        assert 'role="alert"' not in page.text, page.text


def steady(value):
    if isinstance(value, dict):
        # The lines of a report lack what one as a value has as null.
        return {name: steady(each) for name, each in value.items() if name not in VOLATILE and each is not None}
    return [steady(each) for each in value] if isinstance(value, list) else value
