"""Disputes and hardship: what the borrower says stops everything at once and is answered after a review."""

from datetime import datetime, timedelta

from schemas.cases import DisputeResolved, HardshipGranted, HardshipRejected
from schemas.changing import replace
from schemas.contacts import DisputeRaised, HardshipDeclared
from services.assignment.domain import cases, holds, placements
from services.assignment.domain.moment import Moment, local_day
from services.assignment.domain.scoring import one_of
from services.assignment.domain.state import NO_CASE, Matter, State
from services.assignment.domain.steps import Said, heard, remember, run, step


def _case_id(state: State) -> str:
    return state.case.case_id if state.case else NO_CASE


def dispute(state: State, told: DisputeRaised, at: Moment) -> Said:
    """The debt is said to be wrong: hold, recall, resolve later. One dispute is open at a time."""
    if state.dispute or heard(state, told.dispute_id):
        return state, ()
    review_at = at.now + timedelta(days=at.strategy.dispute.resolve_after_days)
    matter = Matter(told.dispute_id, _case_id(state), review_at)
    return run(
        replace(remember(state, told.dispute_id), dispute=matter),
        step(holds.place, "dispute", at, about=matter.matter_id),
        step(placements.stop, "dispute", "the debt is disputed", at),
    )


def resolve_dispute(state: State, *, upheld: bool, reason: str, at: Moment) -> Said:
    """Answer the dispute. Upheld: the borrower was right, and the case is over. Rejected: the path goes on."""
    matter = state.dispute
    if matter is None:
        return state, ()
    said = DisputeResolved(
        case_id=_case_id(state) if matter.case_id == NO_CASE else matter.case_id,
        borrower_id=state.borrower_id,
        dispute_id=matter.matter_id,
        upheld=upheld,
        reason=reason,
        resolved_at=at.now,
    )
    state = replace(state, dispute=None)
    if upheld:
        state, more = cases.close(state, "dispute_upheld", "dispute", at)
    else:
        state, more = holds.release_about(state, matter.matter_id, "the dispute was rejected", at)
    return state, (said, *more)


def _resolve_by_rule(state: State, at: Moment) -> Said:
    matter, every = state.dispute, at.strategy.dispute.upheld_one_in
    if matter is None or matter.review_at > at.now:
        return state, ()
    upheld = every > 0 and one_of(matter.matter_id, every) == 0
    reason = "by rule: the lender's records do not prove the debt" if upheld else "by rule: the records prove the debt"
    return resolve_dispute(state, upheld=upheld, reason=reason, at=at)


def hardship(state: State, told: HardshipDeclared, at: Moment) -> Said:
    """The borrower cannot pay: hold, recall, review later. One declaration is open at a time."""
    if state.hardship or heard(state, told.hardship_id):
        return state, ()
    review_at = at.now + timedelta(days=at.strategy.hardship.review_after_days)
    matter = Matter(told.hardship_id, _case_id(state), review_at, ground=told.reason)
    return run(
        replace(remember(state, told.hardship_id), hardship=matter),
        step(holds.place, "hardship", at, about=matter.matter_id),
        step(placements.stop, "hardship", "the borrower declared hardship", at),
    )


def _review_hardship(state: State, at: Moment) -> Said:
    matter, policy = state.hardship, at.strategy.hardship
    if matter is None or matter.review_at > at.now:
        return state, ()
    granted = matter.ground in policy.granted_reasons or (state.vulnerable and policy.vulnerable_granted)
    state = replace(state, hardship=None)
    return _grant(state, matter, at) if granted else _reject(state, matter, at)


def _grant(state: State, matter: Matter, at: Moment) -> Said:
    policy = at.strategy.hardship
    said = HardshipGranted(
        case_id=_case_id(state) if matter.case_id == NO_CASE else matter.case_id,
        borrower_id=state.borrower_id,
        hardship_id=matter.matter_id,
        relief=policy.relief,
        until=local_day(at.now, state.time_zone) + timedelta(days=policy.relief_days),
        reason=matter.ground if matter.ground in policy.granted_reasons else "vulnerable",
        granted_at=at.now,
    )
    state, more = cases.close(state, "hardship_relief", "hardship", at)
    return state, (said, *more)


def _reject(state: State, matter: Matter, at: Moment) -> Said:
    said = HardshipRejected(
        case_id=_case_id(state) if matter.case_id == NO_CASE else matter.case_id,
        borrower_id=state.borrower_id,
        hardship_id=matter.matter_id,
        reason=f"{matter.ground} alone is no reason for relief under the strategy",
        rejected_at=at.now,
    )
    state, more = holds.release_about(state, matter.matter_id, "hardship was rejected", at)
    return state, (said, *more)


def tick(state: State, at: Moment) -> Said:
    """Review what is due."""
    return run(state, step(_review_hardship, at), step(_resolve_by_rule, at))


def timers(state: State) -> tuple[datetime, ...]:
    """The instants of the reviews."""
    return tuple(matter.review_at for matter in (state.dispute, state.hardship) if matter)
