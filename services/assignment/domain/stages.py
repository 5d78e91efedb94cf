"""The stage of a case moves by the table of moves, and says so."""

from schemas.cases import CaseStageChanged
from schemas.changing import replace
from services.assignment.domain.moment import Moment
from services.assignment.domain.moves import STAGE
from services.assignment.domain.state import State
from services.assignment.domain.steps import Said


def move_stage(state: State, happening: str, at: Moment) -> Said:
    """Move along the table; a move that is not in it changes nothing."""
    case = state.case
    after = STAGE.get((case.stage, happening)) if case else None
    if case is None or after is None:
        return state, ()
    said = CaseStageChanged(
        case_id=case.case_id, borrower_id=state.borrower_id, before=case.stage, after=after, changed_at=at.now
    )
    return replace(state, case=replace(case, stage=after)), (said,)


def fall_back(state: State, at: Moment) -> Said:
    """Where what a stage rested on is gone (agreement over, placement taken back, ground of a
    recommendation fallen away), the case steps back."""
    case = state.case
    if case is None:
        return state, ()
    agreed = state.plan is not None or any(p.state == "active" for p in state.promises)
    placed = state.placement is not None and state.placement.state == "active"
    if case.stage == "agreed" and not agreed:
        return move_stage(state, f"back_to_{_where(placed, bool(case.legal), bool(case.proof_id))}", at)
    if case.stage == "legal" and case.legal is None:
        return move_stage(state, f"back_to_{_where(placed, False, bool(case.proof_id))}", at)
    if case.stage in {"placed", "in_field"} and not placed:
        return move_stage(state, "back_to_noticed", at)
    return state, ()


def _where(placed: bool, legal: bool, proved: bool) -> str:
    if placed:
        return "placed"
    if legal:
        return "legal"
    return "noticed" if proved else "open"
