"""Who holds a lease, and whether that process is certainly dead."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import NamedTuple

_START_FIELD = 19
"""Place of `starttime` in /proc/PID/stat, counted after the closing parenthesis of the command name."""


class Owner(NamedTuple):
    """One process. `space` names the kernel's boot and PID namespace: within one, a PID means one process at a time.

    `started` is the kernel's start time of the process (clock ticks since boot), 0 where it cannot be read.
    """

    host: str
    space: str
    pid: int
    started: int

    @classmethod
    def current(cls) -> Owner:
        """This process."""
        return cls(socket.gethostname(), _space(), os.getpid(), _started(os.getpid()) or 0)

    @classmethod
    def parse(cls, text: str) -> Owner:
        """The owner that `str()` wrote."""
        host, space, pid, started = text.rsplit(":", 3)
        return cls(host, space, int(pid), int(started))

    def __str__(self) -> str:
        return f"{self.host}:{self.space}:{self.pid}:{self.started}"

    @property
    def label(self) -> str:
        """For people: `process 4711 on host worker-1`."""
        return f"process {self.pid} on host {self.host}"

    def is_dead(self) -> bool:
        """True only if that is certain: the same boot and PID namespace as ours, and the process is gone.

        A PID that now belongs to a process with another start time counts as gone. Elsewhere only the end
        of a lease tells.
        """
        if not self.space or self.space != _space():
            return False
        started = _started(self.pid)
        return not _exists(self.pid) if started is None else started != self.started


def _space() -> str:
    """The boot and the PID namespace of this process; empty where the kernel does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _started(pid: int) -> int | None:
    """When the process began, -1 if it has ended and only its entry is left, None if there is nothing to read."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return -1 if fields[0] in {b"Z", b"X"} else int(fields[_START_FIELD])


def _exists(pid: int) -> bool:
    """Whether the kernel knows the process, also where /proc hides those of other users."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
