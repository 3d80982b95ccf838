"""Runs `python -m brigade` as whole processes: one directory, one state, one configuration made of real endpoints."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brigade.clock import SystemClock
from brigade.testing.buckets import Bucket

_REPORT = "report.jsonl"
_SECONDS = 80.0


@dataclass(frozen=True, slots=True)
class Ran:
    """How a process ended and what it printed. `report` holds the last line of each key, where one was written."""

    code: int
    out: str
    err: str
    report: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The one JSON value that was printed."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """One JSON value for each line that was printed."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def words(self) -> str:
        """All that was printed."""
        return self.out + self.err


class Command:
    """The command line of one user: every process it starts shares `directory`, state, configuration, environment."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = str(directory / "state.db")
        self.replications: dict[str, Any] = {}
        self.gateway: dict[str, Any] | None = None
        self.webhook: dict[str, Any] | None = None
        self.sections: dict[str, Any] = {}
        self._stores: dict[str, Any] = {}
        self._secrets: dict[str, str] = {}
        self._clock = SystemClock()
        self._processes: list[asyncio.subprocess.Process] = []

    def reach(self, name: str, bucket: Bucket, *, url: str | None = None, **settings: Any) -> str:
        """Configure a store for a bucket, at `url` if a proxy stands before it, and return the bucket's location."""
        at = bucket.endpoint
        keys = {"access_key": at.access_key, "secret_key": f"${{SECRET_{name}}}"}
        self._secrets[f"SECRET_{name}"] = at.secret_key
        self._stores[name] = {"type": "s3", "endpoint": url or at.url, "region": at.region, **keys, **settings}
        self.write_config()
        return f"{name}:{bucket.name}/{bucket.prefix}"

    def have(self, name: str, secrets: Mapping[str, str], **section: Any) -> None:
        """Configure a store of any type; a secret, by its key, stands in the environment and not in the file."""
        for key, value in secrets.items():
            self._secrets[f"SECRET_{name}_{key}"] = value
            section[key] = f"${{SECRET_{name}_{key}}}"
        self._stores[name] = section
        self.write_config()

    def forget(self, name: str) -> None:
        """Take a store out of the configuration again."""
        del self._stores[name]
        self.write_config()

    def write_config(self) -> None:
        """Write `brigade.yaml`; JSON is YAML."""
        values: dict[str, Any] = {"stores": self._stores, "replications": self.replications, **self.sections}
        named = {"gateway": self.gateway, "webhook": self.webhook}
        values |= {name: section for name, section in named.items() if section is not None}
        (self.directory / "brigade.yaml").write_text(json.dumps(values))

    def environment(self) -> dict[str, str]:
        """What the processes see: nothing of the machine's own configuration."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BRIGADE_"))}
        home = str(self.directory / "home")
        own = {"HOME": home, "XDG_STATE_HOME": f"{home}/state", "BRIGADE_STATE": self.state, "COLUMNS": "200"}
        return {**kept, **own, "AWS_EC2_METADATA_DISABLED": "true", **self._secrets}

    async def start(
        self, *arguments: str, env: Mapping[str, str] | None = None, stderr: int | None = None
    ) -> asyncio.subprocess.Process:
        """A process under way; `ended` waits for it."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "brigade",
            *arguments,
            cwd=self.directory,
            env={**self.environment(), **(env or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE if stderr is None else stderr,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    async def ended(self, process: asyncio.subprocess.Process, seconds: float = _SECONDS) -> Ran:
        """Wait for the end. No output may ever hold a traceback."""
        async with asyncio.timeout(seconds):
            out, err = await process.communicate()
        assert process.returncode is not None
        ran = Ran(process.returncode, out.decode(), (err or b"").decode(), self._report())
        assert "Traceback" not in ran.words, ran.words
        return ran

    async def said(self, process: asyncio.subprocess.Process, words: str) -> str:
        """Wait until a process under way prints a line with these words, and return the line."""
        return await self._read_until(process.stdout, words)

    async def complained(self, process: asyncio.subprocess.Process, words: str) -> str:
        """As `said`, of what it prints as errors."""
        return await self._read_until(process.stderr, words)

    async def _read_until(self, stream: asyncio.StreamReader | None, words: str) -> str:
        assert stream is not None
        async with asyncio.timeout(_SECONDS):
            while line := (await stream.readline()).decode():
                if words in line:
                    return line.strip()
        raise AssertionError(f"it ended without saying {words!r}")

    async def reached(self, process: asyncio.subprocess.Process, condition: Callable[[], object]) -> None:
        """Wait for a moment of a process under way."""
        async with asyncio.timeout(_SECONDS):
            while not condition():
                assert process.returncode is None, "it ended before that moment"
                await self._clock.sleep(0.005)

    async def __call__(self, *arguments: str, env: Mapping[str, str] | None = None) -> Ran:
        """Run to the end."""
        (self.directory / _REPORT).unlink(missing_ok=True)
        return await self.ended(await self.start(*arguments, env=env))

    async def sync(self, source: str, target: str, *options: str, code: int = 0) -> Ran:
        """`sync --json` with a report; it must exit with `code`."""
        ran = await self("sync", source, target, "--json", "--report", _REPORT, *options)
        assert ran.code == code, ran.words + "".join(f"\n{line}" for line in ran.report.values() if line["error"])
        return ran

    def _report(self) -> dict[str, Any]:
        path = self.directory / _REPORT
        if not path.exists():
            return {}
        lines = path.read_text().splitlines()
        # A process that was killed may leave half a line.
        return {line["key"]: line for line in map(json.loads, filter(lambda text: text.endswith("}"), lines))}

    async def kill(self, process: asyncio.subprocess.Process) -> None:
        """`kill -9`, of the process alone: what it started must end by itself."""
        process.send_signal(signal.SIGKILL)
        await process.communicate()

    async def close(self) -> None:
        """End what is left."""
        for process in self._processes:
            if process.returncode is None:
                await self.kill(process)
