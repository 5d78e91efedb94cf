"""Placements: offered, answered, active, recalled, attested. A stop ends what is pending at once."""

from datetime import datetime, timedelta
from typing import Literal

from schemas.cases import (
    PlacementActivated,
    PlacementAlarmed,
    PlacementEnded,
    PlacementOffered,
    PlacementRecalled,
    PlacementRefused,
)
from schemas.changing import replace
from services.assignment.domain.choice import IN_HOUSE, Agency, Choice, Subject, choose, fallen
from services.assignment.domain.moment import Moment, local_day
from services.assignment.domain.moves import PLACEMENT
from services.assignment.domain.stages import move_stage
from services.assignment.domain.state import Case, Placement, State, Tail
from services.assignment.domain.steps import Said, arrears_of, case_loans, days_past_due, numbered, run, step

Cause = Literal[
    "cured",
    "closed",
    "charged_off",
    "dispute",
    "hardship",
    "complaint",
    "deceased",
    "stop_request",
    "plan",
    "term_ended",
    "exhausted",
    "returned",
    "agency_suspended",
    "legal",
    "paused",
    "officer",
]
BY_MONEY: frozenset[str] = frozenset({"cured", "closed"})
"""Recalls after which money of the next days is still the agency's merit."""


def choice_for(state: State, case: Case, at: Moment) -> Choice:
    """Who would get this case at this moment."""
    subject = Subject(
        case_id=case.case_id,
        region=case.region,
        products=tuple(sorted({loan.product for loan in case_loans(state)})),
        tried=case.tried,
        only_in_house=case.offers >= at.strategy.placement.offers_max,
        rulebook=at.rulebooks.for_region(case.region, at.now),
    )
    return choose(at.panel, subject, local_day(at.now, state.time_zone), at.strategy.placement)


def offer(state: State, case: Case, agency: Agency, choice: Choice, at: Moment) -> Said:
    """Offer the case to the agency chosen. The in-house team accepts in the same breath."""
    state, placement_id = numbered(state, "P")
    placement = Placement(
        placement_id,
        agency.agency_id,
        case_id=case.case_id,
        in_house=agency.in_house,
        mandate_id=agency.mandate_id or IN_HOUSE,
        basis_points=agency.basis_points,
        proof_id=case.proof_id,
        answer_by=at.now + timedelta(days=at.strategy.placement.offer_days),
    )
    case = replace(case, offers=case.offers + 1, seek_at=None)
    said = _offered(state, case, placement, choice, at)
    state = replace(state, placement=placement, case=case)
    state, more = activate(state, at) if agency.in_house else (state, ())
    return state, (said, *more)


def _offered(state: State, case: Case, placement: Placement, choice: Choice, at: Moment) -> PlacementOffered:
    loans = case_loans(state)
    return PlacementOffered(
        case_id=case.case_id,
        borrower_id=state.borrower_id,
        placement_id=placement.placement_id,
        agency_id=placement.agency_id,
        loan_ids=tuple(loan.loan_id for loan in loans),
        currency=case.currency,
        arrears=arrears_of(loans),
        days_past_due=days_past_due(loans),
        region=case.region,
        mandate_id=placement.mandate_id,
        proof_id=placement.proof_id,
        offered_at=at.now,
        answer_by=placement.answer_by or at.now,
        attempt=case.offers,
        candidates=choice.candidates,
        reason=choice.reason,
    )


def answered(state: State, placement_id: str, agency_id: str) -> Placement | None:
    """The pending placement that an agency's word is about; None where it is about one that is gone."""
    placement = state.placement
    if placement is None or (placement.placement_id, placement.agency_id) != (placement_id, agency_id):
        return None
    return placement


def accept(state: State, placement_id: str, agency_id: str, at: Moment) -> Said:
    """The agency takes the case, if the offer still stands and the answer reached us in time."""
    placement = answered(state, placement_id, agency_id)
    if placement is None or (placement.answer_by and at.recorded > placement.answer_by):
        return state, ()
    return activate(state, at)


def activate(state: State, at: Moment) -> Said:
    """From here to the end of the term the case is worked by whom it was offered to."""
    case, placement = state.case, state.placement
    if case is None or placement is None or (placement.state, "accept") not in PLACEMENT:
        return state, ()
    ends_at = at.now + timedelta(days=at.strategy.placement.term_days)
    active = replace(placement, state=PLACEMENT[placement.state, "accept"], ends_at=ends_at, answer_by=None)
    case = replace(case, tried=(*case.tried, placement.agency_id), offers=0, placed=case.placed + 1)
    said = _activated(state, case, active, at, ends_at)
    state, more = move_stage(replace(state, case=case, placement=active), "activated", at)
    return state, (said, *more)


def _activated(state: State, case: Case, placement: Placement, at: Moment, ends_at: datetime) -> PlacementActivated:
    loans = case_loans(state)
    return PlacementActivated(
        case_id=case.case_id,
        borrower_id=state.borrower_id,
        placement_id=placement.placement_id,
        agency_id=placement.agency_id,
        loan_ids=tuple(loan.loan_id for loan in loans),
        currency=case.currency,
        arrears=arrears_of(loans),
        days_past_due=days_past_due(loans),
        region=case.region,
        mandate_id=placement.mandate_id,
        proof_id=placement.proof_id,
        activated_at=at.now,
        ends_at=ends_at,
    )


def decline(state: State, placement_id: str, agency_id: str, reason: str, at: Moment) -> Said:
    """The agency does not take the case: it is not asked again for this case."""
    if answered(state, placement_id, agency_id) is None:
        return state, ()
    return _refuse(state, "decline", f"declined: {reason}" if reason else "declined", at)


def _refuse(state: State, move: Literal["decline", "expire", "withdraw"], reason: str, at: Moment) -> Said:
    placement, case = state.placement, state.case
    if placement is None or (placement.state, move) not in PLACEMENT:
        return state, ()
    if case and move == "withdraw":
        case = replace(case, offers=max(0, case.offers - 1))
    elif case:
        case = replace(case, tried=(*case.tried, placement.agency_id))
    said = PlacementRefused(
        case_id=placement.case_id,
        borrower_id=state.borrower_id,
        placement_id=placement.placement_id,
        agency_id=placement.agency_id,
        reason=reason,
        ended_at=at.now,
    )
    return replace(state, placement=None, case=case), (said,)


def withdraw_offer(state: State, reason: str, at: Moment) -> Said:
    """Take back an offer that was not answered yet; an active placement stays."""
    return _refuse(state, "withdraw", reason, at)


def stop(state: State, cause: Cause, reason: str, at: Moment) -> Said:
    """Take the case back at once: an offer is withdrawn, an active placement recalled."""
    return run(state, step(withdraw_offer, f"withdrawn ({cause}): {reason}", at), step(_recall, cause, reason, at))


def _recall(state: State, cause: Cause, reason: str, at: Moment) -> Said:
    placement = state.placement
    if placement is None or (placement.state, "recall") not in PLACEMENT:
        return state, ()
    attest_by = at.now + timedelta(days=at.strategy.placement.attest_days)
    said = PlacementRecalled(
        case_id=placement.case_id,
        borrower_id=state.borrower_id,
        placement_id=placement.placement_id,
        agency_id=placement.agency_id,
        reason=reason,
        cause=cause,
        recalled_at=at.now,
        attest_by=attest_by,
    )
    gone = replace(placement, state=PLACEMENT[placement.state, "recall"], ends_at=None, attest_by=attest_by)
    merit = timedelta(days=at.strategy.placement.attribution_days)
    tail = Tail(placement, at.now + merit) if cause in BY_MONEY else None
    state = replace(state, placement=None, tail=tail, leaving=(*state.leaving, gone))
    state, more = attest(state, gone.placement_id, gone.agency_id, at.now, at) if gone.in_house else (state, ())
    return state, (said, *more)


def give_back(state: State, placement_id: str, agency_id: str, reason: str, at: Moment) -> Said:
    """The agency gives the case back."""
    placement = answered(state, placement_id, agency_id)
    if placement is None or placement.state != "active":
        return state, ()
    return stop(state, "returned", f"returned: {reason}", at)


def attest(state: State, placement_id: str, agency_id: str, attested_at: datetime, at: Moment) -> Said:
    """The agency attests that the borrower's data are gone. The in-house team holds no copy and attests at once."""
    gone = next((p for p in state.leaving if (p.placement_id, p.agency_id) == (placement_id, agency_id)), None)
    if gone is None:
        return state, ()
    said = PlacementEnded(
        case_id=gone.case_id,
        borrower_id=state.borrower_id,
        placement_id=placement_id,
        agency_id=agency_id,
        attested_at=attested_at,
        on_time=gone.attest_by is None or at.recorded <= gone.attest_by,
    )
    return replace(state, leaving=tuple(p for p in state.leaving if p != gone)), (said,)


def tick(state: State, at: Moment) -> Said:
    """No answer in time: refused. Term over: recalled. No attestation in time: alarm."""
    return run(state, step(_expire, at), step(_end_term, at), step(_alarm, at))


def _expire(state: State, at: Moment) -> Said:
    placement = state.placement
    if placement is None or placement.answer_by is None or placement.answer_by > at.now:
        return state, ()
    return _refuse(state, "expire", "no answer in time", at)


def _end_term(state: State, at: Moment) -> Said:
    placement = state.placement
    if placement is None or placement.ends_at is None or placement.ends_at > at.now:
        return state, ()
    return stop(state, "term_ended", "the term is over", at)


def _alarm(state: State, at: Moment) -> Said:
    late = tuple(p for p in state.leaving if not p.alarmed and p.attest_by and p.attest_by <= at.now)
    said = tuple(
        PlacementAlarmed(
            case_id=p.case_id,
            borrower_id=state.borrower_id,
            placement_id=p.placement_id,
            agency_id=p.agency_id,
            attest_by=p.attest_by or at.now,
        )
        for p in late
    )
    leaving = tuple(replace(p, alarmed=True) if p in late else p for p in state.leaving)
    return replace(state, leaving=leaving), said


def take_from_fallen(state: State, at: Moment) -> Said:
    """An agency that lost its licence, mandate or our trust keeps nothing."""
    placement = state.placement
    agency = at.panel.agency(placement.agency_id) if placement else None
    why = fallen(agency, local_day(at.now, state.time_zone)) if agency else ()
    return stop(state, "agency_suspended", f"the agency may not work: {', '.join(why)}", at) if why else (state, ())


def timers(state: State) -> tuple[datetime | None, ...]:
    """The instants at which something of a placement falls due."""
    placement = state.placement
    pending = (placement.answer_by, placement.ends_at) if placement else ()
    return (*pending, *(p.attest_by for p in state.leaving if not p.alarmed))
