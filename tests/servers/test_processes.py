from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from brigade.testing.postgres import PostgresServer
from brigade.testing.processes import Helper, StartFailed, children, free_port
from brigade.testing.servers import SeaweedServer, http_answer

SLEEP = [sys.executable, "-c", "import time; print('hello', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


def wait_until(condition, seconds=80.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def start(command, directory):
    helper = Helper(command, directory=directory, log=directory / "log")
    helper.wait_ready(lambda: bool(helper.tail()), seconds=30)
    return helper


@pytest.mark.parametrize("command", [SLEEP, STUBBORN])
def test_a_stopped_helper_is_gone(command, tmp_path):
    helper = start(command, tmp_path)
    assert helper.pid in children(os.getpid())
    helper.stop()
    helper.stop()
    assert not is_alive(helper.pid)
    assert helper.pid not in children(os.getpid())


def test_a_helper_that_ends_early_is_told_with_its_last_words(tmp_path):
    helper = Helper([sys.executable, "-c", "print('no room'); exit(3)"], directory=tmp_path, log=tmp_path / "log")
    with pytest.raises(StartFailed, match=r"ended with 3: no room"):
        helper.wait_ready(lambda: False, seconds=30)


def test_a_helper_that_is_never_ready_is_told(tmp_path):
    helper = start(SLEEP, tmp_path)
    with pytest.raises(StartFailed, match=r"not ready after 0.1 s: hello"):
        helper.wait_ready(lambda: False, seconds=0.1)
    helper.stop()


def test_free_ports_leave_out_what_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        busy = taken.getsockname()[1]
        base = free_port((0, 1, 10000))
        assert busy not in (base, base + 1, base + 10000)


def test_a_server_does_not_outlive_a_launcher_that_is_killed(tmp_path):
    script = (
        "from brigade.testing.servers import SeaweedServer\n"
        "with SeaweedServer() as server:\n"
        "    print(server.port, server._helpers[0].pid, flush=True)\n"
        "    import time; time.sleep(60)\n"
    )
    source = str(Path(__file__).parents[2] / "src")
    launcher = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": source, "TMPDIR": str(tmp_path)},
        text=True,
    )
    try:
        port, pid = map(int, launcher.stdout.readline().split())
        assert http_answer(port)[0] == 403
        launcher.send_signal(signal.SIGKILL)
        launcher.wait()
        wait_until(lambda: not is_alive(pid))
        assert http_answer(port)[0] == 0
    finally:
        launcher.kill()
        launcher.wait()
        launcher.stdout.close()


def test_a_seaweed_can_be_started_again_on_its_data(tmp_path):
    with SeaweedServer(tmp_path) as first:
        bucket = first.make_bucket("kept")
        client = first.endpoint.client()
        client.put_object(Bucket=bucket, Key="a", Body=b"content")
        client.close()
    with SeaweedServer(tmp_path, port=first.port) as second:
        client = second.endpoint.client()
        assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"content"
        client.close()
    assert not list(Path("/tmp").glob(f"seaweedfs-*-{first.port + 10000}.sock"))


def test_secrets_of_a_server_do_not_show(tmp_path):
    server = SeaweedServer(tmp_path)
    assert server.endpoint.secret_key not in repr(server.endpoint)


def test_a_postgres_answers_on_its_socket_and_keeps_nothing(postgres_url):
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_a_postgres_stops_and_leaves_no_files(tmp_path):
    with PostgresServer() as server:
        directory = server._work.path
        pid = server._helper.pid
    assert not directory.exists()
    assert not is_alive(pid)
