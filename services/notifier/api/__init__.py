"""Notifier over HTTP: the contact gate for agencies, answers and letters' tracking, and the borrower's own page."""

from fastapi import FastAPI

from services.kit.pages.index import mount_index
from services.kit.problem import install_problems
from services.notifier.api import ledger
from services.notifier.api.asking import Running
from services.notifier.api.borrower import borrower_page
from services.notifier.api.carriers import carriers_api
from services.notifier.api.commands import router
from services.notifier.api.desk import desk
from services.notifier.settings import NotifierSettings


def api(runtime: Running, *, settings: NotifierSettings) -> FastAPI:
    """The service's API and page on a running service."""
    app = FastAPI(title="Arrears: notifier", version="1", docs_url=None, redoc_url=None)
    app.state.runtime = runtime
    install_problems(app)
    mount_index(app)
    app.include_router(router)
    app.include_router(ledger.router)
    app.include_router(carriers_api(settings))
    app.include_router(desk(runtime, settings))
    app.include_router(borrower_page(runtime, settings))
    return app
