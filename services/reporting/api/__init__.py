"""What reporting answers programs: every figure as JSON, tables as CSV; `?as_known=` re-runs any of them."""

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.requests import Request

from services.reporting.api.asked import Desk, Unclear
from services.reporting.api.figures import figures_router, log_router


def problem(status: int, title: str, detail: str) -> JSONResponse:
    """An error for programs, as RFC 9457 has it."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status, media_type="application/problem+json")


def add_api(app: FastAPI, desk: Desk) -> None:
    """Add all of `/api` to the application."""
    for router in (figures_router(desk), log_router(desk)):
        app.include_router(router, prefix="/api")

    @app.exception_handler(Unclear)
    def unclear(_request: Request, error: Exception) -> JSONResponse:
        return problem(422, "This instant cannot be read", str(error))
