"""What all questions and commands share: the running service, the idempotency key, pages, how answers are written."""

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Header, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Table

from services.assignment.domain.moment import Reference
from services.assignment.domain.state import State
from services.assignment.handlers_commands import Act
from services.assignment.store import queries
from services.kit.plug import Runtime
from services.kit.problem import NotFound

Running: TypeAlias = Runtime[State, Reference]
PAGE = 50
PAGE_MAX = 500


def _running(request: Request) -> Running:
    running: Running = request.app.state.runtime
    return running


def _key(idempotency_key: Annotated[str | None, Header(max_length=200)] = None) -> str:
    return idempotency_key or str(uuid.uuid4())


Run: TypeAlias = Annotated[Running, Depends(_running)]
Key: TypeAlias = Annotated[str, Depends(_key)]
After: TypeAlias = Annotated[str | None, Query(description="the `next` of the page before")]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=PAGE_MAX)]


class Asked(BaseModel):
    """The body of a command. Unknown fields are refused: a misspelt one would be silently without effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ByOfficer(Asked):
    """Who asks for it, and why."""

    officer: Annotated[str, Field(min_length=1, max_length=120)]
    reason: Annotated[str, Field(min_length=1, max_length=1000)]


def shown(content: Any, status: int = 200) -> JSONResponse:
    """Money as decimal strings: a JSON number would lose cents."""
    return JSONResponse(jsonable_encoder(content, custom_encoder={Decimal: str}), status)


def page(runtime: Running, table: Table, filters: Mapping[str, Any], after: str | None, limit: int) -> JSONResponse:
    """A page of a table, and where the next one begins."""
    with runtime.engine.begin() as connection:
        items = queries.page(connection, table, filters, after, limit)
    key = next(iter(table.primary_key)).name
    return shown({"items": items, "next": items[-1][key] if len(items) == limit else None})


def command(runtime: Running, subject: str, act: Act, key: str, asked: BaseModel, *about: str) -> JSONResponse:
    """Run a command on a borrower (or agency) and answer what was said because of it.

    The key counts once for the same path and body; a caller's key never meets one that the service makes itself.
    """
    request = "\n".join((type(asked).__name__, *about, asked.model_dump_json())).encode()
    events = runtime.command(subject, act, key=f"http/{key}", request=request)
    said: Sequence[dict[str, Any]] = [
        {"type": event.type, "id": event.id, "data": event.data.model_dump(mode="json")} for event in events
    ]
    return shown({"said": said})


def borrower_of(runtime: Running, case_id: str) -> str:
    """Whose case it is. NotFound where there is no such case."""
    with runtime.engine.begin() as connection:
        row = queries.case_of(connection, case_id)
    if row is None:
        raise NotFound(f"there is no case {case_id}")
    return str(row["borrower_id"])
