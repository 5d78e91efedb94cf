"""Go or stop, now: the one question at the door. Fails to STOP: whatever is not known to be allowed is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from schemas.changing import replace
from schemas.envelope import Fact
from schemas.visits import VisitArrived, VisitHalted
from services.visits.domain import life
from services.visits.domain.moves import moved
from services.visits.domain.panel import Moment
from services.visits.domain.planning import is_stopped, next_plan_at, plan, stopped_by, team_min
from services.visits.domain.state import Borrower, Outcome, Visit, named, then

Code = Literal[
    "go", "over", "team", "no_permit", "stopped", "suspended", "early", "late", "not_fresh", "paid_out", "unknown"
]

WORDS: dict[Code, str] = {
    "go": "Allowed now.",
    "over": "This visit is over: {detail}. Do not contact the borrower.",
    "team": "Name two visitors of the planned team: {detail}.",
    "no_permit": "There is no permit for this visit yet.",
    "stopped": "The borrower must not be contacted: {detail}.",
    "suspended": "The agency is suspended.",
    "early": "The permitted window has not begun. It begins at {detail}.",
    "late": "The permitted window is over since {detail}.",
    "not_fresh": "It is not known freshly enough whether this visit is still allowed. Wait and ask again.",
    "paid_out": "Nothing is owed under this visit any more: {detail}. End the conversation and report.",
    "unknown": "No such visit is known.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the team is told. `known_as_of`: up to when stopping facts were known."""

    go: bool
    code: Code
    detail: str
    known_as_of: datetime

    @property
    def reason(self) -> str:
        """The answer in one sentence."""
        return WORDS[self.code].format(detail=self.detail)


Told = tuple[Borrower, tuple[Fact, ...], Answer]


def arrive(borrower: Borrower, visit_id: str, team: Sequence[str], *, is_fresh: bool, at: Moment) -> Told:
    """The team stands at the door and asks. `is_fresh`: stopping facts are read to within a second of the log's end."""
    visit = _visit(borrower, visit_id)
    if visit is None:
        return borrower, (), Answer(False, "unknown", "", at.known_as_of)
    code, detail = judge(borrower, visit, team, is_fresh=is_fresh, at=at)
    answer = Answer(code == "go", code, detail, at.known_as_of)
    state, said = _acted(borrower, visit, tuple(team), answer, at)
    return state, said, answer


def judge(borrower: Borrower, visit: Visit, team: Sequence[str], *, is_fresh: bool, at: Moment) -> tuple[Code, str]:
    """The first reason to stop, in the order in which people should hear of it, or `go`."""
    if borrower.visit is None or borrower.visit.visit_id != visit.visit_id:
        return "over", next(e.reason for e in borrower.ended if e.visit.visit_id == visit.visit_id)
    region = borrower.profile.region if borrower.profile else ""
    least = team_min(region, visit.window_start.date(), at.reference)
    if len(set(team) & set(visit.team)) < least or not set(team) <= set(visit.team):
        return "team", " + ".join(visit.team)
    return _unpermitted(borrower, visit, at) or _untimely(visit, at) or (("go", "") if is_fresh else ("not_fresh", ""))


def _unpermitted(borrower: Borrower, visit: Visit, at: Moment) -> tuple[Code, str] | None:
    agency = at.reference.agencies.get(visit.agency_id)
    if reason := stopped_by(borrower):
        return "stopped", reason
    if visit.outlived or all(is_stopped(borrower, loan_id) for loan_id in visit.loan_ids):
        return "paid_out", visit.outlived or borrower.loans[visit.loan_ids[0]].status
    if agency is not None and agency.suspended:
        return "suspended", ""
    unpermitted = visit.stage in ("permit_requested", "planned") or outruled(borrower, visit, at)
    return ("no_permit", "") if unpermitted else None


def outruled(borrower: Borrower, visit: Visit, at: Moment) -> bool:
    """Whether another version of the rule book than the one that gave the permit is in force: it is asked anew."""
    if borrower.profile is None or not visit.rulebook:
        return False
    book = at.reference.rulebooks.for_region(borrower.profile.region, at.now)
    return book is None or book.label != visit.rulebook


def _untimely(visit: Visit, at: Moment) -> tuple[Code, str] | None:
    if at.now < visit.opens_at:
        return "early", visit.opens_at.isoformat()
    return ("late", visit.closes_at.isoformat()) if at.now > visit.closes_at else None


def _visit(borrower: Borrower, visit_id: str) -> Visit | None:
    known = [*(e.visit for e in borrower.ended), *([borrower.visit] if borrower.visit else [])]
    return next((visit for visit in known if visit.visit_id == visit_id), None)


def _acted(borrower: Borrower, visit: Visit, team: tuple[str, ...], answer: Answer, at: Moment) -> Outcome:
    if answer.go:
        return (borrower, ()) if visit.stage == "arrived" else _told_go(borrower, at)
    halted = VisitHalted(
        **named(borrower, visit),
        reason=answer.reason,
        code=answer.code,
        detail=answer.detail,
        asked_at=at.now,
        known_as_of=at.known_as_of,
        team=team,
    )
    if answer.code != "late" or visit.stage == "arrived":
        return borrower, (halted,)
    return then((borrower, (halted,)), lambda b: _too_late(b, answer, at))


def _told_go(borrower: Borrower, at: Moment) -> Outcome:
    """An attempt counts from the word go, whatever comes of it."""
    borrower, said = life.dispatch(borrower, at)
    visit = borrower.visit
    assert visit is not None
    arrived = VisitArrived(**named(borrower, visit), arrived_at=at.now, known_as_of=at.known_as_of)
    inside = replace(borrower, visit=replace(moved(visit, "arrive"), arrived_at=at.now))
    return life.counted(inside, visit, at.now), (*said, arrived)


def _too_late(borrower: Borrower, answer: Answer, at: Moment) -> Outcome:
    """A team that comes after its window is sent away for good; another visit is asked for."""
    ended = then(life.dispatch(borrower, at), lambda b: life.abort(b, answer.reason, at))
    return then(ended, lambda b: plan(b, at))


def break_off(borrower: Borrower, visit_id: str, reason: str, at: Moment) -> Outcome:
    """The team ends the visit by itself. Nothing changes where this visit is not on its way or inside."""
    if borrower.visit is None or borrower.visit.visit_id != visit_id:
        return borrower, ()
    return then(_broken_off(borrower, reason, at), lambda b: plan(b, at))


def _broken_off(borrower: Borrower, reason: str, at: Moment) -> Outcome:
    """Before the word go it was no attempt; after it, the gap counts."""
    after, said = life.abort(borrower, reason, at)
    told_go = borrower.visit.arrived_at if borrower.visit else None
    if not said or told_go is None:
        return after, said
    return life.with_plan(after, next_plan_at(told_go, at.reference.policy)), said
