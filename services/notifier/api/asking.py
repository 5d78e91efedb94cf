"""What all questions and commands share: the running service, the idempotency key, how answers are written."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Header, HTTPException, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from schemas.envelope import Event, Fact
from services.kit.plug import Runtime
from services.notifier import handlers, store_asked
from services.notifier.domain import Borrower, Policy
from services.notifier.domain.state import fresh
from services.notifier.store_asked import Row

Running: TypeAlias = Runtime[Borrower, Policy]


def _running(request: Request) -> Running:
    running: Running = request.app.state.runtime
    return running


def _key(idempotency_key: Annotated[str | None, Header(max_length=200)] = None) -> str:
    return idempotency_key or str(uuid.uuid4())


Run: TypeAlias = Annotated[Running, Depends(_running)]
Key: TypeAlias = Annotated[str, Depends(_key)]


def _known(runtime: Run, borrower_id: str) -> str:
    if runtime.state(borrower_id) == fresh(borrower_id):
        raise HTTPException(
            404, f"nothing has been heard of a borrower {borrower_id}; is the id spelt as the bank does?"
        )
    return borrower_id


KnownBorrower: TypeAlias = Annotated[str, Depends(_known)]
"""The borrower of the address. HTTP 404 where nothing was ever heard of them: a misspelt id must not look recorded."""


class Asked(BaseModel):
    """The body of a command. Unknown fields are refused: a misspelt one would be silently without effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def shown(content: Any, status: int = 200) -> JSONResponse:
    """Money as decimal strings: a JSON number would lose cents."""
    return JSONResponse(jsonable_encoder(content, custom_encoder={Decimal: str}), status)


def run(
    runtime: Running, borrower_id: str, act: handlers.Act, key: str, asked: BaseModel, *about: str
) -> Sequence[Event[Fact]]:
    """Run a command on a borrower and answer what was said because of it.

    The key counts once for the same path and body; a caller's key never meets one that the service makes itself.
    """
    request = "\n".join((type(asked).__name__, *about, asked.model_dump_json())).encode()
    return runtime.command(borrower_id, act, key=f"http/{key}", request=request)


def said(events: Sequence[Event[Fact]]) -> dict[str, Any]:
    """What was said because of a command."""
    return {"said": [{"type": e.type, "id": e.id, "data": e.data.model_dump(mode="json")} for e in events]}


def contact_of(runtime: Running, contact_id: str) -> Row:
    """A contact's row. HTTP 404 where there is no such contact."""
    with runtime.engine.begin() as db:
        row = store_asked.contact(db, contact_id)
    if row is None:
        raise HTTPException(404, f"there is no contact {contact_id}")
    return row
