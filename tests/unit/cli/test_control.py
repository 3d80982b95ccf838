"""The verbs over the API, on a state of this directory: no API and no worker must run."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from pathlib import Path

import pytest

from brigade.clock import SystemClock
from brigade.state.control_rows import Ask
from brigade.state.owner import Owner
from brigade.state.rows import RunKind, RunState
from brigade.state.state import State

CONFIG = """
seal_key: "0123456789012345678901234567890123456789"
stores:
  one: {type: s3, endpoint: "http://127.0.0.1:1", access_key: a, secret_key: canary}
  disk: {type: file, root: data}
replications:
  photos: {source: "disk:a", target: "disk:b"}
gateway:
  store: one
  users:
    ann: {keys: [{access_key: ann, secret_key: canary}]}
"""
LINES = [
    {"key": "a", "action": "copy", "reason": "new", "proof": "etag", "size_bytes": 1, "error": None},
    {"key": "odd \x1b", "action": "copy", "reason": "new", "proof": None, "size_bytes": None, "error": "no room"},
]


@pytest.fixture
def with_runs(brigade, write, tmp_path: Path):
    """The replication of the file as the state knows it, with a run that ended in step and its report."""
    write(**{"brigade.yaml": CONFIG})
    brigade("replication", "pause", "photos")
    brigade("replication", "resume", "photos")

    async def fill() -> None:
        clock = SystemClock()
        state = await State.open(f"sqlite:///{tmp_path}/state.db", clock=clock)
        from brigade.config.load import load_config
        from brigade.wiring.plans import ConfiguredPlans
        from brigade.wiring.wiring import Wiring

        loaded = load_config(tmp_path / "brigade.yaml", {})
        (known,) = ConfiguredPlans(Wiring(clock, {}, tmp_path, loaded), loaded).known([])
        number = await state.replications.ensure("photos", known.identity)
        run = await state.runs.begin(number, RunKind.SYNC, {}, Owner.current(), 60)
        block = gzip.compress("".join(json.dumps(line) + "\n" for line in LINES).encode())
        await state.control.outcomes.add(run.id, len(LINES), block)
        await state.runs.finish(run, RunState.DONE, {"copied": 2})
        await state.close()

    asyncio.run(fill())
    return brigade


def test_runs_and_reports_are_told_in_lines(with_runs):
    ran = with_runs("runs", "list")
    assert ran.code == 0
    assert ran.out.startswith("1  photos  sync  done  20")
    assert ran.out.endswith("s  2 copied\n")
    assert json.loads(with_runs("runs", "list", "photos", "--json").out)["id"] == 1
    assert "  copied: 2" in with_runs("runs", "show", "1").out.splitlines()
    assert with_runs("runs", "report", "1").out.splitlines() == [
        "copy            a  new  etag",
        "copy            'odd \\x1b'  new  no room",
    ]
    assert [json.loads(line) for line in with_runs("runs", "report", "1", "--json").out.splitlines()] == LINES
    assert with_runs("runs", "report", "1", "--failed", "--json").out.count("\n") == 1
    ran = with_runs("runs", "report", "2")
    assert (ran.code, ran.out, "there is no run 2" in ran.err) == (2, "", True)


def test_a_change_is_previewed_and_then_made(brigade, write, tmp_path: Path):
    write(**{"brigade.yaml": CONFIG, "data__c__one": "1", "data__d__x": "2"})
    assert brigade("replication", "create", "files", "disk:c", "disk:d").code == 0
    ran = brigade("replication", "change", "files", "--set", "delete=mirror", "--set", "max_delete=1", "--preview")
    assert (ran.code, "delete" in ran.out) == (0, True), ran
    assert json.loads(brigade("replication", "show", "files", "--json").out)["version"] == 1
    assert brigade("replication", "change", "files", "--set", "delete=mirror").code == 0
    assert json.loads(brigade("replication", "show", "files", "--json").out)["settings"]["delete"] == "mirror"
    assert (tmp_path / "data" / "d" / "x").read_text() == "2"


def test_waiting_ends_when_it_is_in_step_and_gives_up_in_time(with_runs):
    assert with_runs("replication", "wait", "photos", "--in-step")[:2] == (0, "photos: in step\n")
    with_runs("replication", "reconcile", "photos")
    ran = with_runs("replication", "wait", "photos", "--timeout", "100ms")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "photos: a sync is asked for and has not begun\n"
    assert with_runs("replication", "wait", "nothing").code == 2


def test_waiting_finds_its_run_among_many_of_others_and_of_the_other_kind(with_runs, tmp_path: Path):
    with_runs("replication", "reconcile", "photos")

    async def fill() -> None:
        state = await State.open(f"sqlite:///{tmp_path}/state.db", clock=SystemClock())
        (mine,) = await state.replications.all()
        asked = await state.runs.begin(mine.id, RunKind.SYNC, {}, Owner.current(), 60)
        await state.runs.finish(asked, RunState.DONE, {})
        other = await state.replications.ensure("other", "x")
        for number, kind in [(other, RunKind.SYNC), (mine.id, RunKind.VERIFY)] * 60:
            run = await state.runs.begin(number, kind, {}, Owner.current(), 60)
            await state.runs.finish(run, RunState.DONE, {})
        await state.close()

    asyncio.run(fill())
    assert with_runs("replication", "wait", "photos", "--timeout", "1s")[:2] == (0, "photos: in step\n")


def test_waiting_for_what_has_never_run_goes_on(brigade, write):
    write(**{"brigade.yaml": CONFIG})
    assert brigade("replication", "reconcile", "photos").code == 0
    ran = brigade("replication", "wait", "photos", "--timeout", "100ms")
    assert (ran.code, ran.err) == (1, "photos: a sync is asked for and has not begun\n")


def test_a_whole_store_is_waited_for_until_each_bucket_has_had_the_run(brigade, write, tmp_path: Path):
    two = 'two: {type: s3, endpoint: "http://127.0.0.1:2", access_key: a, secret_key: canary}'
    config = CONFIG.replace("stores:\n", f"stores:\n  {two}\n")
    write(**{"brigade.yaml": config.replace('"disk:a", target: "disk:b"', '"one:*", target: "two:*"')})
    assert brigade("replication", "reconcile", "photos").code == 0

    async def fill(*buckets: str, answered: bool = False) -> None:
        state = await State.open(f"sqlite:///{tmp_path}/state.db", clock=SystemClock())
        for bucket in buckets:
            number = await state.replications.ensure(f"photos/{bucket}", bucket)
            run = await state.runs.begin(number, RunKind.SYNC, {}, Owner.current(), 60)
            await state.runs.finish(run, RunState.DONE, {})
        if answered:
            asked_ns = (await state.control.orders.of("photos")).reconcile_ns
            await state.control.orders.answer("photos", Ask.RECONCILE, asked_ns)
        await state.close()

    asyncio.run(fill("first"))
    ran = brigade("replication", "wait", "photos", "--timeout", "100ms")
    assert (ran.code, ran.err) == (1, "photos: a sync is asked for and has not come to every bucket\n")
    asyncio.run(fill("second", answered=True))
    assert brigade("replication", "wait", "photos", "--timeout", "10s")[:2] == (0, "photos: in step\n")
    assert brigade("replication", "reconcile", "photos").code == 0
    assert brigade("replication", "wait", "photos", "--timeout", "100ms").code == 1


def test_tokens_are_made_listed_and_revoked(brigade, write, tmp_path: Path):
    write(**{"brigade.yaml": CONFIG})
    assert brigade("token", "list").out == "there is no token\n"
    token = brigade("token", "create", "ann", "--scope", "admin", "--lifetime", "1h").out.strip()
    (listed,) = [json.loads(line) for line in brigade("token", "list", "--json").out.splitlines()]
    assert (listed["name"], listed["scope"], listed["used"], token.split("_")[1]) == (
        "ann",
        "admin",
        None,
        listed["id"],
    )
    assert "used never" in brigade("token", "list").out
    for arguments in (["create", "x", "--scope", "root"], ["create", "x", "--lifetime", "soon"], ["revoke", "x"]):
        assert brigade("token", *arguments).code == 2, arguments
    assert brigade("token", "revoke", listed["id"]).out == "revoked\n"
    assert brigade("token", "list", "--json").out == ""


def test_ranges_of_a_shared_run_are_told_in_lines(with_runs, tmp_path: Path):
    async def fill() -> None:
        state = await State.open(f"sqlite:///{tmp_path}/state.db", clock=SystemClock())
        (mine,) = await state.replications.all()
        me = Owner.current()
        run = await state.runs.begin(mine.id, RunKind.SYNC, {}, me, 60, shared=True)
        (whole,) = (await state.ranges.look(run)).ranges
        part = await state.ranges.claim(whole, me, 60)
        assert part is not None
        await state.ranges.split(part, "m\n")
        await state.close()

    asyncio.run(fill())
    first, second = with_runs("runs", "ranges", "2").out.splitlines()
    assert first.startswith("behind the beginning to 'm\\n'  running  ")
    assert second == "behind 'm\\n' to the end  waiting"
    assert [json.loads(line)["after"] for line in with_runs("runs", "ranges", "2", "--json").out.splitlines()] == [
        "",
        "m\n",
    ]
    assert with_runs("runs", "ranges", "1").out == "one worker does all of it\n"
    assert with_runs("runs", "ranges", "9").code == 2


def test_what_was_done_is_told_by_whom_and_to_which_objects(with_runs, tmp_path: Path):
    for number in range(3):
        with_runs("replication", "pause", "photos", "--note", f"\x1b[31m{number}")
    ran = with_runs("audit", "--subject", "replication photos", "--limit", "2")
    assert ran.code == 0
    first, second = ran.out.splitlines()
    assert " at the machine  pause replication photos  " in first
    assert ("2" in first.partition("note")[2], "1" in second.partition("note")[2]) == (True, True)
    assert "\x1b" not in ran.out
    assert len(with_runs("audit", "--json", "--limit", "5").out.splitlines()) == 5
    assert with_runs("audit", "--actor", "nobody").out == "nothing was done\n"

    async def fill() -> None:
        state = await State.open(f"sqlite:///{tmp_path}/state.db", clock=SystemClock())
        (mine,) = await state.replications.all()
        await state.control.activity.add(mine.id, LINES)
        await state.close()

    asyncio.run(fill())
    lines = with_runs("activity", "photos").out.splitlines()
    assert [line.partition("  ")[2] for line in lines] == [
        "photos  copy  a  new",
        "photos  failed  'odd \\x1b'  no room",
    ]
    assert json.loads(with_runs("activity", "--json", "--limit", "1").out)["outcome"] == LINES[1]
    assert with_runs("replication", "samples", "photos").code == 0
    assert with_runs("replication", "samples", "nothing").code == 2


def test_top_prints_lines_where_there_is_no_terminal(with_runs):
    ran = with_runs("top", "--once")
    assert ran.code == 0
    assert re.fullmatch(r"photos  in step  sync done \d+s ago, 2 copied\n", ran.out)
    assert json.loads(with_runs("top", "--once", "--json").out)["standing"] == "in step"


def test_stores_and_users_are_listed_without_secrets(brigade, write):
    write(**{"brigade.yaml": CONFIG})
    listed = brigade("store", "list")
    assert listed.out.splitlines() == ["disk: file data (file)", "one: s3 http://127.0.0.1:1 (file)"]
    assert "canary" not in listed.out + brigade("store", "list", "--json").out + brigade("user", "list", "--json").out
    made = json.loads(brigade("user", "create", "bob", "--store", "one", "--json").out)
    more = json.loads(brigade("user", "add-key", "bob", "--json").out)
    both = f"{made['access_key']}, {more['access_key']}"
    assert brigade("user", "list").out.splitlines() == ["ann: ann (file)", f"bob: {both} (api)"]
    assert brigade("user", "show", "bob").out == f'bob: {both} (api)\n  store: "one"\n'
    changed = brigade("user", "change", "bob", "--store", "", "--set", "block=writes", "--json")
    assert json.loads(changed.out) == json.loads(brigade("user", "show", "bob", "--json").out)
    assert brigade("user", "show", "bob").out == f'bob: {both} (api)\n  block: "writes"\n'
    assert brigade("user", "change", "bob", "--set", "block=").code == 0
    assert brigade("user", "show", "bob").out == f"bob: {both} (api)\n"
    ran = brigade("user", "change", "bob", "--set", "keys=[{access_key: x, secret_key: canary}]")
    assert (ran.code, "can be read by everybody" in ran.err, "canary" in ran.err) == (2, True, False)
    assert brigade("user", "change", "bob", "--store", "disk").code != 0
    assert brigade("user", "remove-key", "bob", made["access_key"]).code == 0
    assert brigade("user", "remove-key", "bob", more["access_key"]).code == 2
    assert brigade("user", "delete", "bob").out == "bob is gone\n"
    assert brigade("user", "delete", "ann").code == 3


def test_many_keys_are_tried_again_in_parts(brigade, write, monkeypatch):
    write(**{"brigade.yaml": CONFIG})

    async def fill() -> None:
        state = await State.open(f"sqlite:///{Path.cwd()}/state.db", clock=SystemClock())
        number = await state.replications.ensure("photos", "x")
        await state.backlog.mark(number, list("abcd"), live=True)
        for claim in await state.backlog.claim([number], "me", 10, 60):
            await state.backlog.park(claim, "no")
        await state.close()

    asyncio.run(fill())
    monkeypatch.setattr("brigade.cli.decided._KEYS_AT_ONCE", 2)
    ran = brigade("retry", "photos", "a", "b", "c", "x", "--json")
    assert (ran.code, json.loads(ran.out)) == (1, {"keys": 3, "replications": {"photos": 3}, "absent": ["x"]})


def test_a_preview_is_the_plan_in_lines(brigade, write):
    write(**{"brigade.yaml": CONFIG, "data/a/one": "1", "data/a/two": "22", "data/c/two": "22"})
    ran = brigade("replication", "preview", "disk:a", "disk:c")
    assert ran.code == 0, ran.err
    *lines, sums = ran.out.splitlines()
    assert any(line.startswith("copy            one  ") for line in lines)
    assert sums.endswith("; 0 failed")
    assert json.loads(brigade("replication", "list", "--json").out)["name"] == "photos"


@pytest.mark.parametrize(
    ("typed", "offered"), [("brigade ru", {"run", "runs"}), ("brigade runs ", {"list", "show", "ranges", "report"})]
)
def test_the_shell_completes_verbs(brigade, monkeypatch, capfd, typed, offered):
    monkeypatch.setenv("_BRIGADE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split(" ")) - 1))
    with pytest.raises(SystemExit):
        brigade()
    assert set(capfd.readouterr().out.split()) == offered
