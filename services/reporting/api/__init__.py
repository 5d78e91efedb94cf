"""What reporting answers programs: every figure as JSON, tables as CSV; `?as_known=` re-runs any of them."""

from fastapi import FastAPI, Request
from fastapi.responses import Response

from services.kit.problem import problem
from services.reporting.api.asked import Desk, Unclear
from services.reporting.api.export import export_router
from services.reporting.api.figures import figures_router, log_router
from services.reporting.store.listings import Unasked


def add_api(app: FastAPI, desk: Desk) -> None:
    """Add all of `/api` to the application."""
    for router in (figures_router(desk), log_router(desk), export_router(desk)):
        app.include_router(router, prefix="/api")
    for mistake in (Unclear, Unasked):
        app.add_exception_handler(mistake, _unclear)


def _unclear(_request: Request, error: Exception) -> Response:
    return problem(422, str(error))
