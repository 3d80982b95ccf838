from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.measure import Command, measure


def test_cpu_of_child_processes_counts(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}], check=True)"

    cost = measure(Command([sys.executable, "-c", program]), directory=tmp_path, timeout_seconds=20)

    assert cost.exit_code == 0
    assert cost.cpu_seconds >= 0.3


def test_peak_memory_is_seen_though_it_was_given_back(tmp_path: Path) -> None:
    program = "import time; x = b'x' * 80_000_000; del x; time.sleep(0.3)"

    cost = measure(Command([sys.executable, "-c", program]), directory=tmp_path, timeout_seconds=20)

    assert 80_000_000 < cost.peak_rss_bytes < 160_000_000


def test_a_run_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    late = f"import time, pathlib; time.sleep(1.5); pathlib.Path({str(marker)!r}).touch()"
    program = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {late!r}]); time.sleep(60)"

    began = time.monotonic()
    cost = measure(Command([sys.executable, "-c", program]), directory=tmp_path, timeout_seconds=0.7)

    assert cost.exit_code is None
    assert time.monotonic() - began < 40
    time.sleep(1.3)
    assert not marker.exists()


def test_a_failing_command_tells_its_words(tmp_path: Path) -> None:
    cost = measure(Command(["sh", "-c", "echo said; echo why >&2; exit 7"]), directory=tmp_path, timeout_seconds=20)

    assert (cost.exit_code, cost.output, cost.errors) == (7, "said\n", "why\n")
