"""Wrong input and full disks: one clear line that names the place and the mend, and never a traceback."""

from __future__ import annotations

import os
import re
import resource

import pytest

from brigade.testing.bodies import pattern

pytestmark = pytest.mark.server

STORE = "stores:\n  s: {type: s3, endpoint: 'http://127.0.0.1:1', region: x, access_key: a, secret_key: b"


def assert_one_line(ran, code, words):
    assert ran.code == code, ran.words
    assert ran.err.count("\n") == 1, ran.err
    assert ran.err.startswith("brigade: error: ")
    assert re.search(words, ran.err), ran.err


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (f"{STORE}, acess_key: x}}\n", r"brigade.yaml:2: stores.s.acess_key: unknown key, did you mean access_key\?"),
        ("stores: {}\nreplicatons: {}\n", r"brigade.yaml:2: replicatons: unknown key, did you mean replications\?"),
        (f"{STORE}}}\nstate: [\n", r"brigade.yaml:\d+: not YAML"),
        (f"{STORE}, bandwidth: fast}}\n", "stores.s.bandwidth: 'fast' is no bandwidth"),
        (
            "stores: {s: {type: file, root: '${NOT_SET}'}}\n",
            "stores.s.root: the environment variable NOT_SET is not set",
        ),
        (f"{STORE}}}\nreplications: {{r: {{source: 's:a', target: 't:b'}}}}\n", "replications.r.target.*no store 't'"),
        (
            f"{STORE}}}\nreplications: {{r: {{source: 's:a', target: 's:a/b'}}}}\n",
            "r: the target lies inside the source",
        ),
    ],
)
async def test_a_wrong_configuration_is_told_with_its_line(brigade, tmp_path, config, words):
    (tmp_path / "brigade.yaml").write_text(config)
    ran = await brigade("run", "--once")
    assert_one_line(ran, 2, words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sync", "nostore:bucket", "b"], "there is no store 'nostore'.*for a path write ./nostore:bucket"),
        (["sync", "a", "b", "--include", "x["], r"--include: bad filter pattern 'x\[': \[ without \]"),
        (["sync", "a", "b", "--min-size", "10 apples"], "--min-size: '10 apples' is no size.*KiB"),
        (["sync", "a", "b", "--bandwidth", "0"], "--bandwidth: .*leave it out for no limit"),
        (["sync", "a", "b", "--max-delete", "200%"], "--max-delete: '200%' is no limit"),
        (["sync", "a"], "TARGET"),
        (["sync", "s3://", "b"], "names no bucket.*s3://bucket/prefix"),
        (["sync", "a", "b", "--config", "none.yaml"], "none.yaml: there is no such file"),
        (["snyc", "a", "b"], "snyc"),
    ],
)
async def test_a_wrong_command_line_is_told_with_its_mend(brigade, tmp_path, arguments, words):
    (tmp_path / "a").mkdir()
    assert_one_line(await brigade(*arguments), 2, words)
    assert not (tmp_path / "b").exists()


async def test_a_missing_bucket_is_not_made_in_silence(brigade, place, own_bucket):
    source, gone = place("seaweed"), own_bucket("seaweed")
    source.put("a", b"1")
    gone.remove()
    a, b = brigade.reach("a", source), brigade.reach("b", gone)
    assert_one_line(await brigade("sync", a, b), 1, f"{gone.name}.*check its name, or create it")
    assert_one_line(await brigade("sync", b, a), 1, gone.name)
    assert_one_line(await brigade("ls", b), 1, gone.name)


async def test_a_missing_directory_is_told(brigade, place):
    b = brigade.reach("b", place("seaweed"))
    assert_one_line(await brigade("sync", "nowhere", b), 1, "nowhere")
    assert_one_line(await brigade("ls", "nowhere"), 1, "nowhere")


async def test_a_user_who_may_do_nothing_is_told(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    source.put("a", b"1")
    access_key, secret_key = source.endpoint.powerless
    allowed = brigade.reach("allowed", source)
    denied = brigade.reach("denied", target, access_key=access_key, secret_key=secret_key)
    assert_one_line(await brigade("sync", allowed, denied), 1, f"denied:{target.name}.*AccessDenied")
    wrong = brigade.reach("wrong", target, secret_key="wrong")
    assert_one_line(await brigade("sync", allowed, wrong), 1, f"wrong:{target.name}.*secret")


async def test_a_full_disk_fails_its_objects_and_leaves_no_piece(brigade, place, small_disk, tmp_path):
    source = place("seaweed")
    for number in range(4):
        source.put(f"object-{number}", pattern(2_000_000, number))
    a = brigade.reach("a", source)
    if small_disk.is_mounted:
        ran = await brigade("sync", a, str(small_disk.path), "--json")
    else:
        ran = await limited(brigade, "sync", a, str(small_disk.path), "--json")
    assert ran.code == 1, ran.words
    assert ran.json["failed"] >= 1
    assert ran.json["in_step"] is False
    assert re.search("No space|File too large|full", ran.json["incomplete"] or str(ran.report) + ran.err)
    kept = {path.name: path.read_bytes() for path in small_disk.path.glob("object-*")}
    assert all(source.get(key) == body for key, body in kept.items())
    assert not [
        path
        for path in small_disk.path.rglob("*")
        if path.is_file() and path.name not in kept and path.stat().st_size > 4096
    ]


async def limited(brigade, *arguments):
    """Run where no file may grow beyond a megabyte, which is as near to a full disk as one gets without root."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        process = await brigade.start(*arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    return await brigade.ended(process)


async def test_a_report_that_cannot_be_written_whole_is_no_report(brigade, tmp_path, small_disk):
    (tmp_path / "a").mkdir()
    for number in range(300):
        (tmp_path / "a" / f"{number:03}{'x' * 200}").write_bytes(b"")
    (small_disk.path / "filler").write_bytes(bytes(4 * 1024 * 1024 - 8192)) if small_disk.is_mounted else None
    report = str(small_disk.path / "r.jsonl") if small_disk.is_mounted else "/dev/full"
    ran = await brigade("sync", "a", "b", "--report", report)
    assert ran.code == 1, ran.words
    assert re.search("report .* is not complete: No space left.*make room", ran.err)
    assert "300 copied" in ran.out
    assert_one_line(
        await brigade("sync", "a", "b", "--report", "no/such/r.jsonl"), 2, "--report no/such/r.jsonl: cannot"
    )


async def test_a_state_that_cannot_be_written_stops_the_run_before_it_begins(brigade, tmp_path, small_disk):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"1")
    (tmp_path / "file").write_text("")
    ran = await brigade("sync", "a", "b", "--state", "file/state.db")
    assert_one_line(ran, 1, "state: cannot make .*--state")
    (tmp_path / "broken.db").write_bytes(b"this is no database at all, it is a line of text" * 100)
    assert_one_line(await brigade("sync", "a", "b", "--state", "broken.db"), 1, "broken.db|state")
    if small_disk.is_mounted:
        with (small_disk.path / "filler").open("wb") as file:
            file.write(bytes(4 * 1024 * 1024 - 4096))
        ran = await brigade("sync", "a", "b", "--state", str(small_disk.path / "state.db"))
        assert_one_line(ran, 1, "state.*(full|room|space)")
    assert not (tmp_path / "b").exists()


async def test_a_state_that_may_only_be_read_is_told(brigade, tmp_path):
    if os.geteuid() == 0:
        # Root may write anything that is not marked; a directory stands for a file that cannot be opened.
        (tmp_path / "state.db").mkdir()
    else:
        (tmp_path / "state.db").write_bytes(b"")
        (tmp_path / "state.db").chmod(0o400)
    (tmp_path / "a").mkdir()
    assert_one_line(await brigade("sync", "a", "b"), 1, "state.db")


async def test_a_file_as_a_location_is_told_with_its_mend(brigade, tmp_path):
    (tmp_path / "file").write_text("x")
    assert_one_line(await brigade("sync", "file", "b"), 2, "file is a file.*--include")
