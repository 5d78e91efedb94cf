"""A visit from the permit to the street: allowed, denied, dispatched, cancelled; and the timers in between."""

from dataclasses import dataclass
from datetime import datetime

from schemas.changing import replace
from schemas.visits import VisitAborted, VisitAppointed, VisitCancelled, VisitDispatched, VisitPlanned
from services.visits.domain.moves import PENDING, end, may, moved
from services.visits.domain.panel import Moment
from services.visits.domain.planning import may_plan, next_plan_at, plan
from services.visits.domain.state import CANCEL_REASONS, Borrower, CancelReason, Outcome, Visit, named, then

NO_RESULT = "No result was reported."


@dataclass(frozen=True, slots=True)
class Permit:
    """What the gate allowed: from when, until when, and by which version of the rule book."""

    not_before: datetime
    expires_at: datetime
    rulebook: str = ""


def allowed(borrower: Borrower, visit_id: str, permit: Permit, at: Moment) -> Outcome:
    """The gate's permit: the visit is planned, and the borrower's window stands."""
    visit = borrower.visit
    if visit is None or visit.visit_id != visit_id or not may(visit, "allow"):
        return borrower, ()
    permitted = replace(
        moved(visit, "allow"), not_before=permit.not_before, expires_at=permit.expires_at, rulebook=permit.rulebook
    )
    if permitted.closes_at <= max(permitted.opens_at, at.now):
        return then(cancel(borrower, "permit_expired", at.cause, at), lambda b: plan(b, at))
    appointed = moved(permitted, "appoint")
    said = (_planned(borrower, permitted, at), _appointed(borrower, appointed))
    return replace(borrower, visit=appointed), said


def _planned(borrower: Borrower, visit: Visit, at: Moment) -> VisitPlanned:
    return VisitPlanned(
        **named(borrower, visit),
        window_start=visit.window_start,
        window_end=visit.window_end,
        address_id=visit.address_id,
        team=visit.team,
        documents=at.reference.policy.documents,
        strategy=at.reference.policy.strategy,
        proof_id=visit.proof_id,
        permit_id=visit.visit_id,
        attempt=visit.attempt,
    )


def _appointed(borrower: Borrower, visit: Visit) -> VisitAppointed:
    """The window stands; whether the borrower agreed to it is another question, and the answer is no."""
    return VisitAppointed(
        **named(borrower, visit), window_start=visit.window_start, window_end=visit.window_end, agreed=False
    )


def denied(borrower: Borrower, visit_id: str, retry_at: datetime | None, at: Moment) -> Outcome:
    """The gate's no: this visit is off; another is asked for when the rules could say otherwise, so many times."""
    if not _is_pending(borrower, visit_id):
        return borrower, ()
    return then(_withdrawn(borrower, "permit_denied", retry_at, at), lambda b: plan(b, at))


def withdrawn(borrower: Borrower, visit_id: str, reason: str, at: Moment) -> Outcome:
    """The gate took its permit back before the contact was made."""
    if not _is_pending(borrower, visit_id):
        return borrower, ()
    known: CancelReason = reason if reason in CANCEL_REASONS else "permit_expired"  # type: ignore[assignment]
    return then(_withdrawn(borrower, known, None, at), lambda b: plan(b, at))


def _is_pending(borrower: Borrower, visit_id: str) -> bool:
    visit = borrower.visit
    return visit is not None and visit.visit_id == visit_id and visit.stage in PENDING


def _withdrawn(borrower: Borrower, reason: CancelReason, retry_at: datetime | None, at: Moment) -> Outcome:
    after, said = cancel(borrower, reason, at.cause, at)
    when = max(retry_at or at.now + at.reference.policy.retry_after, at.now)
    return with_plan(after, when, tries=1), said


def cancel(borrower: Borrower, reason: CancelReason, cause: str, at: Moment) -> Outcome:
    """Take the pending visit back, whatever stage it stands in. Nothing where none is pending."""
    visit = borrower.visit
    if visit is None or not may(visit, "cancel"):
        return borrower, ()
    said = VisitCancelled(
        **named(borrower, visit),
        reason=reason,
        cause=cause,
        cancelled_at=at.now,
        stage=visit.stage,
    )
    return end(borrower, "cancel", reason, at.now), (said,)


def replan(borrower: Borrower, reason: CancelReason, at: Moment) -> Outcome:
    """Decide the pending step anew: cancelled, and asked for again as things stand."""
    return then(cancel(borrower, reason, at.cause, at), lambda b: plan(b, at))


def call_off(borrower: Borrower, visit_id: str, at: Moment) -> Outcome:
    """An officer takes a visit off; another day is asked for, not the same."""
    if not _is_pending(borrower, visit_id):
        return borrower, ()
    after, said = cancel(borrower, "officer", at.cause, at)
    return with_plan(after, at.now + at.reference.policy.retry_after), said


def abort(borrower: Borrower, reason: str, at: Moment) -> Outcome:
    """Break the visit off: at the door, or after the team was told go. Nothing where the table has no such move."""
    visit = borrower.visit
    if visit is None or not may(visit, "abort"):
        return borrower, ()
    said = VisitAborted(
        **named(borrower, visit),
        reason=reason,
        cause=at.cause,
        aborted_at=at.now,
        known_as_of=at.known_as_of,
        at_door=visit.stage != "arrived",
    )
    return end(borrower, "abort", reason, at.now), (said,)


def dispatch(borrower: Borrower, at: Moment) -> Outcome:
    """The window has begun: the team is on its way."""
    visit = borrower.visit
    if visit is None or not may(visit, "dispatch"):
        return borrower, ()
    said = VisitDispatched(**named(borrower, visit), dispatched_at=at.now, team=visit.team)
    return replace(borrower, visit=moved(visit, "dispatch")), (said,)


def tick(borrower: Borrower, at: Moment) -> Outcome:
    """Do what has fallen due."""
    return then(_visit_due(borrower, at), lambda b: plan(b, at))


def _visit_due(borrower: Borrower, at: Moment) -> Outcome:
    visit, policy = borrower.visit, at.reference.policy
    if visit is None or at.now < due_at(visit):
        return borrower, ()
    if visit.stage == "dispatched":
        return _not_reported(borrower, visit, at)
    if visit.stage == "arrived":
        after, said = abort(borrower, NO_RESULT, at)
        return with_plan(after, next_plan_at(visit.arrived_at or at.now, policy)), said
    if visit.stage == "appointed" and at.now < visit.closes_at:
        return dispatch(borrower, at)
    return cancel(borrower, "permit_expired", visit.visit_id, at)


def _not_reported(borrower: Borrower, visit: Visit, at: Moment) -> Outcome:
    """Nobody asked and nobody told: they may have been there, so it counts as an attempt."""
    after, said = cancel(borrower, "not_reported", visit.visit_id, at)
    return with_plan(counted(after, visit, visit.window_end), next_plan_at(visit.window_end, at.reference.policy)), said


def counted(borrower: Borrower, visit: Visit, instant: datetime) -> Borrower:
    """One attempt more, made at that instant."""
    after = replace(borrower, last_attempt_at=instant)
    if after.placement is None or after.placement.placement_id != visit.placement_id:
        return after
    return replace(after, placement=replace(after.placement, attempts=visit.attempt, tries=0))


def next_at(borrower: Borrower) -> datetime | None:
    """When something happens by itself: derived from the state each time, never rolled."""
    if borrower.visit is not None:
        return due_at(borrower.visit)
    return borrower.placement.plan_at if borrower.placement and may_plan(borrower) else None


def due_at(visit: Visit) -> datetime:
    """When a visit moves by itself: without permit at its window's start, then dispatch, then the deadlines."""
    if visit.stage == "dispatched":
        return visit.report_by
    if visit.stage == "arrived":
        return visit.result_by
    return visit.opens_at


def with_plan(borrower: Borrower, when: datetime | None, tries: int = 0) -> Borrower:
    """The placement's next plan comes no earlier than that."""
    placement = borrower.placement
    if placement is None or placement.over:
        return borrower
    return replace(borrower, placement=replace(placement, plan_at=when, tries=placement.tries + tries))
