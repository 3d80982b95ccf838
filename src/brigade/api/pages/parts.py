"""All pages, as one router beside the API."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from brigade.api.office import Office
from brigade.api.pages import assets, login, overview
from brigade.api.pages.sessions import Sessions

PARTS = (assets, login, overview)


def install_pages(app: FastAPI, office: Office) -> None:
    """Have the application show pages, too. They are no part of its OpenAPI document."""
    app.state.sessions = Sessions(office.clock)
    router = APIRouter(include_in_schema=False)
    for part in PARTS:
        router.include_router(part.router)
    app.include_router(router)
