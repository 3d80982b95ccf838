"""The systemd unit: it starts what there is, and may do little beside."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from tests.deploy.conftest import DEPLOY, check_command

UNIT = DEPLOY / "systemd" / "brigade.service"


def settings() -> dict[str, list[str]]:
    found = defaultdict(list)
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if re.match(r"[A-Z]\w+=", line):
            name, _, value = line.partition("=")
            found[name].append(value)
    return found


def test_it_starts_a_command_that_exists_and_reloads_by_the_signal():
    (start,), (reload,) = settings()["ExecStart"], settings()["ExecReload"]
    program, *arguments = shlex.split(start)
    assert program.endswith("/brigade")
    check_command(arguments)
    assert "-HUP $MAINPID" in reload


def test_it_waits_for_work_under_way_and_begins_again():
    found = settings()
    assert found["Restart"] == ["always"]
    assert int(found["TimeoutStopSec"][0]) > 30


@pytest.mark.parametrize(
    "setting",
    ["DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "PrivateDevices=yes"],
)
def test_it_may_do_little(setting: str):
    name, _, value = setting.partition("=")
    assert settings()[name] == [value]


def test_systemd_understands_it(tmp_path: Path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed here: the unit was only read")
    unit = tmp_path / UNIT.name
    # A program that is there in place of Brigade's, which is not.
    unit.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/brigade/bin/brigade run", "/bin/true run"))
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    complaints = [line for line in ran.stderr.splitlines() if UNIT.name in line]
    assert not complaints
