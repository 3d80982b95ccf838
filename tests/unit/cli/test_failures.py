"""`failures`, `retry` and `status` on a state that a worker has filled: no store is asked, no worker must run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from brigade.clock import SystemClock
from brigade.state.owner import Owner
from brigade.state.rows import RunKind, RunState
from brigade.state.state import State

ODD = "new\nline \x1b[31m \udcff"


@pytest.fixture
def in_state(tmp_path: Path) -> Callable[[Callable[[State], Awaitable[None]]], None]:
    """Does something to the state that the commands see."""

    def do(work: Callable[[State], Awaitable[None]]) -> None:
        async def opened() -> None:
            state = await State.open(f"sqlite:///{tmp_path}/state.db", clock=SystemClock())
            await work(state)
            await state.close()

        asyncio.run(opened())

    return do


async def fail(state: State, name: str, *keys: str, reason: str = "refused", park: bool = True) -> None:
    number = await state.replications.ensure(name, f"identity of {name}")
    await state.backlog.mark(number, keys, live=True)
    for claim in await state.backlog.claim([number], "me", 100, 60):
        error = f"b put {claim.key!r}: {reason}"
        await (state.backlog.park(claim, error) if park else state.backlog.retry(claim, 1000, error))


async def two_replications(state: State) -> None:
    await fail(state, "photos", "a", "b", ODD)
    await fail(state, "files", "c", reason="no room", park=False)


def test_nothing_has_failed_at_first(brigade):
    assert brigade("failures")[:2] == (0, "nothing has failed\n")
    assert brigade("failures", "--json")[:2] == (0, "")
    assert brigade("status")[:2] == (0, "no replication has run here\n")


def test_failures_are_told_a_line_each_and_odd_keys_do_no_harm(brigade, in_state):
    in_state(two_replications)
    ran = brigade("failures")
    assert ran.out.isascii()
    assert "\x1b" not in ran.out
    *lines, summary = ran.out.splitlines()
    assert summary == "3 parked, 1 retrying"
    assert [line.split()[:3] for line in lines[:2]] == [["retrying", "files", "c"], ["parked", "photos", "a"]]
    assert repr(ODD) in lines[3]
    assert len(brigade("failures", "photos").out.splitlines()) == 4


def test_failures_as_json_give_keys_exactly(brigade, in_state):
    in_state(two_replications)
    lines = [json.loads(line) for line in brigade("failures", "--json").out.splitlines()]
    assert [line["key"] for line in lines] == ["c", "a", "b", ODD]
    assert list(lines[0]) == ["replication", "key", "state", "reason", "attempts", "since", "parked_at", "again_at"]
    assert [(line["parked_at"] is None, line["again_at"] is None) for line in lines[:2]] == [
        (True, False),
        (False, True),
    ]


def test_reasons_that_differ_in_the_key_alone_are_one(brigade, in_state):
    in_state(two_replications)
    groups = [json.loads(line) for line in brigade("failures", "--by-reason", "--json").out.splitlines()]
    assert [(group["parked"], group["retrying"], group["reason"]) for group in groups] == [
        (3, 0, "b put …: refused"),
        (0, 1, "b put …: no room"),
    ]
    assert groups[0]["examples"] == ["a", "b", ODD]
    assert brigade("failures", "--by-reason").out.splitlines()[0].startswith("       3  photos  b put …: refused  a, b")


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["photos"], ["c"]),
        (["photos", "a", ODD], ["c", "b"]),
        (["--reason", "no room"], ["a", "b", ODD]),
        (["photos", "--reason", "no room"], ["c", "a", "b", ODD]),
        (["--all"], []),
    ],
)
def test_retry_meets_what_is_named_and_nothing_else(brigade, in_state, arguments, left):
    in_state(two_replications)
    assert brigade("retry", *arguments).code == 0
    found: list[str] = []

    async def claim(state: State) -> None:
        ids = [row.id for row in await state.replications.all()]
        found.extend(claim.key for claim in await state.backlog.claim(ids, "me", 100, 60))

    in_state(claim)
    assert sorted(found) == sorted({"a", "b", "c", ODD} - set(left))


def test_retry_of_keys_that_have_not_failed_says_so(brigade, in_state):
    in_state(two_replications)
    ran = brigade("retry", "photos", "a", "absent", "--json")
    assert (ran.code, json.loads(ran.out)) == (1, {"keys": 1, "replications": {"photos": 1}, "absent": ["absent"]})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["retry"], "nothing is named"),
        (["retry", "photos", "--all"], "drop one of the two"),
        (["retry", "nobody"], "the state knows no replication 'nobody' (it knows: files, photos)"),
        (["dismiss", "photos", "--note", "x"], "nothing is named to be dismissed"),
        (["dismiss", "photos", "a", "--note", " "], "an empty note"),
        (["failures", "--dismissed", "--by-reason"], "--dismissed, --by-reason and --only exclude each other"),
        (["failures", "--by-reason", "--only", "parked"], "drop one of them"),
        (["failures", "nobody"], "the state knows no replication 'nobody'"),
        (["status", "nobody"], "there is no replication 'nobody'"),
        (["status", "--max-lag", "soon"], "--max-lag: "),
    ],
)
def test_wrong_words_are_one_line(brigade, in_state, arguments, words):
    in_state(two_replications)
    ran = brigade(*arguments)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert words in ran.err


def test_what_is_dismissed_is_off_the_list_and_on_record(brigade, in_state):
    in_state(two_replications)
    ran = brigade("dismiss", "photos", "a", "absent", "--note", "of no use")
    assert (ran.code, ran.out) == (1, "photos: 1 key dismissed\n")
    assert "absent is not parked" in ran.err
    assert brigade("dismiss", "photos", "--reason", "refused", "--note", "line\nbreak", "--json").code == 0
    # What is still tried again is not given up by this.
    assert brigade("dismiss", "files", "c", "--note", "x").code == 1
    assert brigade("failures").out.splitlines()[-1] == "1 retrying"
    lines = [json.loads(line) for line in brigade("failures", "--dismissed", "--json").out.splitlines()]
    assert {(line["key"], line["note"]) for line in lines} == {
        ("a", "of no use"),
        ("b", "line\nbreak"),
        (ODD, "line\nbreak"),
    }
    assert list(lines[0]) == ["replication", "key", "reason", "note", "dismissed_at"]
    assert "; 3 dismissed" in brigade("status", "photos").out
    assert [json.loads(line)["dismissed"] for line in brigade("status", "--json").out.splitlines()] == [0, 3]
    words = brigade("failures", "photos", "--dismissed").out
    assert len(words.splitlines()) == 3
    assert words.endswith("note: of no use\n")
    assert brigade("failures", "files", "--dismissed").out == "nothing was dismissed\n"


def test_a_bucket_of_a_whole_store_goes_by_the_name_of_the_replication(brigade, in_state):
    async def fill(state: State) -> None:
        await fail(state, "all/one", "a")
        await fail(state, "all/two", "b")
        await fail(state, "allure", "c")

    in_state(fill)
    assert brigade("failures", "all").out.splitlines()[-1] == "2 parked"
    assert brigade("failures", "all/one").out.splitlines()[-1] == "1 parked"


async def run_of(state: State, name: str, ended: RunState | None, *, identity: str = "") -> None:
    number = await state.replications.ensure(name, identity or f"identity of {name}")
    run = await state.runs.begin(number, RunKind.SYNC, {}, Owner.current(), 60)
    if ended is not None:
        await state.runs.finish(run, ended, {"copied": 3, "failed": int(ended is RunState.FAILED)})


def test_status_tells_how_each_replication_stands(brigade, in_state):
    async def fill(state: State) -> None:
        await run_of(state, "well", RunState.DONE)
        await run_of(state, "bad", RunState.FAILED)
        await run_of(state, "at work", None)
        await run_of(state, "cut off", RunState.INTERRUPTED)
        await run_of(state, "waits", RunState.DONE)
        await state.backlog.mark(await state.replications.ensure("waits", "identity of waits"), ["k", "l"], live=True)
        await run_of(state, "poisoned", RunState.DONE)
        await fail(state, "poisoned", "k")

    in_state(fill)
    ran = brigade("status", "--json")
    found = {line["replication"]: line for line in map(json.loads, ran.out.splitlines())}
    assert {name: (line["state"], line["backlog"], line["parked"]) for name, line in found.items()} == {
        "well": ("in step", 0, 0),
        "bad": ("failing", 0, 0),
        "at work": ("running", 0, 0),
        "cut off": ("behind", 0, 0),
        "waits": ("behind", 2, 0),
        "poisoned": ("failing", 0, 1),
    }
    assert ran.code == 1
    assert found["bad"]["last_run"]["result"] == "failed"
    assert found["at work"]["last_run"]["finished"] is None
    assert found["waits"]["lag_seconds"] > 0
    assert brigade("status", "well").out.startswith("well: in step; last run done (20")
    assert brigade("status", "bad").out.rstrip().endswith("s, 3 copied, 1 failed)")
    assert brigade("status", "waits", "well").code == 0
    assert brigade("status", "waits", "--max-lag", "0").code == 1
    assert brigade("status", "waits", "--max-lag", "1h").code == 0


def test_with_a_configuration_status_is_about_that(brigade, in_state, write, tmp_path: Path):
    write(
        **{
            "brigade.yaml": "stores: {m: {type: memory}}\nreplications:\n"
            "  files: {source: ./a, target: ./b}\n  new: {source: ./c, target: ./d}\n  all: {source: 'm:*', target: 'm:*'}\n",
            "a__x": "1",
        }
    )

    async def fill(state: State) -> None:
        await run_of(state, "files", RunState.DONE, identity="another place, long ago")
        await run_of(state, "all/photos", RunState.DONE)

    in_state(fill)
    assert brigade("sync", "a", "b").code == 0
    found = [json.loads(line) for line in brigade("status", "--json").out.splitlines()]
    assert [(line["replication"], line["state"]) for line in found] == [
        ("files", "in step"),
        ("new", "new"),
        ("all/photos", "in step"),
    ]
    assert found[1]["last_run"] is None
