"""Each figure by its own address. Amounts are strings, instants ISO 8601, rates shares of one as strings."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, is_dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from services.reporting.api.asked import Desk
from services.reporting.domain.figures import rolls
from services.reporting.domain.summary import flows
from services.reporting.store import (
    agencies,
    ladder,
    laws,
    letters,
    portfolio,
    promises,
    said,
    summary,
    timeline,
    visits,
)
from services.reporting.store.exceeded import exceeded
from services.reporting.store.stops import wrongful
from services.reporting.store.view import View

Answer = Callable[[Connection, View], Any]


def plain(value: Any) -> Any:
    """The value as JSON has it: dataclasses with their rates, amounts and instants as strings."""
    if is_dataclass(value) and not isinstance(value, type):
        rates = {n: getattr(value, n) for n in dir(type(value)) if isinstance(getattr(type(value), n), property)}
        return plain({**{f: getattr(value, f) for f in value.__dataclass_fields__}, **rates})
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if hasattr(value, "isoformat") else value


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address says: as known when, as of when, and whether anything may settle."""

    as_known: str = ""
    as_of: str = ""
    strict: bool = False


def answer(desk: Desk, ask: Answer, asked: Asked, *, bare: bool = False) -> JSONResponse:
    """Ask, and say with the answer as of when and as known when it is."""
    view = desk.view(asked.as_known, asked.as_of, strict=asked.strict)
    with desk.reading() as db:
        figures = plain(ask(db, view))
    known = {"as_known": view.as_known.isoformat(), "as_of": view.as_of.isoformat()}
    return JSONResponse(figures if bare else {**known, "figures": figures})


def figures_router(desk: Desk) -> APIRouter:
    """The routes of all figures."""
    router = APIRouter(tags=["figures"])

    def simple(ask: Answer) -> Callable[..., JSONResponse]:
        def route(as_known: str = "", strict: bool = False) -> JSONResponse:
            return answer(desk, ask, Asked(as_known, "", strict))

        return route

    for name, (ask, what) in SIMPLE.items():
        router.add_api_route(f"/{name}", simple(ask), name=name, summary=what)

    @router.get("/summary")
    def summary_(as_known: str = "", strict: bool = False) -> JSONResponse:
        """All of it in the shape of the demo's result. `strict` gives nothing time to settle."""
        return answer(desk, _summary, Asked(as_known, "", strict), bare=True)

    @router.get("/portfolio")
    def portfolio_(as_known: str = "", as_of: str = "", days: int = 90, roll_days: int = 7) -> JSONResponse:
        """Loans by bucket, what was past due day by day, and roll and cure rates over `roll_days`."""
        return answer(desk, lambda db, v: _portfolio(db, v, desk.zone, days, roll_days), Asked(as_known, as_of))

    @router.get("/freshness")
    def freshness(as_known: str = "") -> JSONResponse:
        """How quickly facts took effect, in true seconds, and up to when they have been read."""
        read = {"known_as_of": desk.known_as_of(), "fresh": desk.fresh()}
        return answer(desk, lambda db, v: {**read, **_latencies(db, v)}, Asked(as_known))

    return router


def log_router(desk: Desk) -> APIRouter:
    """The routes of what was said: timelines, reports, alarms."""
    router = APIRouter(tags=["log"])

    @router.get("/timeline/{id_}")
    def timeline_(id_: str, as_known: str = "", cursor: str = "", most: int = timeline.PAGE) -> JSONResponse:
        """Every fact that names this id, oldest first; `next` is the cursor of the following page."""
        return answer(desk, lambda db, v: _timeline(db, v, id_, cursor, max(1, min(most, 1000))), Asked(as_known))

    @router.get("/reports")
    def reports(name: str = "portfolio") -> JSONResponse:
        """Published and restated reports whose name begins so, latest first."""
        return answer(desk, lambda db, v: said.reports(db, v, name), Asked())

    @router.get("/alarms")
    def alarms(standing: bool = True) -> JSONResponse:
        """Alarms that stand, or all."""
        return answer(desk, lambda db, v: said.alarms(db, v, standing=standing), Asked())

    return router


def _ladder(db: Connection, view: View) -> dict[str, Any]:
    return {
        "steps": ladder.steps(db, view),
        "answers": ladder.step_answers(db, view),
        "funnel": ladder.funnel(db, view),
        "flows": flows(laws.courses(db, view)),
    }


def _visits(db: Connection, view: View) -> dict[str, Any]:
    return {"endings": visits.endings(db, view), "evidence": visits.evidence(db, view)}


def _summary(db: Connection, view: View) -> dict[str, Any]:
    return summary.summary(db, view, letters.count(db)).as_json()


def _portfolio(db: Connection, view: View, zone: str, days: int, roll_days: int) -> dict[str, Any]:
    moves = portfolio.moves(db, view, zone, view.as_of - timedelta(days=roll_days))
    standing = portfolio.portfolio(db, view, zone)
    return {
        "standing": standing,
        "at_risk": portfolio.at_risk(db, view, zone, days, standing.currency),
        "moves": moves,
        "rolls": rolls(moves),
    }


def _latencies(db: Connection, view: View) -> dict[str, Any]:
    return {
        "overdue_to_notice": summary.overdue_to_notice(db, view),
        "cure_to_recall": summary.cure_to_recall(db, view),
    }


def _timeline(db: Connection, view: View, id_: str, cursor: str, most: int) -> dict[str, Any]:
    found = timeline.timeline(db, view, id_, cursor, most)
    return {"facts": [asdict(e) for e in found], "next": found[-1].cursor if len(found) == most else None}


SIMPLE: dict[str, tuple[Answer, str]] = {
    "laws": (laws.laws, "Every conservation law: whether it holds, both sides, and the ids that break it"),
    "ladder": (_ladder, "The steps of the ladder, the funnel from overdue to visit, and the flow of cases"),
    "gate": (ladder.denials, "What the contact gate denied, by rule and channel"),
    "agencies": (agencies.agencies, "Each agency's share, work, recovery, fees and conduct"),
    "promises": (promises.promises, "Promises by the way they were made"),
    "visits": (_visits, "What visits ended as, by disposition and reason for default"),
    "wrongful-contacts": (wrongful, "Contacts made while a stop stood, and the stop"),
    "exceeded-caps": (
        exceeded,
        "Contacts that exceed a cap by what was known when they were told, by whom, and the rules",
    ),
}
