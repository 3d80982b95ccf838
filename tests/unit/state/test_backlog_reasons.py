"""Reasons are counted by the database, and come out as if each failure had been looked at."""

from __future__ import annotations

from collections import Counter

import pytest

from brigade.control.failures import FailureState, Group, Which, by_reason, failures, reason_without_key
from brigade.errors import UsageError
from brigade.state.state import State

KEYS = [
    "a",
    "photos/b",
    "it's",
    'say "x"',
    'it\'s "x"',
    "ü/€",
    "\udc80",
    "tab\t",
    "back\\slash",
    "50%",
    "x'x",
    "\0",
    "…",
]
REASONS = [
    "put {!r}: AccessDenied",
    "copy {!r} to {!r}: no room",
    "the server said 'no'",
    "{}: without quotes",
    "{2!r} is gone",
]


@pytest.fixture
async def failing(state: State) -> State:
    """Two replications in which everything fails, parked and to be tried again."""
    for name in ("one", "two/bucket"):
        number = await state.replications.ensure(name, f"of {name}")
        keys = {f"{key}{n}" if n else key: REASONS[n] for key in KEYS for n in range(len(REASONS))}
        await state.backlog.mark(number, keys, live=True)
        for n, claim in enumerate(await state.backlog.claim([number], "me", 1000, 60)):
            # As errors of stores do: no half pairs and no NUL in them, which no database takes.
            reason = keys[claim.key].format(claim.key, claim.key, f"s3:bucket/{claim.key}").replace("\0", "?")
            reason = reason.encode("utf-8", "replace").decode()
            if n % 3:
                await state.backlog.park(claim, reason)
            else:
                await state.backlog.retry(claim, 60, reason)
    return state


async def one_by_one(state: State, which: Which) -> Counter[tuple[str, str, bool]]:
    return Counter(
        [
            (each.replication, reason_without_key(each.reason, each.key), each.state is FailureState.PARKED)
            async for each in failures(state, which)
        ]
    )


def counted(groups: list[Group]) -> Counter[tuple[str, str, bool]]:
    found: Counter[tuple[str, str, bool]] = Counter()
    for each in groups:
        found[each.replication, each.reason, True] += each.parked
        found[each.replication, each.reason, False] += each.retrying
    return +found


@pytest.mark.parametrize(
    "which",
    [
        Which(),
        Which("one"),
        Which("two"),
        Which(reason="no room"),
        Which("one", reason="AccessDenied"),
        Which(reason="ü"),
    ],
    ids=str,
)
async def test_reasons_are_counted_as_if_each_failure_was_looked_at(failing: State, which: Which) -> None:
    groups = await by_reason(failing, which)
    assert counted(groups) == await one_by_one(failing, which)
    sums = [group.parked + group.retrying for group in groups]
    assert sums == sorted(sums, reverse=True)
    assert sums


async def test_what_differs_in_the_key_alone_is_few_rows_of_the_database(state: State) -> None:
    number = await state.replications.ensure("one", "x")
    await state.backlog.mark(number, [f"photos/ü{n}" for n in range(500)], live=True)
    for claim in await state.backlog.claim([number], "me", 1000, 60):
        await state.backlog.park(claim, f"put 's3:bucket/{claim.key}': AccessDenied")
    (row,) = await state.backlog.reasons()
    assert (row.number, row.parked, row.first_key) == (500, True, "photos/ü0")
    (group,) = await by_reason(state, Which())
    assert (group.reason, group.parked, group.examples[0]) == ("put …: AccessDenied", 500, "photos/ü0")


async def test_no_more_rows_are_counted_than_wanted(failing: State) -> None:
    groups = await by_reason(failing, Which(), most=10)
    assert sum(group.parked + group.retrying for group in groups) == 10


async def test_an_unknown_replication_and_a_text_that_nothing_holds(failing: State) -> None:
    with pytest.raises(UsageError, match="knows no replication"):
        await by_reason(failing, Which("three"))
    assert await by_reason(failing, Which(reason="a\0b")) == []
