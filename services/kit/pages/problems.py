"""Errors for programs, as RFC 9457 has it: one shape for everything an API refuses."""

from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from services.kit.plug import KeyReused
from services.kit.service import Refused


def problem(status: int, detail: str, **more: object) -> JSONResponse:
    """A problem+json answer; the title is the status' own phrase."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, media_type="application/problem+json")


def answer_problems(app: FastAPI) -> None:
    """Have the application answer what its commands raise: Refused 409, KeyReused 422, a wrong request 422."""

    @app.exception_handler(Refused)
    def refused(_request: Request, error: Exception) -> JSONResponse:
        return problem(409, str(error))

    @app.exception_handler(KeyReused)
    def reused(_request: Request, error: Exception) -> JSONResponse:
        return problem(422, str(error))

    @app.exception_handler(HTTPException)
    def stated(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return problem(error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    def unclear(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        fields = [{"field": ".".join(map(str, e["loc"])), "problem": e["msg"]} for e in error.errors()]
        return problem(422, "the request cannot be read", fields=fields)
