"""Every error has one shape: `{"error": {"code", "message", "hint"}}`."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from brigade.errors import (
    BrigadeError,
    ConfigError,
    Exists,
    Missing,
    Refused,
    Stale,
    StateError,
    StoreError,
    Unstorable,
    UsageError,
)

log = logging.getLogger("brigade.api")


class Detail(BaseModel):
    """What happened, and what to do about it."""

    code: str = Field(description="What to switch on in programs")
    message: str = Field(description="What happened, in a sentence")
    hint: str = Field("", description="What to do about it; may be empty")


class Failure(BaseModel):
    """The answer of every request that failed."""

    error: Detail


class Refusal(HTTPException):
    """An answer other than what was asked for."""

    def __init__(self, status: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(status, message)
        self.told = Detail(code=code, message=message, hint=hint)


# The most special class first.
_CODES: tuple[tuple[type[BrigadeError], int, str], ...] = (
    (ConfigError, 422, "invalid"),
    (UsageError, 422, "invalid"),
    (Exists, 409, "exists"),
    (Missing, 404, "missing"),
    (Stale, 412, "stale"),
    (Refused, 409, "refused"),
    (Unstorable, 422, "invalid"),
    (StateError, 503, "state_unavailable"),
    (StoreError, 502, "store_failed"),
)

_OF_STATUS = {
    401: "unauthenticated",
    403: "forbidden",
    404: "missing",
    405: "wrong_method",
    408: "too_slow",
    413: "too_large",
}

ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"model": Failure, "description": words}
    for status, words in (
        (400, "The request cannot be read"),
        (401, "A token is needed, or it is wrong, revoked or expired"),
        (403, "The token's scope is not enough"),
        (404, "There is no such thing"),
        (405, "This cannot be done to it"),
        (408, "The body did not come in time"),
        (409, "It is there already, or a guard refused"),
        (412, "Somebody else has changed it meanwhile"),
        (413, "The body is too large"),
        (422, "The values make no sense"),
        (428, "A change names the version it replaces, and this one does not"),
        (429, "Too many requests"),
        (502, "A store failed"),
        (503, "The state cannot be reached"),
    )
}
"""What every operation may answer, for the OpenAPI document."""


def explain(error: BrigadeError) -> Refusal:
    """An error of ours as an answer."""
    for kind, status, code in _CODES:
        if isinstance(error, kind):
            return Refusal(status, code, error.message, error.hint)
    return Refusal(500, "failed", error.message, error.hint)


def install(app: FastAPI) -> None:
    """Have the application answer every failure in the one shape."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(BrigadeError, _brigade)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def answer(refusal: Refusal, headers: dict[str, str] | None = None) -> JSONResponse:
    """The response for a refusal."""
    if refusal.status_code == 401:
        headers = {**(headers or {}), "WWW-Authenticate": "Bearer"}
    return JSONResponse(Failure(error=refusal.told).model_dump(), refusal.status_code, headers)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refusal)
    return answer(error)


async def _brigade(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BrigadeError)
    return answer(explain(error))


async def _unreadable(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # Values are not repeated: they may be secrets.
    words = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    return answer(Refusal(422, "invalid", words))


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _OF_STATUS.get(error.status_code, "failed")
    return answer(Refusal(error.status_code, code, str(error.detail)), dict(error.headers or {}))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed: %s", request.method, request.url.path, type(error).__name__, exc_info=error)
    return answer(Refusal(500, "unexpected", "something unexpected happened; the log of the process says what"))
