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


def _case_of(state: State, matter: Matter) -> str:
    return _case_id(state) if matter.case_id == NO_CASE else matter.case_id


def _join(matter: Matter, matter_id: str, ground: str = "") -> Matter:
    """Said again while it is under review: it is answered with the first, no later than that."""
    return replace(matter, joined=(*matter.joined, (matter_id, ground)))


def _known(state: State, matter: Matter | None, matter_id: str) -> bool:
    return heard(state, matter_id) or (matter is not None and matter_id in dict(matter.told))


def dispute(state: State, told: DisputeRaised, at: Moment) -> Said:
    """The debt is said to be wrong: hold, recall, resolve later. What is said while one is open joins it."""
    if _known(state, state.dispute, told.dispute_id):
        return state, ()
    state = remember(state, told.dispute_id)
    if state.dispute:
        return replace(state, dispute=_join(state.dispute, told.dispute_id)), ()
    review_at = at.now + timedelta(days=at.strategy.dispute.resolve_after_days)
    matter = Matter(told.dispute_id, _case_id(state), review_at)
    return run(
        replace(state, dispute=matter),
        step(holds.place, "dispute", at, about=matter.matter_id),
        step(placements.stop, "dispute", "the debt is disputed", at),
    )


def resolve_dispute(state: State, *, upheld: bool, reason: str, at: Moment) -> Said:
    """Answer the dispute, and each that joined it. Upheld: the borrower was right, and the case is over."""
    matter = state.dispute
    if matter is None:
        return state, ()
    said = tuple(
        DisputeResolved(
            case_id=_case_of(state, matter),
            borrower_id=state.borrower_id,
            dispute_id=dispute_id,
            upheld=upheld,
            reason=reason,
            resolved_at=at.now,
        )
        for dispute_id, _ in matter.told
    )
    state = replace(state, dispute=None)
    if upheld:
        state, more = cases.close(state, "dispute_upheld", "dispute", at)
    else:
        state, more = holds.release_about(state, matter.matter_id, "the dispute was rejected", at)
    return state, (*said, *more)


def _resolve_by_rule(state: State, at: Moment) -> Said:
    matter, every = state.dispute, at.strategy.dispute.upheld_one_in
    if matter is None or matter.review_at > at.now:
        return state, ()
    upheld = every > 0 and one_of(matter.matter_id, every) == 0
    reason = "by rule: the lender's records do not prove the debt" if upheld else "by rule: the records prove the debt"
    return resolve_dispute(state, upheld=upheld, reason=reason, at=at)


def hardship(state: State, told: HardshipDeclared, at: Moment) -> Said:
    """The borrower cannot pay: hold, recall, review later. What is declared while one is open joins it."""
    if _known(state, state.hardship, told.hardship_id):
        return state, ()
    state = remember(state, told.hardship_id)
    if state.hardship:
        return replace(state, hardship=_join(state.hardship, told.hardship_id, told.reason)), ()
    review_at = at.now + timedelta(days=at.strategy.hardship.review_after_days)
    matter = Matter(told.hardship_id, _case_id(state), review_at, ground=told.reason)
    return run(
        replace(state, hardship=matter),
        step(holds.place, "hardship", at, about=matter.matter_id),
        step(placements.stop, "hardship", "the borrower declared hardship", at),
    )


def _review_hardship(state: State, at: Moment) -> Said:
    """Relief is granted where any of what was declared is a reason for it."""
    matter, policy = state.hardship, at.strategy.hardship
    if matter is None or matter.review_at > at.now:
        return state, ()
    grounds = [ground for _, ground in matter.told if ground in policy.granted_reasons]
    state = replace(state, hardship=None)
    if grounds or (state.vulnerable and policy.vulnerable_granted):
        return _grant(state, matter, next(iter(grounds), "vulnerable"), at)
    return _reject(state, matter, at)


def _grant(state: State, matter: Matter, reason: str, at: Moment) -> Said:
    policy = at.strategy.hardship
    said = tuple(
        HardshipGranted(
            case_id=_case_of(state, matter),
            borrower_id=state.borrower_id,
            hardship_id=hardship_id,
            relief=policy.relief,
            until=local_day(at.now, state.time_zone) + timedelta(days=policy.relief_days),
            reason=reason,
            granted_at=at.now,
        )
        for hardship_id, _ in matter.told
    )
    state, more = cases.close(state, "hardship_relief", "hardship", at)
    return state, (*said, *more)


def _reject(state: State, matter: Matter, at: Moment) -> Said:
    said = tuple(
        HardshipRejected(
            case_id=_case_of(state, matter),
            borrower_id=state.borrower_id,
            hardship_id=hardship_id,
            reason=f"{ground} alone is no reason for relief under the strategy",
            rejected_at=at.now,
        )
        for hardship_id, ground in matter.told
    )
    state, more = holds.release_about(state, matter.matter_id, "hardship was rejected", at)
    return state, (*said, *more)


def tick(state: State, at: Moment) -> Said:
    """Review what is due."""
    return run(state, step(_review_hardship, at), step(_resolve_by_rule, at))


def timers(state: State) -> tuple[datetime, ...]:
    """The instants of the reviews."""
    return tuple(matter.review_at for matter in (state.dispute, state.hardship) if matter)
