"""How long to wait before the next attempt, and when to give up. Pure: time and chance are arguments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """The bounds of retrying one call.

    Six attempts from 0.2 s on span about six seconds, enough for a server that restarts a worker; a store that
    asks for longer by `Retry-After` is obeyed up to `total_seconds`.
    """

    attempts: int = 6
    base_seconds: float = 0.2
    cap_seconds: float = 20.0
    total_seconds: float = 180.0


def delay_seconds(
    backoff: Backoff, *, attempt: int, waited_seconds: float, retry_after_seconds: float | None, random: float
) -> float | None:
    """The pause after `attempt` failed attempts (from 1), None to give up.

    The pause doubles with each attempt up to the cap, and half of it is chance, so that many callers that failed
    together do not come back together. `retry_after_seconds` is a floor, never shortened: when it does not fit into
    the total, asking again sooner would be wrong, so the answer is to give up. `random` lies in [0, 1).
    """
    if attempt >= backoff.attempts:
        return None
    # The exponent is bounded because 2.0**n overflows for an absurd number of attempts.
    step = min(backoff.cap_seconds, backoff.base_seconds * 2.0 ** min(attempt - 1, 62))
    delay = step * (0.5 + 0.5 * random)
    if retry_after_seconds is not None and retry_after_seconds > 0:
        delay = retry_after_seconds + min(delay, backoff.base_seconds)
    if waited_seconds + delay > backoff.total_seconds:
        return None
    return delay
