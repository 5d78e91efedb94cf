"""The borrower's check: is this code one of ours, for a visit that takes place? Yes or no, and nothing personal."""

from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.visits import queries
from services.visits.api.base import Base
from services.visits.api.problems import wants_page
from services.visits.domain.credentials import as_typed, typed

VALID = frozenset({"appointed", "dispatched", "arrived"})


def router(base: Base) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/credentials")
    def form(request: Request, code: str = "") -> Response:
        if as_typed(code):
            return Response(status_code=303, headers={"location": f"/credentials/{quote(as_typed(code))}"})
        return base.pages.answer(
            request, "credential.html", code="", row=None, valid=False, badges={}, asked=False, house=base.house
        )

    @routes.get("/credentials/{code}", response_model=None)
    def check(request: Request, code: str) -> Response | dict[str, object]:
        row = base.ask(lambda db: queries.by_code(db, typed(code)))
        valid = row is not None and row["state"] in VALID
        badges = base.ask(lambda db: queries.staff_of(db, row["agency_id"])) if row and valid else {}
        if not wants_page(request):
            return _document(row, badges) if row and valid else {"valid": False}
        status, shown = (200, row) if valid else (404, None)
        return base.pages.answer(
            request,
            "credential.html",
            status=status,
            code=typed(code) if valid else as_typed(code),
            house=base.house,
            row=shown,
            valid=valid,
            badges=badges,
            asked=True,
        )

    return routes


def _document(row: queries.Row, badges: dict[str, str] | queries.Row) -> dict[str, object]:
    return {
        "valid": True,
        "agency": row["agency_name"],
        "badges": [badges.get(staff_id, staff_id) for staff_id in row["team"]],
        "day": row["day"],
        "from": row["local_from"],
        "until": row["local_until"],
    }
