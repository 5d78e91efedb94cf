"""The visitors' phone: the next stop, then go or STOP. One thing at a time, and nothing about the debt."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from services.kit.problem import NotFound
from services.kit.service import Refused
from services.visits import handlers_commands as commands
from services.visits import queries
from services.visits.api.base import PAGES, Base, Stop
from services.visits.domain.conduct import in_order
from services.visits.domain.moves import OVER
from services.visits.queries import Row


def round_of(base: Base, staff_id: str) -> list[tuple[Row, Stop]]:
    """Today's visits of a visitor in the order to drive: by window, and the nearest next within one."""
    rows = base.ask(lambda db: queries.todays(db, staff_id, base.runtime.clock.now()))
    windows: dict[Any, list[tuple[Row, Stop]]] = {}
    for row in rows:
        windows.setdefault(row["window_start"], []).append((row, base.stop(row)))
    return [stop for at in sorted(windows) for stop in _driven(windows[at])]


def _driven(stops: Sequence[tuple[Row, Stop]]) -> list[tuple[Row, Stop]]:
    return [stops[n] for n in in_order([stop.point for _, stop in stops])]


def next_of(stops: Sequence[tuple[Row, Stop]]) -> str:
    """The visit that the team is inside of, else the first that is still to come; nothing where none is left."""
    left = [row for row, _ in stops if row["state"] not in OVER]
    inside = [row for row in left if row["state"] == "arrived"]
    return next((row["visit_id"] for row in (*inside, *left)), "")


def of_team(base: Base, staff_id: str, visit_id: str) -> Row:
    """A visit, for one of its own team. Raises NotFound for everybody else."""
    row = base.visit(visit_id)
    if staff_id not in row["team"]:
        raise NotFound(f"no visit {visit_id} of {staff_id} is known")
    return row


def screen(base: Base, request: Request, staff_id: str, row: Row, name: str, **more: Any) -> Response:
    """A page about one visit on the phone."""
    stop = base.stop(row)
    badges = base.ask(lambda db: queries.staff_of(db, row["agency_id"]))
    status = more.pop("status", 200)
    told_go = row["state"] == "arrived"
    state = base.runtime.state(row["borrower_id"])
    values = {
        "staff_id": staff_id,
        "row": row,
        "stop": stop,
        "badges": badges,
        "zone": stop.zone,
        "known_as_of": base.known_as_of(row["borrower_id"]),
        "check_at": f"{request.url.netloc}/credentials",
        "over": row["state"] in OVER,
        "told_go": told_go,
        "outlived": told_go and state.visit is not None and state.visit.outlived,
        **more,
    }
    return base.pages.answer(request, name, status=status, **values)


def back(address: str) -> Response:
    """Show that page after a form was taken, so that going back asks nothing twice."""
    return Response(status_code=303, headers={"location": address})


def router(base: Base) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)
    _reading(routes, base)
    _reporting(routes, base)
    return routes


def _reading(routes: APIRouter, base: Base) -> None:
    """Today's round, the next stop, one stop."""

    @routes.get("/team/sw.js")
    def worker() -> Response:
        return Response((PAGES / "sw.js").read_text("utf-8"), media_type="text/javascript")

    @routes.get("/team/{staff_id}")
    def today(request: Request, staff_id: str) -> Response:
        stops = round_of(base, staff_id)
        if not stops and not base.ask(lambda db: queries.is_staff(db, staff_id)):
            return base.pages.answer(request, "nobody.html", status=404, staff_id=staff_id)
        left = [row for row, _ in stops if row["state"] not in OVER]
        now = queries.local(base.runtime.clock.now(), stops[0][0]) if stops else base.runtime.clock.now()
        return base.pages.answer(
            request,
            "team.html",
            staff_id=staff_id,
            stops=stops,
            following=next_of(stops),
            left=len(left),
            now=now,
            over=OVER,
        )

    @routes.get("/team/{staff_id}/next")
    def following(staff_id: str) -> Response:
        return back(f"/team/{staff_id}/{next_of(round_of(base, staff_id))}".rstrip("/"))

    @routes.get("/team/{staff_id}/{visit_id}")
    def one(request: Request, staff_id: str, visit_id: str) -> Response:
        return screen(base, request, staff_id, of_team(base, staff_id, visit_id), "door.html")


def _reporting(routes: APIRouter, base: Base) -> None:
    """What the team says from the door; each leads back to the stop."""

    @routes.post("/team/{staff_id}/{visit_id}/arrival")
    def arrival(staff_id: str, visit_id: str, partner: Annotated[str, Form()] = "") -> Response:
        row = of_team(base, staff_id, visit_id)
        base.arrival(row, [s for s in (staff_id, partner) if s])
        return back(f"/team/{staff_id}/{visit_id}")

    @routes.post("/team/{staff_id}/{visit_id}/abort")
    def abort(staff_id: str, visit_id: str, reason: Annotated[str, Form()] = "") -> Response:
        row = of_team(base, staff_id, visit_id)
        act = commands.break_off(visit_id, reason or "broken off by the team")
        try:
            base.runtime.command(row["borrower_id"], act, key=f"abort/{visit_id}")
        except Refused:
            return back(f"/team/{staff_id}/{visit_id}")  # it is over already: the page says so
        return back(f"/team/{staff_id}/{visit_id}")
