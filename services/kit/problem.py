"""Errors as `application/problem+json` (RFC 9457): what is wrong, in a sentence, with the right status."""

import traceback
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeAlias

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from services.kit.database import is_outside
from services.kit.plug import KeyReused
from services.kit.service import Refused, Unfit
from services.kit.states import Conflict
from services.kit.vault import NotOpened

log = structlog.get_logger("arrears.kit")
MEDIA_TYPE = "application/problem+json"


class NotFound(Exception):
    """There is no such thing (HTTP 404)."""


def problem(status: int, detail: str, **more: Any) -> Response:
    """A problem document."""
    title = HTTPStatus(status).phrase
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(content, status, media_type=MEDIA_TYPE)


OUT_OF_RANGE: tuple[type[Exception], ...] = (
    DataError,
    psycopg.DataError,
    OverflowError,
    UnicodeError,
    ValidationError,
    PydanticSerializationError,
)
"""What a value leads to that is well formed and still no value of ours: a day in the year 99999, a NUL in an id, half
of a character.
"""

ERRORS_SHOWN = 20

STATUS: dict[type[Exception], int] = {
    Refused: 409,
    Unfit: 422,
    KeyReused: 422,
    NotFound: 404,
    NotOpened: 410,
    Conflict: 503,
}


def install_problems(api: FastAPI) -> None:
    """Have the application answer every error as a problem document, where it has no answer of its own."""
    for kind, status in STATUS.items():
        _unless_own(api, kind, _handler(status))
    for kind in OUT_OF_RANGE:
        _unless_own(api, kind, _out_of_range)
    _unless_own(api, RequestValidationError, _invalid, request_validation_exception_handler)
    _unless_own(api, HTTPException, _http, http_exception_handler)
    _unless_own(api, Exception, _unexpected)


Handler: TypeAlias = Callable[[Request, Any], Any]


def _unless_own(api: FastAPI, kind: type[Exception], handler: Handler, default: Handler | None = None) -> None:
    if api.exception_handlers.get(kind) is default:
        api.add_exception_handler(kind, handler)


def _handler(status: int) -> Callable[[Request, Exception], Response]:
    def handle(_request: Request, error: Exception) -> Response:
        return problem(status, str(error))

    return handle


def _invalid(_request: Request, error: Exception) -> Response:
    """Which fields are wrong, without echoing what stood there (it may be personal)."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()[:ERRORS_SHOWN]
    errors = [{"field": _writable(".".join(map(str, e["loc"]))), "problem": _writable(e["msg"])} for e in found]
    return problem(422, "the request breaks the contract", errors=errors)


def _writable(text: str) -> str:
    """The text with halves of characters spelt out: a name of a field may hold one, an answer cannot."""
    return text.encode("utf-8", "backslashreplace").decode()


def _out_of_range(_request: Request, error: Exception) -> Response:
    """Said without the value, which may be personal; the log learns the place, for it may be our mistake after all."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    log.warning("a value was out of range", error=type(error).__name__, place=f"{place.filename}:{place.lineno}")
    return problem(422, "a value in the request is out of range, or holds a character that none may hold")


def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = problem(error.status_code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


def _unexpected(request: Request, error: Exception) -> Response:
    if is_outside(error):
        return problem(503, "the database does not answer at the moment, try again")
    log.exception("a request failed", path=request.url.path, exc_info=error)
    return problem(500, "something went wrong on our side")
