"""Complaints about how the debt is collected: they hold the case, are decided by rule, and count against an agency."""

from datetime import datetime, timedelta

from schemas.cases import ComplaintReceived, ComplaintRejected, ComplaintUpheld
from schemas.changing import replace
from services.assignment.domain import holds, placements
from services.assignment.domain.moment import Moment, local_day
from services.assignment.domain.state import NO_CASE, Matter, State, Via
from services.assignment.domain.steps import Said, numbered, run, step

INCIDENT = "incident"
"""The ground of a complaint that a visit's own result reports; it is upheld by rule."""


def receive(state: State, via: Via, ground: str, at: Moment, *, agency_id: str = "", visit_id: str = "") -> Said:
    """Somebody complains: rest, take the case back, decide within days."""
    case_id = state.case.case_id if state.case else NO_CASE
    agency_id = agency_id or (state.placement.agency_id if state.placement else "")
    state, complaint_id = numbered(state, "CP")
    matter = Matter(
        complaint_id, case_id, at.now + timedelta(days=at.strategy.complaint.hold_days), ground, agency_id, visit_id
    )
    said = ComplaintReceived(
        **_named(state, matter),
        received_at=at.now,
        answer_by=local_day(at.now, state.time_zone) + timedelta(days=at.strategy.complaint.answer_days),
        via=via,
    )
    state, more = run(
        replace(state, complaints=(*state.complaints, matter)),
        step(holds.place, "complaint", at, about=complaint_id),
        step(placements.stop, "complaint", "the borrower complained", at),
    )
    return state, (said, *more)


def _named(state: State, matter: Matter) -> dict[str, object]:
    return {
        "case_id": matter.case_id,
        "borrower_id": state.borrower_id,
        "complaint_id": matter.matter_id,
        "agency_id": matter.agency_id or None,
        "visit_id": matter.visit_id or None,
    }


def tick(state: State, at: Moment) -> Said:
    """Decide what is due."""
    due = tuple(matter for matter in state.complaints if matter.review_at <= at.now)
    return run(state, *(step(_decide, matter, at) for matter in due))


def _decide(state: State, matter: Matter, at: Moment) -> Said:
    upheld = matter.ground == INCIDENT
    reason = "the visit's own record shows an incident" if upheld else "no record of a contact shows a breach"
    kind = ComplaintUpheld if upheld else ComplaintRejected
    said = kind(**_named(state, matter), reason=reason, decided_at=at.now)
    state = replace(state, complaints=tuple(known for known in state.complaints if known != matter))
    state, more = holds.release_about(state, matter.matter_id, "the complaint was answered", at)
    return state, (said, *more)


def timers(state: State) -> tuple[datetime, ...]:
    """The instants of the decisions."""
    return tuple(matter.review_at for matter in state.complaints)
