"""Officers' pages: all visits, one visit, what was reported too late."""

from collections.abc import Sequence
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.visits import handlers_commands as commands
from services.visits import queries
from services.visits.api.base import PAGES, Base
from services.visits.domain.moves import NEXT, PENDING
from services.visits.queries import PAGE, Row, Wanted

STATES = tuple(dict.fromkeys([*(stage for stage, _ in NEXT), *NEXT.values()]))
LATE_SHOWN = 20


def list_page(base: Base, request: Request, wanted: Wanted, rows: Sequence[Row]) -> Response:
    """All visits, by agency, state and day."""
    names = {"agency_id": wanted.agency_id, "state": wanted.state, "borrower_id": wanted.borrower_id}
    kept = {**names, "day": wanted.day.isoformat() if wanted.day else ""}
    after = rows[-1]["visit_id"] if len(rows) == PAGE else ""
    following = urlencode({**{k: v for k, v in kept.items() if v}, "after": after}) if after else ""
    return base.pages.answer(
        request,
        "visits.html",
        rows=rows,
        wanted=kept,
        states=STATES,
        following=following,
        late=base.ask(lambda db: queries.late(db, LATE_SHOWN)),
        now=base.runtime.clock.now(),
    )


def visit_page(base: Base, request: Request, row: Row) -> Response:
    """One visit: what it is, who allowed it and why, what happened, what evidence there is."""
    visit_id = row["visit_id"]
    return base.pages.answer(
        request,
        "visit.html",
        row=row,
        permits=base.ask(lambda db: queries.permits_of(db, visit_id)),
        history=base.ask(lambda db: queries.history(db, visit_id)),
        seal=base.ask(lambda db: queries.evidence_of(db, visit_id)),
        badges=base.ask(lambda db: queries.staff_of(db, row["agency_id"])),
        known_as_of=base.known_as_of(row["borrower_id"]),
        zone=base.stop(row).zone,
        can_cancel=row["state"] in PENDING,
    )


def router(base: Base) -> APIRouter:
    """The routes that are pages only, and the sheet."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/static/visits.css")
    def sheet() -> Response:
        return Response((PAGES / "visits.css").read_text("utf-8"), media_type="text/css")

    @routes.get("/static/visits.js")
    def script() -> Response:
        return Response((PAGES / "visits.js").read_text("utf-8"), media_type="text/javascript")

    @routes.post("/visits/{visit_id}/called-off")
    def call_off(visit_id: str) -> Response:
        row = base.visit(visit_id)
        base.runtime.command(row["borrower_id"], commands.call_off(visit_id), key=f"cancel/{visit_id}")
        return Response(status_code=303, headers={"location": f"/visits/{visit_id}"})

    return routes
