"""Answers people: officers' lists, the visitors' phone, the borrower's check of a credential, and REST for systems."""

from fastapi import FastAPI

from services.kit.pages.index import mount_index
from services.visits.api import credentials, desk, phone, phone_report, problems, rest
from services.visits.api.base import NOBODY, Base, House, Visiting


def create_api(runtime: Visiting, house: House = NOBODY) -> FastAPI:
    """The web application of visits over a running service."""
    app = FastAPI(title="Arrears: visits", version="1", docs_url=None, redoc_url=None)
    mount_index(app)
    base = Base(runtime, house)
    problems.install(app, base.pages)
    for part in (phone, phone_report, rest, desk, credentials):
        app.include_router(part.router(base))
    return app
