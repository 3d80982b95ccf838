"""The application: its parts, its bounds, its document."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from brigade import __version__
from brigade.api import access, events, failures, lately, probes, replications, routes, runs, stores, users
from brigade.api.bounds import Bounds
from brigade.api.events import Broadcast
from brigade.api.failing import ANSWERS, install
from brigade.api.office import Office
from brigade.api.pages.parts import install_pages
from brigade.api.rates import Rates
from brigade.api.texts import Ascii

PREFIX = "/api/v1"


def make_app(office: Office) -> FastAPI:
    """The API on this office. It opens and closes nothing itself."""
    app = FastAPI(
        title="Brigade",
        version=__version__,
        summary="Keeps object stores in step.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        default_response_class=Ascii,
    )
    app.state.office = office
    app.state.broadcast = Broadcast(office)
    install(app)
    app.add_middleware(Bounds, rates=Rates(office.clock), rate=office.rate)
    router = APIRouter(prefix=PREFIX, responses=ANSWERS)
    for part in (replications, runs, failures, routes, stores, users, lately, events, access):
        router.include_router(part.router)
    app.include_router(router)
    if office.health is not None:
        app.include_router(probes.router)
    install_pages(app, office)
    return app
