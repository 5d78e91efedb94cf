"""What a report does: applied once, to the visit that was told go; all else is kept and shown, never applied."""

from schemas.agencies import VisitReported
from schemas.changing import replace
from schemas.values import Reason
from schemas.visits import VisitCompleted, VisitNoContact, VisitRefused, VisitReportRejected
from services.visits.domain import conduct
from services.visits.domain.dispositions import MEANINGS, NEEDS_PLACEMENT, Meaning, Problem, problems
from services.visits.domain.evidence import sealed
from services.visits.domain.life import with_plan
from services.visits.domain.moves import end, may
from services.visits.domain.panel import Moment
from services.visits.domain.planning import TEAM_SIZE_MIN, exhaust, exhausted_by, next_plan_at, usable_places
from services.visits.domain.state import Borrower, Ground, Outcome, Visit, named, then


def report(borrower: Borrower, said: VisitReported, at: Moment, metres: float | None = None) -> Outcome:
    """The visitors' account. `metres`: how far the evidence was taken from the address, where that is known."""
    if said.report_id == borrower.last_report_id:
        return borrower, ()
    visit = borrower.visit
    if why := rejection(borrower, said, at):
        return borrower, (_rejected(said, why, at),)
    assert visit is not None
    return _applied(borrower, visit, said, at, metres)


def rejection(borrower: Borrower, said: VisitReported, at: Moment) -> str:
    """Why a report is not applied, or nothing."""
    visit = borrower.visit
    if visit is None or visit.visit_id != said.visit_id:
        return _why_over(borrower, said.visit_id)
    if said.agency_id != visit.agency_id:
        return "The visit is another agency's."
    if not may(visit, MEANINGS[said.result.disposition].says):
        return "The team was never told go at the door."
    if visit.outlived and said.result.disposition in NEEDS_PLACEMENT:
        return f"The placement is over: {visit.outlived}. Nothing can be agreed under it any more."
    return " ".join(problem.what for problem in wrong(visit, said, at))


def _why_over(borrower: Borrower, visit_id: str) -> str:
    over = next((e for e in borrower.ended if e.visit.visit_id == visit_id), None)
    return f"The visit is over: {over.visit.stage}, {over.reason}" if over else "No such visit is open."


def wrong(visit: Visit, said: VisitReported, at: Moment) -> list[Problem]:
    """What the reporter can put right: fields that are missing or impossible."""
    found = problems(said.result, visit.window_start.date(), at.reference.policy.promise_days_max)
    if len(set(said.team) & set(visit.team)) < TEAM_SIZE_MIN:
        found.append(Problem("team", f"Name the visitors who were there, of {' + '.join(visit.team)}."))
    if said.ended_at < said.arrived_at:
        found.append(Problem("ended_at", "A visit cannot end before it begins."))
    return found


def mendable(borrower: Borrower, said: VisitReported, at: Moment) -> list[Problem]:
    """What the reporter must put right before this report can be applied; nothing where it cannot be applied at all."""
    visit = borrower.visit
    if visit is None or visit.visit_id != said.visit_id or visit.stage != "arrived":
        return []
    return wrong(visit, said, at)


def _rejected(said: VisitReported, why: str, at: Moment) -> VisitReportRejected:
    return VisitReportRejected(
        report_id=said.report_id,
        visit_id=said.visit_id,
        borrower_id=said.borrower_id,
        agency_id=said.agency_id,
        disposition=said.result.disposition,
        reason=why,
        arrived_at=said.arrived_at,
        rejected_at=at.now,
    )


def _applied(borrower: Borrower, visit: Visit, said: VisitReported, at: Moment, metres: float | None) -> Outcome:
    meaning, policy = MEANINGS[said.result.disposition], at.reference.policy
    seal = sealed(borrower, visit, said.evidence, met=meaning.met, now=at.now)
    flags = conduct.flags(
        said, visit.arrived_at or at.now, met=meaning.met, feedback=policy.feedback, at=at.recorded, metres=metres
    )
    ended = end(borrower, meaning.says, said.result.disposition, at.now)
    ended = replace(ended, chain=seal.chain, last_report_id=said.report_id)
    after, exhausted = _next(ended, visit, meaning, at)
    if meaning.says == "no_contact":
        left = 0 if exhausted else max(policy.attempts_max - visit.attempt, 0)
        return after, (_no_contact(borrower, visit, said, flags, left, at), seal, *exhausted)
    fact = _refused if meaning.says == "refuse" else _completed
    return after, (fact(borrower, visit, said, flags, at), seal, *exhausted)


def _no_contact(  # noqa: PLR0917 - all that the fact says
    borrower: Borrower, visit: Visit, said: VisitReported, flags: tuple[Reason, ...], left: int, at: Moment
) -> VisitNoContact:
    return VisitNoContact(
        **named(borrower, visit),
        arrived_at=visit.arrived_at or at.now,
        result=said.result,
        attempt=visit.attempt,
        attempts_left=left,
        reported_at=at.recorded,
        on_time=_on_time(said, at),
        flags=flags,
    )


def _refused(
    borrower: Borrower, visit: Visit, said: VisitReported, flags: tuple[Reason, ...], at: Moment
) -> VisitRefused:
    return VisitRefused(
        **named(borrower, visit),
        arrived_at=visit.arrived_at or at.now,
        result=said.result,
        conduct=said.conduct,
        statement=said.statement,
        reported_at=at.recorded,
        on_time=_on_time(said, at),
        flags=flags,
    )


def _completed(
    borrower: Borrower, visit: Visit, said: VisitReported, flags: tuple[Reason, ...], at: Moment
) -> VisitCompleted:
    return VisitCompleted(
        **named(borrower, visit),
        arrived_at=visit.arrived_at or at.now,
        completed_at=said.ended_at,
        result=said.result,
        conduct=said.conduct,
        flags=flags,
        statement=said.statement,
        reported_at=at.recorded,
        on_time=_on_time(said, at),
    )


def _on_time(said: VisitReported, at: Moment) -> bool:
    return conduct.on_time(said.ended_at, at.reference.policy.feedback, at.recorded)


def _next(borrower: Borrower, visit: Visit, meaning: Meaning, at: Moment) -> Outcome:
    """What comes after this result under the placement, if it still stands."""
    placement = borrower.placement
    if placement is None or placement.placement_id != visit.placement_id or placement.over:
        return borrower, ()
    gone = (*placement.excluded, visit.address_id) if meaning.next == "elsewhere" else placement.excluded
    after = replace(borrower, placement=replace(placement, met=meaning.met, excluded=gone))
    if meaning.next == "rest":
        return with_plan(after, None), ()
    if meaning.next == "refused":
        return exhaust(after, "refused", at)
    after = with_plan(after, next_plan_at(visit.arrived_at or at.now, at.reference.policy))
    return then((after, ()), lambda b: _end_of_attempts(b, meaning, at))


def _end_of_attempts(borrower: Borrower, meaning: Meaning, at: Moment) -> Outcome:
    """Where nobody was met and no attempt or address is left, that is decided at once."""
    ground = None if meaning.met else _ground(borrower, at)
    return exhaust(borrower, ground, at) if ground else (borrower, ())


def _ground(borrower: Borrower, at: Moment) -> Ground | None:
    profile, placement = borrower.profile, borrower.placement
    if profile and placement and placement.excluded and not usable_places(borrower, placement, at):
        return "moved"
    return exhausted_by(borrower, at)
