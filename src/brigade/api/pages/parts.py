"""All pages, as one router beside the API."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from brigade.api.office import Office
from brigade.api.pages import (
    access,
    assets,
    audit,
    changing_users,
    creating,
    failures,
    login,
    overview,
    replication,
    routes,
    runs,
    setting_stores,
    stores,
)
from brigade.api.pages.sessions import Sessions
from brigade.control.previewing import Previews

PARTS = (
    assets,
    login,
    overview,
    replication,
    creating,
    failures,
    runs,
    routes,
    setting_stores,
    stores,
    access,
    changing_users,
    audit,
)


def install_pages(app: FastAPI, office: Office) -> None:
    """Have the application show pages, too. They are no part of its OpenAPI document."""
    app.state.sessions = Sessions(office.state, office.clock)
    app.state.previews = Previews()
    router = APIRouter(include_in_schema=False)
    for part in PARTS:
        router.include_router(part.router)
    app.include_router(router)
