"""The routes of the console. Each asks the store, chooses a template, and says nothing itself."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from services.kit.problem import NotFound
from services.reporting.api.asked import Desk
from services.reporting.domain.figures import rolls
from services.reporting.domain.summary import outcomes
from services.reporting.domain.upcoming import LADDER, Told, climbed, waiting
from services.reporting.pages import charts, tables
from services.reporting.pages.console import Console, linker, mount_static
from services.reporting.pages.overview import Latest, gather
from services.reporting.store import agencies, cases, ladder, laws, portfolio, promises, said, visits
from services.reporting.store.exceeded import exceeded
from services.reporting.store.listings import LISTINGS
from services.reporting.store.stops import wrongful
from services.reporting.store.timeline import PAGE, Entry, timeline

ROLL_DAYS = (7, 14, 30)
CASE_FACTS = 1000


def add_console(app: FastAPI, desk: Desk) -> None:
    """Add all pages to the application."""
    mount_static(app)
    views = Views(Console.of(desk), Latest(desk))
    routes: dict[str, Callable[..., Response]] = {
        "/": views.overview,
        "/portfolio": views.portfolio,
        "/ladder": views.ladder,
        "/agencies": views.agencies,
        "/promises": views.promises,
        "/visits": views.visits,
        "/laws": views.laws,
        "/reports": views.reports,
        "/search": views.search,
        "/cases": views.cases,
        "/tables/{name}": views.table,
        "/cases/{case_id}": views.case,
        "/timeline/{id_}": views.timeline,
    }
    for path, answer in routes.items():
        app.add_api_route(path, answer, include_in_schema=False, response_class=Response, response_model=None)


@dataclass(frozen=True, slots=True)
class Views:
    """Every page."""

    console: Console
    latest: Latest

    @property
    def _desk(self) -> Desk:
        return self.console.desk

    def overview(self, request: Request) -> Response:
        """What is at risk, what flows, what today brings, what is wrong."""
        view = self.console.view(request)
        if request.query_params.get("as_known"):
            found = gather(self._desk, view)
        else:
            view, found = self.latest.get()
        word = self.console.words(request)
        drawn = {
            "risk_chart": charts.at_risk(found.risk, found.standing.currency or "", word) if found.risk else None,
            "flow_chart": charts.flow(found.flows, word) if found.flows else None,
        }
        return self.console.show(request, "overview.html", view, {"o": found, **drawn})

    def portfolio(self, request: Request) -> Response:
        """Loans by bucket, and where those of each bucket went."""
        view, word, desk = self.console.view(request), self.console.words(request), self._desk
        asked = request.query_params.get("days", "")
        days = int(asked) if asked in {str(d) for d in ROLL_DAYS} else ROLL_DAYS[0]
        with desk.reading() as db:
            standing = portfolio.portfolio(db, view, desk.zone)
            moves = portfolio.moves(db, view, desk.zone, view.as_of - timedelta(days=days))
            loans = tables.show(db, view, request, "loans", day=desk.today(view))
        drawn = charts.roll(moves, word) if moves else None
        more = {"rolls": rolls(moves), "days": days, "choices": ROLL_DAYS, "roll_chart": drawn}
        return self.console.show(request, "portfolio.html", view, {"standing": standing, "shown": loans, **more})

    def ladder(self, request: Request) -> Response:
        """The steps before a visit, how far borrowers came, and what the gate denied."""
        view, word = self.console.view(request), self.console.words(request)
        with self._desk.reading() as db:
            steps, rungs, denied = ladder.steps(db, view), ladder.funnel(db, view), ladder.denials(db, view)
            answers = ladder.step_answers(db, view)
        by_rule = charts.totals(denied)
        drawn = {
            "funnel_chart": charts.funnel(rungs, word),
            "step_chart": charts.steps(steps, word),
            "rule_chart": charts.bars(list(by_rule), list(by_rule.values()), word("denials")) if by_rule else None,
        }
        more = {"answers": answers, "denied": denied, **drawn}
        return self.console.show(request, "ladder.html", view, {"steps": steps, "rungs": rungs, **more})

    def agencies(self, request: Request) -> Response:
        """Each agency: its share, work, recovery and conduct."""
        view, word = self.console.view(request), self.console.words(request)
        with self._desk.reading() as db:
            found = agencies.agencies(db, view)
        panel = [a for a in found if not a.in_house]
        drawn = charts.shares(panel, word) if any(a.accepted for a in panel) else None
        return self.console.show(
            request,
            "agencies.html",
            view,
            {"agencies": found, "currency": found[0].currency if found else None, "share_chart": drawn},
        )

    def promises(self, request: Request) -> Response:
        """Promises and how they were kept."""
        view, word = self.console.view(request), self.console.words(request)
        with self._desk.reading() as db:
            found = promises.promises(db, view)
            shown = tables.show(db, view, request, "promises")
        drawn = charts.kept(found, word) if found else None
        return self.console.show(
            request, "promises.html", view, {"promises": found, "shown": shown, "kept_chart": drawn}
        )

    def visits(self, request: Request) -> Response:
        """Visits and what they ended as."""
        view, word = self.console.view(request), self.console.words(request)
        with self._desk.reading() as db:
            endings, sealed = visits.endings(db, view), visits.evidence(db, view)
            counts = outcomes(laws.courses(db, view)).visits
            shown = tables.show(db, view, request, "visits")
        met = any(t.second and t.word != "cancelled" for t in endings)
        more = {
            "counts": dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
            "sealed": {t.word: t.count for t in sealed},
            "cancelled": [t for t in endings if t.word == "cancelled"],
            "reason_chart": charts.reasons(endings, word) if met else None,
        }
        return self.console.show(request, "visits.html", view, {"endings": endings, "shown": shown, **more})

    def laws(self, request: Request) -> Response:
        """What must balance, and whether it does."""
        view = self.console.view(request)
        with self._desk.reading() as db:
            found, contacts = laws.laws(db, view), wrongful(db, view)
            alarms, over = said.alarms(db, view, standing=False), exceeded(db, view)
        shown = {"laws": found, "wrongful": contacts, "exceeded": over, "alarms": alarms}
        return self.console.show(request, "laws.html", view, shown)

    def reports(self, request: Request) -> Response:
        """Daily reports as they were published and restated."""
        view = self.console.view(request)
        with self._desk.reading() as db:
            found = said.reports(db, view, "")
        return self.console.show(request, "reports.html", view, {"reports": found})

    def cases(self, request: Request) -> Response:
        """All cases, with how they stand."""
        view = self.console.view(request)
        with self._desk.reading() as db:
            counts = outcomes(laws.courses(db, view)).cases
            shown = tables.show(db, view, request, "cases")
        return self.console.show(request, "cases.html", view, {"counts": counts, "shown": shown})

    def table(self, request: Request, name: str) -> Response:
        """Any table by its name: what a sum opens."""
        if name not in LISTINGS:
            raise NotFound(f"there is no table {name!r}")
        view = self.console.view(request)
        with self._desk.reading() as db:
            shown = tables.show(db, view, request, name, day=self._desk.today(view))
        return self.console.show(request, "table.html", view, {"shown": shown})

    def case(self, request: Request, case_id: str) -> Response:
        """One case: who and how much, where on the ladder, what next, what holds; and its facts."""
        view = self.console.view(request)
        with self._desk.reading() as db:
            own = timeline(db, view, case_id, most=CASE_FACTS)
            borrower = next((e.borrower_id for e in own if e.borrower_id), None)
            opened = next((e for e in own if e.type == "case.opened.v1"), None)
            facts = _of_case(timeline(db, view, borrower, most=CASE_FACTS) if borrower else own, own)
            loan_ids = sorted({loan for e in facts for loan in ([e.loan_id] if e.loan_id else [])})
            loans = cases.loans(db, view, loan_ids, self._desk.zone)
        if opened is None:
            return self._unknown(request, case_id)
        told = [Told(e.type, e.subject_id or "", e.label or "", e.valid_time, e.data) for e in facts]
        more = {
            "waiting": waiting(told),
            "climbed": climbed(told),
            "ladder": LADDER,
            "closed": next((e for e in reversed(own) if e.type in {"case.closed.v1", "case.reopened.v1"}), None),
            "stage": next((e.label for e in reversed(own) if e.type == "case.stage_changed.v1"), "open"),
            "agency": next((e.agency_id for e in reversed(own) if e.type.startswith("placement.")), None),
        }
        shown = {"case_id": case_id, "opened": opened, "facts": folded(_kept(request, facts)), "loans": loans, **more}
        return self.console.show(request, "case.html", view, shown)

    def timeline(self, request: Request, id_: str) -> Response:
        """Everything that was ever said about an id."""
        view, cursor = self.console.view(request), request.query_params.get("cursor", "")
        with self._desk.reading() as db:
            facts = timeline(db, view, id_, cursor)
        if not facts and not cursor:
            return self._unknown(request, id_)
        following = facts[-1].cursor if len(facts) == PAGE else None
        case_ids = sorted({e.case_id for e in facts if e.case_id})
        return self.console.show(
            request,
            "timeline.html",
            view,
            {"id": id_, "facts": folded(facts), "cases": case_ids, "following": following},
        )

    def search(self, request: Request) -> Response:
        """Go to whatever this id belongs to."""
        wanted = request.query_params.get("q", "").strip()
        link = linker(request)
        if not wanted:
            return RedirectResponse(link("/"), 303)
        with self._desk.reading() as db:
            found = timeline(db, self.console.view(request), wanted, most=1)
        case = bool(found) and found[0].type == "case.opened.v1" and found[0].subject_id == wanted
        return RedirectResponse(link(f"/cases/{wanted}" if case else f"/timeline/{wanted}"), 303)

    def _unknown(self, request: Request, id_: str) -> Response:
        return self.console.show(request, "unknown.html", self.console.view(request), {"id": id_}, status=404)


BEFORE = timedelta(days=10)
"""So far back may the facts lie that led to a case, unless another case ended in between."""


def _of_case(of_borrower: list[Entry], own: list[Entry]) -> list[Entry]:
    """What the case says itself, and what happened to the borrower from shortly before it until its end."""
    if not own:
        return []
    ended = [e.recorded_time for e in of_borrower if e.type == "case.closed.v1" and e.case_id != own[0].case_id]
    earlier = max((at for at in ended if at < own[0].recorded_time), default=own[0].recorded_time - BEFORE)
    first, last = max(earlier, own[0].recorded_time - BEFORE), own[-1]
    over = last.type == "case.closed.v1"
    kept = {e.event_id for e in own}
    return [
        e
        for e in of_borrower
        if e.event_id in kept
        or (first < e.recorded_time and not (over and e.recorded_time > last.recorded_time) and not e.case_id)
    ]


KINDS = {
    "contacts": ("contact.", "notice.", "visit.", "call."),
    "money": ("loan.payment", "payment.", "fee.", "promise.", "plan."),
    "decisions": ("case.", "placement.", "legal.", "hold.", "dispute.", "hardship.", "complaint."),
    "bank": ("loan.", "borrower."),
}


def _kept(request: Request, facts: list[Entry]) -> list[Entry]:
    """The facts of the kind that is asked for."""
    only = KINDS.get(request.query_params.get("only", ""))
    return [e for e in facts if only is None or e.type.startswith(only)]


Repeated = tuple[Entry, int, datetime]
"""A fact, how often it was told, and when last."""

MOVES = frozenset({"loan.payment_received.v1", "loan.payment_reversed.v1", "loan.cured.v1", "loan.resumed.v1"})
"""After these an overdue is news, even with the same amount."""


def folded(facts: Iterable[Entry]) -> list[Repeated]:
    """Facts as lines: the daily repetition of an overdue that says nothing new stands in the line of the first."""
    lines: dict[object, Repeated] = {}
    moves = 0
    for entry in facts:
        moves += entry.type in MOVES
        again = entry.type == "loan.overdue.v1"
        key = (entry.loan_id, entry.amount, moves) if again else entry.event_id
        first, times, _ = lines.get(key, (entry, 0, entry.valid_time))
        lines[key] = (first, times + 1, entry.valid_time)
    return list(lines.values())
