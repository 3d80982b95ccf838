"""Starts helper processes that cannot outlive the one that started them, and finds free ports for them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from brigade.clock import SystemClock
from brigade.errors import BrigadeError

_PR_SET_PDEATHSIG = 1
# Below the range that Linux takes client ports from (32768 on), so that no connection grabs a port first.
_FIRST_PORT, _LAST_PORT = 12000, 22000
_TRIES = 200


class StartFailed(BrigadeError):
    """A helper process did not become ready; the message ends with the tail of its log."""


def free_port(offsets: Sequence[int] = (0,)) -> int:
    """A base port such that base + each offset is free on loopback right now."""
    for _ in range(_TRIES):
        base = _FIRST_PORT + secrets.randbelow(_LAST_PORT - _FIRST_PORT)
        if all(_is_free(base + offset) for offset in offsets):
            return base
    raise StartFailed(f"found no free ports in {_TRIES} tries", hint="end other servers on this machine")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _die_with_parent(parent: int, libc: ctypes.CDLL) -> Callable[[], None]:
    def prepare() -> None:
        # Kills the helper when the thread that started it ends, `kill -9` included.
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


class Helper:
    """One running helper process in a session of its own, its output in `log`.

    Start it from a thread that lives as long as the helper shall: Linux ends it with that thread.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        directory: Path,
        log: Path,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
    ) -> None:
        self.log = log
        self.command = command[0]
        self._clock = SystemClock()
        libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                user=user,
                extra_groups=[] if user else None,
                start_new_session=True,
                # Between fork and exec runs nothing but two system calls, so threads do no harm.
                preexec_fn=_die_with_parent(os.getpid(), libc) if libc else None,  # noqa: PLW1509
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def wait_ready(self, probe: Callable[[], bool], *, seconds: float) -> None:
        """Poll `probe` until it holds; raise with the log's tail when the process ends or time is up."""
        until = self._clock.monotonic_seconds() + seconds
        while not probe():
            if not self.is_running:
                raise StartFailed(f"{self.command} ended with {self._process.returncode}: {self.tail()}")
            if self._clock.monotonic_seconds() > until:
                raise StartFailed(f"{self.command} was not ready after {seconds:g} s: {self.tail()}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)

    def tail(self) -> str:
        """The last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])

    def kill(self) -> None:
        """`kill -9`, of the process alone, and wait until it is dead."""
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Let it do nothing, as on a machine that is suspended."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was."""
        self._process.send_signal(signal.SIGCONT)

    def kill_all(self) -> None:
        """`kill -9` of the process and all that it started."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def ask(self, *, seconds: float) -> int:
        """Ask it to end by SIGTERM, and return its exit code. Raises where it does not end in time."""
        self._process.terminate()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise StartFailed(f"{self.command} did not end within {seconds:g} s: {self.tail()}") from None

    def stop(self, *, grace_seconds: float = 0.5) -> None:
        """End the process and all it started: ask, wait a little, then insist. May be called twice."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_seconds)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        # The group is our own session's, so it holds only this process and its children.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


_REMOVALS = 30


class WorkDirectory:
    """A directory for a helper's files: a given one that is kept, or a temporary one that goes with `remove`."""

    def __init__(self, directory: Path | None = None) -> None:
        self._temporary = None if directory else tempfile.TemporaryDirectory(prefix="brigade-")
        self.path = directory or Path(self._temporary.name if self._temporary else "")
        self.path.mkdir(parents=True, exist_ok=True)

    def remove(self) -> None:
        """Delete it if it was temporary. What a killed process was just writing is waited for."""
        for attempt in range(_REMOVALS):
            try:
                if self._temporary:
                    self._temporary.cleanup()
            except OSError:
                if attempt == _REMOVALS - 1:
                    raise
                threading.Event().wait(0.1)
            else:
                return


def children(pid: int) -> dict[int, str]:
    """The running child processes of `pid` with their commands, empty where the system does not tell."""
    found = {}
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, listing.read_text().split()):
                command = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if command:
                    found[child] = command.strip()
    return found
