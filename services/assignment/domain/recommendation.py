"""A recommendation to go to law ends in a decision, or is withdrawn: it never outlives what it rests on."""

from schemas.cases import LegalWithdrawn
from schemas.changing import replace
from services.assignment.domain.moment import Moment
from services.assignment.domain.state import Legal, State
from services.assignment.domain.steps import Said

OF_THE_PERSON = frozenset({"stop_request", "incapacitated", "bankrupt"})
"""Grounds that are holds: the person may not be contacted any more."""

IN_WRITING = "unanswered_in_writing"
"""The ground of a case that nobody may visit and that no letter has moved."""


def withdraw(state: State, why: str, at: Moment) -> Said:
    """Take back the recommendation that is pending. The stage is left to what follows."""
    case = state.case
    if case is None or case.legal is None:
        return state, ()
    said = LegalWithdrawn(
        case_id=case.case_id,
        borrower_id=state.borrower_id,
        decision_id=case.legal.decision_id,
        reason=why,
        withdrawn_at=at.now,
    )
    return replace(state, case=replace(case, legal=None)), (said,)


def withdraw_without_ground(state: State, at: Moment) -> Said:
    """Take it back where the stop that it was made for is lifted."""
    legal = state.case.legal if state.case else None
    if legal is None or _stands(state, legal):
        return state, ()
    return withdraw(state, f"its ground is gone: {legal.why.replace('_', ' ')}", at)


def _stands(state: State, legal: Legal) -> bool:
    if legal.why == IN_WRITING:
        return "visit" in state.stopped
    return legal.why not in OF_THE_PERSON or any(hold.reason == legal.why for hold in state.holds)
