"""The errors that only visits has, beside the kit's; a person who asked for a page is answered with one."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from services.kit.pages import Pages
from services.kit.problem import NotFound, install_problems, problem
from services.visits.handlers_commands import Wrong


class NotApplied(Exception):
    """The report was kept, and not applied (HTTP 409)."""


def install(app: FastAPI, pages: Pages) -> None:
    """Have the application answer its own refusals as problems."""

    @app.exception_handler(Wrong)
    def wrong(_request: Request, error: Wrong) -> Response:
        fields = [{"field": p.field, "problem": p.what} for p in error.problems]
        return problem(422, "The result cannot be taken as it is.", errors=fields)

    @app.exception_handler(NotApplied)
    def not_applied(_request: Request, error: NotApplied) -> Response:
        return problem(409, f"The report was kept, and not applied. {error}")

    @app.exception_handler(NotFound)
    def missing(request: Request, error: NotFound) -> Response:
        if wants_page(request):
            return pages.answer(request, "missing.html", status=404)
        return problem(404, str(error))

    install_problems(app)


def wants_page(request: Request) -> bool:
    """Whether a person asks, with a browser."""
    return "text/html" in request.headers.get("accept", "")
