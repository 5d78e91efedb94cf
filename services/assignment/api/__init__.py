"""Assignment over HTTP: cases, what officers may do about them, and the list of agencies."""

from fastapi import FastAPI

from services.assignment.api import agencies, cases
from services.assignment.api.asking import Running
from services.kit.pages.index import mount_index
from services.kit.problem import install_problems


def api(runtime: Running) -> FastAPI:
    """The service's API on a running service."""
    app = FastAPI(title="Arrears: assignment", version="1", docs_url=None, redoc_url=None)
    app.state.runtime = runtime
    app.include_router(cases.router)
    app.include_router(agencies.router)
    install_problems(app)
    mount_index(app)
    return app
