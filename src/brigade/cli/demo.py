"""`brigade demo`: the main job, told step by step; every command it shows is really run."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from brigade.errors import BrigadeError

if TYPE_CHECKING:
    from brigade.control.demo import Scene

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

_DAMAGED = "odd/a-b"


class DemoFailed(BrigadeError):
    """A step did not end as the story says."""


@app.command()
def demo() -> None:
    """Start two S3 servers on this machine, sync one to the other, break an object, find and repair it."""
    from brigade.control.demo import scene

    with tempfile.TemporaryDirectory(prefix="brigade-demo-") as folder:
        _say("Two S3 servers (SeaweedFS) start on this machine.")
        with scene(Path(folder)) as place:
            _Story(place).tell()
    _say("Done. The servers have ended and nothing is left behind.")


def _say(words: str) -> None:
    typer.echo(f"\n# {words}")


class _Story:
    def __init__(self, place: Scene) -> None:
        self._place = place
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

    def _brigade(self, *arguments: str, expect: int = 0) -> None:
        typer.echo(f"$ brigade {shlex.join(arguments)}")
        sys.stdout.flush()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BRIGADE_")}
        done = subprocess.run(  # noqa: S603 - our own program, with our own arguments
            [sys.executable, "-m", "brigade", *arguments],
            cwd=self._place.directory,
            env={**inherited, **self._place.environment},
            check=False,
        )
        if done.returncode != expect:
            raise DemoFailed(f"the command ended with {done.returncode} and not with {expect}")

    def _show_proofs(self) -> None:
        from brigade.control.demo import proofs

        report = self._place.directory / "report.jsonl"
        lines = report.read_text(encoding="ascii").splitlines()
        typer.echo("\n".join(f"report.jsonl: {line}" for line in lines[:2]))
        for proof, count in proofs(report).most_common():
            typer.echo(f"proven by {proof}: {count} objects")
