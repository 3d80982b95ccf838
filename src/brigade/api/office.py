"""What the API works with, and who is asking."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from brigade.api.failing import Refusal
from brigade.api.rates import Rate, identified
from brigade.clock import Clock
from brigade.control.access import LOCAL, Identity, Scope, identify
from brigade.control.checking import Checks
from brigade.control.desk import Desk, Plans
from brigade.control.health import Health
from brigade.control.metrics import Exposition
from brigade.state.state import State

_LOOPBACK = re.compile(r"(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?").fullmatch
_PASSED_ON = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_bearer = HTTPBearer(auto_error=False, description="A token made by `brigade token create`")


@dataclass(frozen=True, slots=True)
class Office:
    """The state, the configuration of the moment, and whether somebody without a token may do everything.

    `is_local`: only this machine can reach the API. Then, and while nobody has made a token, it needs none.
    `resident` is who asks where that is known without a token: somebody in this very process. `checks` holds what was
    found of stores. `ends` is set when the process goes, and with it whoever only listens. `health` and `exposition`
    are those of the process, where there is one that runs for long. `rate` is how often a client may ask, None for as
    often as he likes.
    """

    state: State
    clock: Clock
    plans: Callable[[], Plans]
    is_local: bool
    resident: Identity | None = None
    checks: Checks = field(default_factory=Checks)
    ends: asyncio.Event = field(default_factory=asyncio.Event)
    health: Health | None = None
    exposition: Exposition | None = None
    rate: Callable[[], Rate | None] = lambda: None


def office_of(request: Request) -> Office:
    """The office behind the application."""
    found = request.app.state.office
    assert isinstance(found, Office)
    return found


async def who_asks(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None
) -> Identity:
    """Raises 401 for a missing, wrong, revoked or expired token."""
    office = office_of(request)
    if office.resident is not None:
        return office.resident
    if credentials is None:
        if office.is_local and _is_at_home(request) and not await office.state.control.tokens.all():
            return LOCAL
        raise Refusal(401, "unauthenticated", "a token is needed", "Authorization: Bearer TOKEN")
    found = await identify(office.state, office.clock, credentials.credentials)
    if found is None:
        raise Refusal(401, "unauthenticated", "the token is wrong, revoked or expired", "`brigade token create`")
    identified(request.scope, found.token_id)
    return found


def _is_at_home(request: Request) -> bool:
    """False for what a page of another site, or another name for this machine, makes a browser send.

    And for what somebody has passed on: a proxy on this machine speaks for others.
    """
    if any(name in request.headers for name in _PASSED_ON):
        return False
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    return _LOOPBACK(host) is not None and (origin is None or origin == f"{request.url.scheme}://{host}")


class _Seat:
    """A dependency: the desk of somebody whose scope is enough. Raises 403 where it is not."""

    def __init__(self, needed: Scope) -> None:
        self.needed = needed

    def __call__(self, request: Request, who: Annotated[Identity, Depends(who_asks)]) -> Desk:
        if not who.scope.opens(self.needed):
            raise Refusal(403, "forbidden", f"this needs a token with the scope {self.needed}, yours has {who.scope}")
        office = office_of(request)
        return Desk(office.state, office.clock, office.plans(), who.actor)


Reader = Annotated[Desk, Depends(_Seat(Scope.READ))]
Operator = Annotated[Desk, Depends(_Seat(Scope.OPERATE))]
Admin = Annotated[Desk, Depends(_Seat(Scope.ADMIN))]
