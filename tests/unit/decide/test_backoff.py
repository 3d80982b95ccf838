from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brigade.decide.backoff import Backoff, delay_seconds

BACKOFF = Backoff(attempts=6, base_seconds=0.2, cap_seconds=20.0, total_seconds=180.0)


def after(attempt, *, waited=0.0, retry_after=None, random=0.5, backoff=BACKOFF):
    return delay_seconds(
        backoff, attempt=attempt, waited_seconds=waited, retry_after_seconds=retry_after, random=random
    )


def test_doubles_from_attempt_to_attempt_up_to_the_cap():
    steady = Backoff(attempts=20, base_seconds=1.0, cap_seconds=10.0, total_seconds=1e9)
    delays = [after(attempt, random=1.0, backoff=steady) for attempt in range(1, 7)]
    assert delays == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_half_of_the_pause_is_chance():
    assert after(1, random=0.0) == 0.1
    assert after(1, random=1.0) == 0.2


def test_gives_up_after_the_last_attempt():
    assert after(5) is not None
    assert after(6) is None


def test_never_comes_back_before_retry_after():
    assert after(1, retry_after=7.0, random=0.0) >= 7.0


def test_gives_up_when_retry_after_does_not_fit_into_the_total():
    assert after(1, retry_after=181.0) is None


def test_gives_up_when_the_total_is_used_up():
    assert after(2, waited=179.99) is None


def test_a_retry_after_of_zero_still_pauses():
    assert after(1, retry_after=0.0, random=0.0) == 0.1


@given(
    attempt=st.integers(1, 5000),
    waited=st.floats(0, 1000),
    retry_after=st.none() | st.floats(0, 1000),
    random=st.floats(0, 1, exclude_max=True),
)
def test_the_whole_wait_stays_within_the_total(attempt, waited, retry_after, random):
    backoff = Backoff(attempts=10_000)
    delay = after(attempt, waited=waited, retry_after=retry_after, random=random, backoff=backoff)
    assert delay is None or (delay > 0 and waited + delay <= backoff.total_seconds)
