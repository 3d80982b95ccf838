"""`brigade demo`: the main job, told step by step; every command it shows is really run."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brigade.clock import SystemClock
from brigade.errors import BrigadeError

if TYPE_CHECKING:
    from brigade.control.demo import Scene

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

_DAMAGED = "odd/a-b"
_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.05


class DemoFailed(BrigadeError):
    """A step did not end as the story says."""


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave all of it running in the end, until Ctrl-C.")] = False,
) -> None:
    """Start two S3 servers on this machine, sync one to the other, break and repair, follow writes, kill and resume."""
    from brigade.control.demo import scene

    # Whoever ends the demo ends what it has started, too.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="brigade-demo-") as folder:
        _say("Two S3 servers (SeaweedFS) start on this machine.")
        with scene(Path(folder)) as place:
            _Story(place, keep=keep).tell()
    _say("Done. The servers have ended and nothing is left behind.")


def _say(words: str) -> None:
    typer.echo(f"\n# {words}")


def _wait_until(condition: Callable[[], bool], otherwise: str) -> float:
    """Returns how many seconds it took. Raises `DemoFailed` if it does not come true."""
    clock = SystemClock()
    began_seconds = clock.monotonic_seconds()
    while not condition():
        if clock.monotonic_seconds() - began_seconds > _PATIENCE_SECONDS:
            raise DemoFailed(otherwise)
        asyncio.run(clock.sleep(_LOOK_SECONDS))
    return clock.monotonic_seconds() - began_seconds


class Background:
    """A command that goes on while the story does; what it prints is shown when it is waited for, and at its end."""

    def __init__(self, command: list[str], directory: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program, with our own arguments
            command,
            cwd=directory,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is for the demo, which ends it in good order.
        )

    def wait_for(self, *words: str) -> None:
        """Show what it prints, until all these words were in it. Raises `DemoFailed` if it ends before."""
        assert self._process.stdout is not None
        missing = set(words)
        for line in self._process.stdout:
            typer.echo(line.rstrip())
            missing -= {each for each in missing if each in line}
            if not missing:
                return
        raise DemoFailed(f"it ended without saying {' and '.join(sorted(missing))}")

    def kill(self) -> None:
        """`kill -9`."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Ask it to end, and wait."""
        self._process.terminate()
        self._process.communicate(timeout=_PATIENCE_SECONDS)


class _Story:
    def __init__(self, place: Scene, *, keep: bool) -> None:
        self._place = place
        self._keep = keep
        self._old = f"old:{place.bucket}"
        self._new = f"new:{place.bucket}"

    def tell(self) -> None:
        """All of it, in order. Raises `DemoFailed` where a command ends otherwise than it must."""
        from brigade.control.demo import add_odd_objects, damage, gather_files

        _say("The old one is filled: this program's own files, then odd keys, metadata, tags, a multipart upload.")
        gather_files(self._place.directory / "files")
        self._brigade("sync", "files", f"{self._old}/files")
        typer.echo(f"{add_odd_objects(self._place)} more objects put by another client")
        _say("The main job: the old bucket to the new one, with a report.")
        self._brigade("sync", self._old, self._new, "--report", "report.jsonl")
        self._show_proofs()
        _say("Again: nothing has changed, nothing is copied.")
        self._brigade("sync", self._old, self._new)
        _say("A careless hand overwrites one object at the target: same length, other bytes. diff finds it.")
        damage(self._place, _DAMAGED)
        self._brigade("diff", self._old, self._new, expect=1)
        _say("sync repairs it, and diff agrees.")
        self._brigade("sync", self._old, self._new)
        self._brigade("diff", self._old, self._new)
        _say("And a directory back out of the new bucket.")
        self._brigade("sync", self._new, "out")
        self._brigade("ls", "out")
        self._tell_live()

    def _tell_live(self) -> None:
        from brigade.control.demo import delete_object

        _say(
            "Live: a gateway stands before the old server, and a client writes through it. Each write follows at once."
        )
        self._brigade("token", "create", "the demo", "--scope", "read")
        with self._running("gateway", "api") as gateway, ExitStack() as stack:
            worker = stack.enter_context(self._running("worker"))
            gateway.wait_for("gateway: listens on", "api: listens on")
            typer.echo(f"The pages are at {self._place.api_url}; the token above opens them.")
            worker.wait_for("in step")
            self._write("first", 200)
            self._wait_for("first", 200)
            delete_object(self._place, "first")
            typer.echo("one of them deleted through the gateway")
            self._wait_for("first", 199)
            _say("kill -9: the worker dies. The client goes on writing, and what it writes waits on the backlog.")
            worker.kill()
            self._write("second", 300)
            self._brigade("status")
            _say("The worker comes back and takes up what waits.")
            worker = stack.enter_context(self._running("worker"))
            self._wait_for("second", 300)
            worker.wait_for("in step")
            self._wait_until_drained()
            self._brigade("status")
            self._brigade("diff", self._old, self._new)
            if self._keep:
                self._wait_for_interrupt()

    def _wait_for_interrupt(self) -> None:
        _say(f"All of it goes on, with the pages at {self._place.api_url}, until you press Ctrl-C.")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            signal.pause()

    def _write(self, name: str, count: int) -> None:
        from brigade.control.demo import write_objects

        write_objects(self._place, name, count)
        typer.echo(f"{count} objects written through the gateway")

    def _wait_until_drained(self) -> None:
        def is_drained() -> bool:
            asked = subprocess.run(  # noqa: S603 - our own program, with our own arguments
                self._command("status", "--json"),
                cwd=self._place.directory,
                env=self._environment(),
                check=True,
                stdout=subprocess.PIPE,
            )
            return bool(json.loads(asked.stdout)["backlog"] == 0)

        _wait_until(is_drained, "the backlog is not empty")

    def _wait_for(self, name: str, count: int) -> None:
        from brigade.control.demo import count_at_new

        took_seconds = _wait_until(
            lambda: count_at_new(self._place, name) == count, f"the new server does not have the {count} objects"
        )
        typer.echo(f"the new server has {count} of them, {took_seconds:.1f} s after the last answer")

    @contextmanager
    def _running(self, *roles: str) -> Iterator[Background]:
        typer.echo(f"$ brigade run {' '.join(roles)} &")
        process = Background(self._command("run", *roles), self._place.directory, self._environment())
        try:
            yield process
        finally:
            process.end()

    def _brigade(self, *arguments: str, expect: int = 0) -> None:
        typer.echo(f"$ brigade {shlex.join(arguments)}")
        sys.stdout.flush()
        done = subprocess.run(  # noqa: S603 - our own program, with our own arguments
            self._command(*arguments), cwd=self._place.directory, env=self._environment(), check=False
        )
        if done.returncode != expect:
            raise DemoFailed(f"the command ended with {done.returncode} and not with {expect}")

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "brigade", *arguments]

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BRIGADE_")}
        return {**inherited, **self._place.environment}

    def _show_proofs(self) -> None:
        from brigade.control.demo import proofs

        report = self._place.directory / "report.jsonl"
        lines = report.read_text(encoding="ascii").splitlines()
        typer.echo("\n".join(f"report.jsonl: {line}" for line in lines[:2]))
        for proof, count in proofs(report).most_common():
            typer.echo(f"proven by {proof}: {count} objects")
