"""Holds: reasons to rest. A hold is an overlay on the case, not a stage of it."""

from collections.abc import Callable
from datetime import datetime

from schemas.cases import HoldPlaced, HoldReason, HoldReleased
from schemas.changing import replace
from services.assignment.domain.moment import Moment
from services.assignment.domain.state import NO_CASE, Hold, State
from services.assignment.domain.steps import Said, numbered

OF_THE_PERSON: frozenset[HoldReason] = frozenset({"deceased", "incapacitated", "bankrupt", "stop_request"})
"""Holds that stand for the borrower, whatever becomes of a case."""

OF_THE_CASE: frozenset[HoldReason] = frozenset({"promise", "plan", "paused", "officer"})
"""Holds that end with the case."""

OF_A_DECISION: frozenset[HoldReason] = frozenset(
    {"promise", "plan", "dispute", "hardship", "complaint", "paused", "officer"}
)
"""Holds that a decision to go to law waits for."""


def place(state: State, reason: HoldReason, at: Moment, *, about: str = "", until: datetime | None = None) -> Said:
    """Rest for this reason. The same reason about the same thing stands once; without a case nothing is held."""
    if state.case is None or any(hold.reason == reason and hold.about == about for hold in state.holds):
        return state, ()
    state, hold_id = numbered(state, "H")
    case_id = state.case.case_id if state.case else NO_CASE
    hold = Hold(hold_id, reason, case_id, about, until)
    said = HoldPlaced(
        case_id=case_id,
        borrower_id=state.borrower_id,
        hold_id=hold_id,
        reason=reason,
        until=until,
        placed_at=at.now,
    )
    return replace(state, holds=(*state.holds, hold)), (said,)


def release(state: State, which: Callable[[Hold], bool], why: str, at: Moment) -> Said:
    """End the holds that match."""
    ending = tuple(hold for hold in state.holds if which(hold))
    said = tuple(
        HoldReleased(
            case_id=hold.case_id,
            borrower_id=state.borrower_id,
            hold_id=hold.hold_id,
            reason=hold.reason,
            why=why,
            released_at=at.now,
        )
        for hold in ending
    )
    return replace(state, holds=tuple(hold for hold in state.holds if hold not in ending)), said


def release_about(state: State, about: str, why: str, at: Moment) -> Said:
    """End the hold that stands for this promise, plan, dispute, hardship or complaint."""
    return release(state, lambda hold: hold.about == about, why, at)


def release_due(state: State, at: Moment) -> Said:
    """End the holds of officers whose time is over."""
    return release(state, lambda hold: _over(hold, at.now), "its time is over", at)


def _over(hold: Hold, now: datetime) -> bool:
    return hold.until is not None and hold.until <= now and hold.reason == "officer"


def ends(state: State) -> tuple[datetime, ...]:
    """The instants at which holds end by themselves."""
    return tuple(hold.until for hold in state.holds if hold.until and hold.reason == "officer")


def standing(state: State) -> bool:
    """True while anything says that collection rests."""
    return bool(state.holds) or state.dispute is not None or state.hardship is not None or bool(state.complaints)
