"""The law of the backlog: whatever is called in whatever order, it does what a dictionary would."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from brigade.state.rows import Claim
from brigade.state.state import State
from brigade.testing.clock import ManualClock

SECOND_NS = 1_000_000_000
KEYS = st.sampled_from(["a", "b", "c/d", "\udcff"])
WHICH = st.integers(0, 2)
DUMP = "SELECT replication_id, key, lane, ready_ns, marked_ns, attempts, owner IS NOT NULL, held_until_ns FROM backlog"
_replications = count(1, 3)


@dataclass
class Row:
    """What the dictionary knows of one key."""

    marks: int
    lane: int
    ready_ns: int
    marked_ns: int
    holds: int = 0
    held_until_ns: int = 0
    attempts: int = 0
    token: int | None = None
    claimed_ns: int = 0


@dataclass
class Held:
    """A claim as it was handed out, and the state of the row it stands for."""

    claim: Claim
    marks: int
    token: int


@dataclass
class Model:
    """The dictionary, with the same calls."""

    rows: dict[tuple[int, str], Row] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: count(1))

    def mark(self, place: tuple[int, str], lane: int, now_ns: int, holds: int, until_ns: int) -> None:
        ready_ns = until_ns if holds > 0 else now_ns
        row = self.rows.get(place)
        if row is None:
            held = max(0, holds)
            self.rows[place] = Row(next(self.numbers), lane, ready_ns, now_ns, held, until_ns if held else 0)
            return
        row.marks = next(self.numbers)
        if row.token is None:
            row.ready_ns = ready_ns if row.lane == 2 else min(row.ready_ns, ready_ns)
        row.lane = min(row.lane, lane)
        standing = row.holds if row.held_until_ns > now_ns else 0
        row.holds = max(0, standing + holds)
        row.held_until_ns = max(row.held_until_ns, until_ns) if row.holds else 0
        row.attempts = 0

    def ours(self, held: Held) -> Row | None:
        row = self.rows.get((held.claim.replication_id, held.claim.key))
        return row if row is not None and row.token == held.token else None

    def free(self, row: Row, ready_ns: int, *, looked: bool) -> None:
        row.token = None
        row.ready_ns = max(ready_ns, row.held_until_ns)
        if looked:
            row.marked_ns = max(row.marked_ns, row.claimed_ns)


class BacklogMachine(RuleBasedStateMachine):
    """Three replications, two owners, a clock that the rules move."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = ManualClock(auto=False)
        self.state: State = self.runner.run(State.open(self.url, clock=self.clock))
        first = next(_replications)
        self.ids = [first, first + 1, first + 2]
        self.model = Model()
        self.held: list[Held] = []

    def teardown(self) -> None:
        """The calm phase: everything that was ever marked and not settled is still there to be claimed."""
        try:
            for each in self.ids:
                self.run(self.state.backlog.unpark(each))
            self.clock.advance(10_000)
            claims = self.run(self.state.backlog.claim(self.ids, "calm", 1000, 60))
            assert {(claim.replication_id, claim.key) for claim in claims} == set(self.model.rows)
            assert self.run(self.state.backlog.done(claims)) == len(self.model.rows)
        finally:
            self.run(self.state.close())
            self.runner.close()

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    @rule(which=WHICH, keys=st.lists(KEYS, min_size=1, max_size=3), live=st.booleans(), hold=st.sampled_from([0, 0, 5]))
    def mark(self, which: int, keys: list[str], live: bool, hold: int) -> None:
        until_ns = self.clock.now_ns() + hold * SECOND_NS if hold else 0
        self.run(self.state.backlog.mark(self.ids[which], keys, live=live, hold_until_ns=until_ns))
        for key in set(keys):
            self.model.mark((self.ids[which], key), 0 if live else 1, self.clock.now_ns(), int(hold > 0), until_ns)

    @rule(which=WHICH, key=KEYS)
    def settle(self, which: int, key: str) -> None:
        self.run(self.state.backlog.settle(self.ids[which], [key]))
        self.model.mark((self.ids[which], key), 0, self.clock.now_ns(), -1, 0)

    @rule(limit=st.integers(1, 9), lease=st.sampled_from([2, 20]), owner=st.sampled_from(["x", "y"]))
    def claim(self, limit: int, lease: int, owner: str) -> None:
        now_ns = self.clock.now_ns()
        claims: list[Claim] = self.run(self.state.backlog.claim(self.ids, owner, limit, lease))
        due = {place: row for place, row in self.model.rows.items() if row.lane < 2 and row.ready_ns <= now_ns}
        taken = {(claim.replication_id, claim.key): claim for claim in claims}
        assert len(taken) == len(claims) == min(limit, len(due)), "each at most once, and all that fit"
        assert set(taken) <= set(due)
        order = lambda place: (due[place].lane, due[place].ready_ns)  # noqa: E731
        for each in self.ids:
            waiting = [place for place in due if place[0] == each]
            mine = [place for place in taken if place[0] == each]
            left = [place for place in waiting if place not in taken]
            assert len(mine) >= min(len(waiting), limit // 3), "a fair share"
            assert not mine or not left or max(map(order, mine)) <= min(map(order, left))
        for place, claim in taken.items():
            row = due[place]
            assert (claim.attempts, claim.live) == (row.attempts, row.lane == 0)
            row.token, row.ready_ns, row.claimed_ns = next(self.model.numbers), now_ns + lease * SECOND_NS, now_ns
            self.held.append(Held(claim, row.marks, row.token))

    def _some(self, data: Any) -> list[Held]:
        """Claims that ended are among them: nobody may be harmed by a late owner."""
        if not self.held:
            return []
        chosen: list[Held] = data.draw(st.lists(st.sampled_from(self.held), max_size=4, unique_by=id))
        return list({(held.claim.replication_id, held.claim.key): held for held in chosen}.values())

    @rule(data=st.data())
    def done(self, data: Any) -> None:
        some = self._some(data)
        removed = self.run(self.state.backlog.done([held.claim for held in some]))
        expected = 0
        for held in some:
            row = self.model.ours(held)
            if row is None:
                continue
            if row.marks == held.marks and row.held_until_ns <= self.clock.now_ns():
                del self.model.rows[held.claim.replication_id, held.claim.key]
                expected += 1
            else:
                self.model.free(row, self.clock.now_ns(), looked=True)
        assert removed == expected

    @rule(data=st.data(), delay=st.sampled_from([0, 3]))
    def release(self, data: Any, delay: int) -> None:
        some = self._some(data)
        self.run(self.state.backlog.release([held.claim for held in some], delay))
        for held in some:
            if (row := self.model.ours(held)) is not None:
                wait = delay * SECOND_NS if row.marks == held.marks else 0
                self.model.free(row, self.clock.now_ns() + wait, looked=False)

    @rule(data=st.data())
    def renew(self, data: Any) -> None:
        some = self._some(data)
        still = self.run(self.state.backlog.renew([held.claim for held in some]))
        longest = max((held.claim.lease_seconds for held in some), default=0)
        ours = [held for held in some if self.model.ours(held) is not None]
        assert Counter(still) == Counter(held.claim for held in ours)
        for held in ours:
            row = self.model.ours(held)
            assert row is not None
            row.ready_ns = self.clock.now_ns() + int(longest) * SECOND_NS

    @rule(data=st.data(), delay=st.sampled_from([0, 7]), counts=st.booleans())
    def retry(self, data: Any, delay: int, counts: bool) -> None:
        for held in self._some(data)[:1]:
            self.run(self.state.backlog.retry(held.claim, delay, "failed", counts=counts))
            if (row := self.model.ours(held)) is not None:
                same = row.marks == held.marks
                row.attempts += int(counts and same)
                self.model.free(row, self.clock.now_ns() + delay * SECOND_NS * same, looked=False)

    @rule(data=st.data())
    def park(self, data: Any) -> None:
        for held in self._some(data)[:1]:
            self.run(self.state.backlog.park(held.claim, "refused"))
            if (row := self.model.ours(held)) is not None:
                same = row.marks == held.marks
                row.attempts += int(same)
                if same and row.held_until_ns <= self.clock.now_ns():
                    row.lane = 2
                self.model.free(row, self.clock.now_ns(), looked=False)

    @rule(which=WHICH, key=KEYS, forget=st.booleans())
    def decide_parked(self, which: int, key: str, forget: bool) -> None:
        act = self.state.backlog.dismiss if forget else self.state.backlog.unpark
        place = (self.ids[which], key)
        row = self.model.rows.get(place)
        is_parked = row is not None and row.lane == 2
        assert self.run(act(self.ids[which], [key])) == int(is_parked)
        if row is None or not is_parked:
            return
        if forget:
            del self.model.rows[place]
        else:
            row.lane, row.ready_ns, row.attempts = 0, self.clock.now_ns(), 0

    @rule(seconds=st.sampled_from([1, 3, 10]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @invariant()
    def the_table_is_the_dictionary(self) -> None:
        stored = {}
        for row in self.run(self.state._database.read.run(lambda connection: connection.execute(text(DUMP)).all())):
            if row[0] in self.ids:
                key = row[1].decode("utf-8", "surrogateescape")
                # A fence is a time and a few nanoseconds more.
                stored[row[0], key] = (row[2], row[3], row[4] // 1_000_000, row[5], bool(row[6]), row[7])
        expected = {
            place: (
                row.lane,
                row.ready_ns,
                row.marked_ns // 1_000_000,
                row.attempts,
                row.token is not None,
                row.held_until_ns,
            )
            for place, row in self.model.rows.items()
        }
        assert stored == expected

    @invariant()
    def the_lag_is_that_of_the_dictionary(self) -> None:
        lag = self.run(self.state.backlog.lag(self.ids[0]))
        rows = [row for place, row in self.model.rows.items() if place[0] == self.ids[0]]
        assert (lag.length, lag.parked) == (sum(row.lane < 2 for row in rows), sum(row.lane == 2 for row in rows))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def quick_url(request: pytest.FixtureRequest) -> str:
    """Both engines, without waiting for a disk."""
    return "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres_schema_url")


def test_it_does_what_a_dictionary_would(quick_url: str) -> None:
    class Machine(BacklogMachine):
        """On this engine."""

    Machine.url = quick_url
    examples = max(20, settings().max_examples // 3)
    run_state_machine_as_test(Machine, settings=settings(stateful_step_count=30, max_examples=examples))


@pytest.mark.parametrize("broken", ["sequence", "fence"])
def test_the_law_notices_what_it_must(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """A backlog that forgets to compare the sequence, or the fence, is found out."""
    from brigade.state import backlog_claims

    class Machine(BacklogMachine):
        """On a broken backlog."""

    Machine.url = "sqlite://"
    still_ours = backlog_claims._still_ours

    def forgetful(connection: Any, statements: Any, claims: Any) -> Any:
        if broken == "sequence":
            for replication_id, ours in still_ours(connection, statements, claims):
                yield replication_id, [(claim, row._replace(sequence=claim.sequence)) for claim, row in ours]
            return
        for claim in claims:
            found = statements.look(connection, claim.replication_id, [claim.key.encode("utf-8", "surrogateescape")])
            yield claim.replication_id, [(claim, row) for row in found]

    monkeypatch.setattr(backlog_claims, "_still_ours", forgetful)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Machine, settings=settings(max_examples=200, phases=[Phase.generate]))
