"""OpenStack Swift (PyPI `swift`) on loopback, all of it in one process: Swift API and its S3 front `s3api`.

Swift may live in another Python than Brigade: set BRIGADE_SWIFT_PYTHON to its interpreter.
"""

from __future__ import annotations

import getpass
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from brigade.testing import swift_runner
from brigade.testing.processes import free_port
from brigade.testing.servers import Endpoint, Server, http_answer

_COMMON = """\
[DEFAULT]
swift_dir = {directory}
bind_ip = 127.0.0.1
workers = 0
user = {user}
devices = {directory}/srv
mount_check = false
"""

_BACKEND = """\
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
fallocate_reserve = 0
recon_cache_path = {directory}/cache
"""

_PROXY = """\
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk tempurl s3api tempauth copy slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
# With one device only it must never be set aside after an error: that would mean 503 for a minute.
error_suppression_interval = 0.01
error_suppression_limit = 1000000
[filter:cache]
paste.filter_factory = swift_runner:cache_factory
[filter:s3api]
use = egg:swift#s3api
s3_acl = true
location = us-east-1
allow_no_owner = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
"""

_PLAIN_FILTERS = (
    *("catch_errors", "gatekeeper", "healthcheck", "listing_formats", "bulk", "tempurl", "copy", "slo", "dlo"),
    "symlink",
)

_SWIFT = """\
[swift-hash]
swift_hash_path_prefix = prefix
swift_hash_path_suffix = suffix
[storage-policy:0]
name = default
default = yes
"""


class SwiftServer(Server):
    """Lists in byte order, has no tags (501) and no storage classes; its S3 multipart uploads are SLOs inside."""

    def __init__(self, directory: Path | None = None) -> None:
        super().__init__(directory)
        self.port = free_port((0, 1, 2, 3))

    @staticmethod
    def missing() -> str | None:
        there = os.environ.get("BRIGADE_SWIFT_PYTHON") or find_spec("swift")
        return None if there else "OpenStack Swift is not installed (pip install swift)"

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("swift", f"http://127.0.0.1:{self.port}", "us-east-1", "test:tester", "testing")

    @property
    def auth_url(self) -> str:
        """Where its own log-in is, for `user` and `key`."""
        return f"http://127.0.0.1:{self.port}/auth/v1.0"

    @property
    def user(self) -> str:
        """`account:user`."""
        return self.endpoint.access_key

    @property
    def key(self) -> str:
        """The password of `user`."""
        return self.endpoint.secret_key

    def _start(self, directory: Path) -> None:
        for name in ("srv/d1", "cache"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        (directory / "swift.conf").write_text(_SWIFT)
        common = _COMMON.format(directory=directory, user=getpass.getuser())
        for name in swift_runner.SERVERS[1:]:
            (directory / f"{name}.conf").write_text(common + _BACKEND.format(directory=directory, name=name))
        filters = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in _PLAIN_FILTERS)
        # A copy, because a script's own directory leads its search path, and beside this one lies a `swift.py`.
        runner = directory / "swift_runner.py"
        shutil.copyfile(swift_runner.__file__, runner)
        (directory / "proxy.conf").write_text(common + _PROXY + filters)
        helper = self._run(
            os.environ.get("BRIGADE_SWIFT_PYTHON") or sys.executable,
            str(runner),
            str(directory),
            *(str(self.port + offset) for offset in range(len(swift_runner.SERVERS))),
            log="swift.log",
        )
        helper.wait_ready(lambda: http_answer(self.port, "/healthcheck")[0] == 200, seconds=30)
