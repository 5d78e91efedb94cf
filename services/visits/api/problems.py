"""Errors as problem+json (RFC 9457): what is wrong, in a sentence, and field by field where there are fields."""

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from services.kit.plug import KeyReused
from services.kit.service import Refused
from services.visits.handlers_commands import Wrong


class Missing(Exception):
    """Nothing of that name is known (HTTP 404)."""


class NotApplied(Exception):
    """The report was kept, and not applied (HTTP 409)."""


def problem(status: int, title: str, **more: Any) -> JSONResponse:
    """One problem document."""
    return JSONResponse({"title": title, "status": status, **more}, status, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Have the application answer its own refusals as problems."""

    @app.exception_handler(RequestValidationError)
    def unreadable(_request: Request, error: RequestValidationError) -> JSONResponse:
        fields = [{"field": ".".join(map(str, e["loc"][1:])), "what": e["msg"]} for e in error.errors()]
        return problem(422, "The request cannot be read.", problems=fields)

    @app.exception_handler(Wrong)
    def wrong(_request: Request, error: Wrong) -> JSONResponse:
        fields = [{"field": p.field, "what": p.what} for p in error.problems]
        return problem(422, "The result cannot be taken as it is.", problems=fields)

    @app.exception_handler(Refused)
    def refused(_request: Request, error: Refused) -> JSONResponse:
        return problem(409, "That is not allowed as things stand.", detail=str(error))

    @app.exception_handler(NotApplied)
    def not_applied(_request: Request, error: NotApplied) -> JSONResponse:
        return problem(409, "The report was kept, and not applied.", detail=str(error))

    @app.exception_handler(KeyReused)
    def reused(_request: Request, error: KeyReused) -> JSONResponse:
        return problem(422, "This idempotency key was used before with another request.", detail=str(error))

    @app.exception_handler(Missing)
    def missing(_request: Request, error: Missing) -> JSONResponse:
        return problem(404, "Nothing of that name is known.", detail=str(error))
