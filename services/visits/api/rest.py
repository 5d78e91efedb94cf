"""REST for agencies' systems and for officers' tools. Errors are problem+json; `Idempotency-Key` is honoured."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import Response

from schemas.agencies import Conduct, Evidence, VisitReported, VisitResult
from schemas.values import Id, Instant, Text
from services.visits import handlers_commands as commands
from services.visits import queries
from services.visits.api import desk
from services.visits.api.base import Base
from services.visits.api.problems import wants_page
from services.visits.queries import Row, Wanted

Key = Annotated[str, Header(alias="Idempotency-Key", max_length=200)]
PRIVATE = frozenset({"agency_contact"})


def under(key: str, own: str) -> str:
    """The key of a command: the caller's, which never meets one that the service makes itself, or else `own`."""
    return f"http/{key}" if key else own


def request_of(body: BaseModel, visit_id: str) -> bytes:
    """What a key stands for: the same question about the same visit."""
    return "\n".join((type(body).__name__, visit_id, body.model_dump_json())).encode()


class Filter(BaseModel):
    """Which visits are wanted; what is empty does not matter. `after`: the last visit of the page before."""

    agency_id: str = ""
    state: str = ""
    day: Annotated[date | None, BeforeValidator(lambda text: text or None)] = None
    borrower_id: str = ""
    after: str = ""


class Asked(BaseModel):
    """Two visitors of the planned team stand at the door."""

    team: Annotated[tuple[Id, ...], Field(min_length=1, max_length=10)]


class Told(BaseModel):
    """The answer, now. Ask again before ringing: a "go" is good for this moment only."""

    visit_id: str
    answer: str
    code: str
    reason: str
    known_as_of: Instant


class Result(BaseModel):
    """The visitors' account. Arrival and end may be left out: then the word go, and now."""

    agency_id: Id
    team: Annotated[tuple[Id, ...], Field(min_length=1, max_length=10)]
    result: VisitResult
    conduct: Conduct
    evidence: tuple[Evidence, ...] = ()
    arrived_at: Instant | None = None
    ended_at: Instant | None = None
    statement: Text | None = None
    report_id: Id | None = None


class Why(BaseModel):
    """A reason in words."""

    reason: Annotated[str, Field(min_length=1, max_length=500)] = "broken off by the team"


def report_of(base: Base, row: Row, result: Result) -> VisitReported:
    """The account as the domain knows it, whichever door it came through."""
    now = base.runtime.clock.now()
    return VisitReported(
        report_id=result.report_id or f"R-{row['visit_id']}",
        borrower_id=row["borrower_id"],
        agency_id=result.agency_id,
        visit_id=row["visit_id"],
        team=result.team,
        arrived_at=result.arrived_at or row["arrived_at"] or now,
        ended_at=result.ended_at or now,
        result=result.result,
        conduct=result.conduct,
        evidence=result.evidence,
        statement=result.statement,
    )


def public(row: Row) -> dict[str, Any]:
    """A visit as systems see it."""
    return {name: value for name, value in row.items() if name not in PRIVATE and value is not None}


def router(base: Base) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    _asking(routes, base)
    _doing(routes, base)
    return routes


def _asking(routes: APIRouter, base: Base) -> None:
    """What is known of visits; the same addresses are pages for who wants one."""

    @routes.get("/visits", response_model=None)
    def listed(request: Request, asked: Annotated[Filter, Query()]) -> dict[str, Any] | Response:
        """Visits in the order of their ids, by agency, state, borrower and day."""
        wanted = Wanted(**asked.model_dump())
        rows = base.ask(lambda db: queries.listed(db, wanted))
        if wants_page(request):
            return desk.list_page(base, request, wanted, rows)
        more = rows[-1]["visit_id"] if len(rows) == queries.PAGE else None
        return {"visits": [public(row) for row in rows], "after": more}

    @routes.get("/visits/late-results")
    def late() -> dict[str, Any]:
        """Results that came when they could no longer be applied."""
        return {"late_results": base.ask(queries.late)}

    @routes.get("/visits/{visit_id}", response_model=None)
    def one(request: Request, visit_id: str) -> dict[str, Any] | Response:
        """A visit with its permits, what happened, and up to when all is known."""
        row = base.visit(visit_id)
        if wants_page(request):
            return desk.visit_page(base, request, row)
        known = base.known_as_of(row["borrower_id"])
        parts = base.ask(lambda db: (queries.permits_of(db, visit_id), queries.history(db, visit_id)))
        return {**public(row), "known_as_of_now": known, "permits": parts[0], "history": parts[1]}


def _doing(routes: APIRouter, base: Base) -> None:
    """What people report or decide; each once per idempotency key."""

    @routes.post("/visits/{visit_id}/arrival")
    def arrival(visit_id: str, asked: Asked) -> Told:
        """May the team ring now? Go or stop, with the reason; asked anew each time."""
        answer = base.arrival(base.visit(visit_id), asked.team)
        word = "go" if answer.go else "stop"
        return Told(
            visit_id=visit_id, answer=word, code=answer.code, reason=answer.reason, known_as_of=answer.known_as_of
        )

    @routes.post("/visits/{visit_id}/result")
    def result(visit_id: str, body: Result, key: Key = "") -> dict[str, Any]:
        """Report what came of a visit."""
        row = base.visit(visit_id)
        report = report_of(base, row, body)
        own = f"result/{visit_id}/{report.report_id}"
        said = base.result(row, report, under(key, own), request_of(body, visit_id))
        return {"visit_id": visit_id, "said": [event.type for event in said]}

    @routes.post("/visits/{visit_id}/abort")
    def abort(visit_id: str, why: Why | None = None, key: Key = "") -> dict[str, Any]:
        """Break a visit off, for the safety of the team."""
        row, why = base.visit(visit_id), why or Why()
        act, key = commands.break_off(visit_id, why.reason), under(key, f"abort/{visit_id}")
        said = base.runtime.command(row["borrower_id"], act, key=key, request=request_of(why, visit_id))
        return {"visit_id": visit_id, "said": [event.type for event in said]}

    @routes.post("/visits/{visit_id}/cancel")
    def cancel(visit_id: str, key: Key = "") -> dict[str, Any]:
        """Call off a visit that has not begun."""
        row, act, key = base.visit(visit_id), commands.call_off(visit_id), under(key, f"cancel/{visit_id}")
        said = base.runtime.command(row["borrower_id"], act, key=key, request=f"cancel\n{visit_id}".encode())
        return {"visit_id": visit_id, "said": [event.type for event in said]}
