"""A tiny Ceph (one monitor, one OSD in memory, RADOS Gateway) on loopback, where Debian's `radosgw` is installed.

It needs root and some ten seconds. No cephx, because all of it listens on loopback only and lives for one run.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import uuid
from pathlib import Path

from brigade.testing.processes import Helper, StartFailed, free_port
from brigade.testing.servers import Endpoint, Server, find_binary, http_answer

_PROGRAMS = ("radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "monmaptool")
_STORAGE_CLASSES = ("STANDARD_IA", "GLACIER")
_MON, _FIRST_OSD, _LAST_OSD = 1, 10, 30

_CONFIG = """\
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon_port}/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv4 = true
ms bind ipv6 = false
ms bind port min = {first_osd_port}
ms bind port max = {last_osd_port}
ms async op threads = 2
auth cluster required = none
auth service required = none
auth client required = none
run dir = {directory}/run
admin socket = {directory}/run/$name.asok
pid file =
log file = {directory}/$name.log
crash dir = {directory}/run
mon cluster log file = {directory}/cluster.log
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
mon data avail warn = 1
[mon]
mon data = {directory}/mon
[osd]
osd data = {directory}/osd
osd objectstore = memstore
memstore device bytes = 4G
osd max object name len = 2048
osd class load list = *
osd class default list = *
[client.rgw]
# Without cephx the gateway has no key for the default, secure mode.
ms mon client mode = crc
rgw data = {directory}/rgw
# Without tcp_nodelay each answer waits 40 ms for an acknowledgement.
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw thread pool size = 64
rgw enable usage log = false
rgw enable ops log = false
rgw dns name = localhost
rgw crypt require ssl = false
"""


class CephServer(Server):
    """RADOS Gateway: lists in byte order, keeps every key, checks signatures, region `default`."""

    def __init__(self, directory: Path | None = None) -> None:
        super().__init__(directory)
        self.port = free_port((0, _MON, *range(_FIRST_OSD, _LAST_OSD)))
        self._secret = secrets.token_hex(16)
        self._powerless = ("brigade-nobody", secrets.token_hex(16))

    @staticmethod
    def missing() -> str | None:
        if os.geteuid() != 0:
            return "Ceph RGW needs root"
        absent = [program for program in _PROGRAMS if find_binary(program) is None]
        return f"Ceph RGW is not installed (no {', '.join(absent)})" if absent else None

    @property
    def endpoint(self) -> Endpoint:
        url = f"http://127.0.0.1:{self.port}"
        return Endpoint("ceph", url, "default", "brigade-test", self._secret, self._powerless)

    def _start(self, directory: Path) -> None:
        for name in ("mon", "osd", "run", "rgw"):
            (directory / name).mkdir(exist_ok=True)
        fsid = str(uuid.uuid4())
        self._write_config(directory, fsid)
        monitor = f"[v2:127.0.0.1:{self.port + _MON}]"
        self._do("monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a", monitor, "monmap")
        self._do("ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap")
        self._daemon("ceph-mon", "-f", "-i", "a")
        self._start_osd()
        self._make_users()
        gateway = self._daemon("radosgw", "-f", "-n", "client.rgw")
        gateway.wait_ready(lambda: http_answer(self.port)[0] == 200, seconds=60)

    def _write_config(self, directory: Path, fsid: str) -> None:
        text = _CONFIG.format(
            fsid=fsid,
            directory=directory,
            port=self.port,
            mon_port=self.port + _MON,
            first_osd_port=self.port + _FIRST_OSD,
            last_osd_port=self.port + _LAST_OSD,
        )
        (directory / "ceph.conf").write_text(text)

    def _start_osd(self) -> None:
        osd = str(uuid.uuid4())
        self._do("ceph", "osd", "new", osd)
        self._do("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        helper = self._daemon("ceph-osd", "-f", "-i", "0")
        helper.wait_ready(lambda: "1 up" in self._do("ceph", "osd", "stat"), seconds=60)

    def _make_users(self) -> None:
        keys = [("brigade-test", self._secret), self._powerless]
        for user, secret in keys:
            self._do(
                *("radosgw-admin", "user", "create", f"--uid={user}", f"--display-name={user}"),
                *(f"--access-key={user}", f"--secret-key={secret}"),
            )
        for name in _STORAGE_CLASSES:
            # They must exist before the gateway starts: without a realm it reads its zone only once.
            placement = ("--placement-id", "default-placement", "--storage-class", name)
            self._do("radosgw-admin", "zonegroup", "placement", "add", "--rgw-zonegroup", "default", *placement)
            pool = ("--data-pool", f"default.rgw.buckets.{name}")
            self._do("radosgw-admin", "zone", "placement", "add", "--rgw-zone", "default", *placement, *pool)

    def _daemon(self, program: str, *arguments: str) -> Helper:
        return self._run(program, *arguments, log=f"{program}.log", **self._environment())

    def _environment(self) -> dict[str, str]:
        assert self._work
        return {"CEPH_CONF": str(self._work.path / "ceph.conf")}

    def _do(self, *command: str) -> str:
        """One step of the set-up."""
        assert self._work
        try:
            done = subprocess.run(
                command,
                cwd=self._work.path,
                env={**os.environ, **self._environment()},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise StartFailed(f"{' '.join(command[:3])} did not end: {self._helpers[-1].tail()}") from error
        if done.returncode:
            raise StartFailed(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-500:]}")
        return done.stdout
