"""The case: opened over all overdue loans of a borrower, joined by later ones, closed by exactly one way out."""

from datetime import timedelta
from typing import Literal

from schemas.cases import CaseClosed, CaseOpened, CaseReopened, CaseSegmented
from schemas.changing import replace
from schemas.values import CaseOutcome
from services.assignment.domain import holds, placements, plans, promises, recommendation
from services.assignment.domain.moment import Moment, local_day
from services.assignment.domain.scoring import arm_of, score_of, segment_of
from services.assignment.domain.stages import move_stage
from services.assignment.domain.state import ZERO, Case, ClosedCase, Hold, Loan, Settled, State
from services.assignment.domain.steps import Said, arrears_of, case_loans, days_past_due, due_loans, numbered, run, step

BY_MONEY: frozenset[CaseOutcome] = frozenset({"cured", "repaid", "plan_completed"})
"""Outcomes that a payment taken back undoes."""

BY_LAW: frozenset[CaseOutcome] = frozenset({"legal_referred", "legal_not_pursued"})
"""Outcomes that decide what was recommended; every other one leaves a recommendation without a case."""

RECALL: dict[CaseOutcome, placements.Cause] = {
    "cured": "cured",
    "repaid": "closed",
    "plan_completed": "plan",
    "hardship_relief": "hardship",
    "dispute_upheld": "dispute",
    "legal_referred": "legal",
    "legal_not_pursued": "legal",
    "deceased": "deceased",
    "charged_off": "charged_off",
}


def consider(state: State, at: Moment) -> Said:
    """A case is open exactly while somebody alive has a loan that is to be collected and is not paused."""
    workable = tuple(loan for loan in due_loans(state) if loan.status == "open")
    if state.status == "deceased" or not workable:
        return state, ()
    return _join(state, state.case, at) if state.case else _open(state, workable, at)


def _open(state: State, workable: tuple[Loan, ...], at: Moment) -> Said:
    state, said = holds.release(state, _is_old, "a new default began", at)
    state, case_id = numbered(state, "C")
    first = max(workable, key=lambda loan: (loan.days_past_due, loan.loan_id))
    score = score_of(state, workable, at.strategy.scoring)
    case = Case(
        case_id,
        at.now,
        loan_ids=tuple(loan.loan_id for loan in due_loans(state)),
        currency=first.currency,
        region=state.region or first.region,
        segment=segment_of(state, score, at.strategy.scoring),
        score=score,
        arm=arm_of(state.borrower_id, at.strategy),
        strategy=at.strategy.label,
    )
    state = replace(state, case=case)
    state, more = _hold_what_stands(state, at)
    return state, (*said, _opened(state, case), *more)


def put_right(state: State, at: Moment) -> Said:
    """Nothing is past due any more: a dispute that was right, or relief that was given, has nothing left to hold."""
    if state.case or state.dispute or state.hardship or due_loans(state):
        return state, ()
    return holds.release(state, _is_old, "nothing is past due any more", at)


def _is_old(hold: Hold) -> bool:
    """A dispute that was right, or relief that was given, was about the default before."""
    return hold.reason in {"dispute", "hardship"}


def _opened(state: State, case: Case) -> CaseOpened:
    loans = case_loans(state)
    return CaseOpened(
        case_id=case.case_id,
        borrower_id=state.borrower_id,
        loan_ids=case.loan_ids,
        products=tuple(sorted({loan.product for loan in loans})),
        currency=case.currency,
        arrears=arrears_of(loans),
        days_past_due=days_past_due(loans),
        region=case.region,
        segment=case.segment,
        score=case.score,
        arm=case.arm,
        strategy=case.strategy,
        opened_at=case.opened_at,
    )


def _hold_what_stands(state: State, at: Moment) -> Said:
    """What the borrower said before there was a case holds it from its first moment."""
    reasons = {"dispute": state.dispute, "hardship": state.hardship}
    matters = [(reason, matter) for reason, matter in reasons.items() if matter]
    complaints = tuple(step(holds.place, "complaint", at, about=c.matter_id) for c in state.complaints)
    return run(
        state,
        *(step(holds.place, "dispute" if r == "dispute" else "hardship", at, about=m.matter_id) for r, m in matters),
        *complaints,
        *((step(holds.place, "stop_request", at),) if state.stop_requested else ()),
        *((step(holds.place, "incapacitated", at),) if state.status == "incapacitated" else ()),
        *((step(holds.place, "bankrupt", at),) if state.status == "bankrupt" else ()),
    )


def _join(state: State, case: Case, at: Moment) -> Said:
    """Later overdue loans belong to the same case; it is scored anew and moves segment where that says so."""
    loan_ids = tuple(sorted({*case.loan_ids, *(loan.loan_id for loan in due_loans(state))}))
    score = score_of(state, case_loans(state), at.strategy.scoring)
    segment = segment_of(state, score, at.strategy.scoring)
    if segment == case.segment:
        return (state if loan_ids == case.loan_ids else replace(state, case=replace(case, loan_ids=loan_ids))), ()
    said = CaseSegmented(
        case_id=case.case_id,
        borrower_id=state.borrower_id,
        segment=segment,
        score=score,
        reason=f"score {case.score} became {score}" if segment != "vulnerable" else "the borrower is vulnerable",
    )
    return replace(state, case=replace(case, loan_ids=loan_ids, segment=segment, score=score)), (said,)


def close_if_nothing_due(state: State, outcome: CaseOutcome, via: str, at: Moment) -> Said:
    """Nothing is past due on any loan any more: the case is over."""
    return close(state, outcome, via, at) if state.case and not due_loans(state) else (state, ())


def close(state: State, outcome: CaseOutcome, via: str, at: Moment) -> Said:
    """End the case, and everything that was pending for it, in the same breath."""
    case = state.case
    if case is None:
        return state, ()
    reason = f"the case closed: {outcome.replace('_', ' ')}"
    state, said = run(
        state,
        step(placements.stop, RECALL[outcome], reason, at),
        step(promises.end_all, reason, at),
        step(plans.cancel, reason, at),
        step(holds.release, lambda hold: hold.reason in holds.OF_THE_CASE, reason, at),
        *(() if outcome in BY_LAW else (step(recommendation.withdraw, reason, at),)),
    )
    state = state if outcome in BY_MONEY else _settle(state, outcome, at)
    closed = _closed(state, case, outcome, via, at)
    return replace(state, case=None, last=ClosedCase(case, outcome, at.now)), (*said, closed)


def _closed(state: State, case: Case, outcome: CaseOutcome, via: str, at: Moment) -> CaseClosed:
    return CaseClosed(
        case_id=case.case_id,
        borrower_id=state.borrower_id,
        outcome=outcome,
        stage=case.stage,
        via=via,
        opened_at=case.opened_at,
        closed_at=at.now,
        paid=max(ZERO, case.paid),
        currency=case.currency,
        loan_ids=case.loan_ids,
    )


def _settle(state: State, outcome: CaseOutcome, at: Moment) -> State:
    """The default was dealt with: being told of it again, every day, does not begin another case."""
    today = local_day(at.now, state.time_zone)
    relief = timedelta(days=at.strategy.hardship.relief_days)
    settled = Settled(outcome, today, today + relief if outcome == "hardship_relief" else None)
    loans = tuple(replace(loan, settled=settled) if loan.due else loan for loan in state.loans)
    return replace(state, loans=loans)


def reopen(state: State, cause: str, at: Moment) -> Said:
    """A payment that had closed the case was taken back and something is past due: the case lives again from its start.

    The ladder begins anew: an old proof of notice says nothing about arrears that were paid in between.
    """
    last = state.last
    if state.case or last is None or last.outcome not in BY_MONEY or not due_loans(state):
        return state, ()
    case = replace(last.case, proof_id="", tried=(), offers=0, placed=0, seek_at=None, legal=None, written_until=None)
    said = CaseReopened(
        case_id=case.case_id,
        borrower_id=state.borrower_id,
        cause=cause,
        reopened_at=at.now,
        previous_outcome=last.outcome,
    )
    state, more = run(
        replace(state, case=case, last=None, tail=None),
        step(move_stage, "reopened", at),
        step(_hold_what_stands, at),
    )
    return state, (said, *more)


def rest_while_paused(state: State, at: Moment) -> Said:
    """While every loan of the case is paused, so is the case."""
    loans = due_loans(state)
    if state.case and loans and all(loan.status == "paused" for loan in loans):
        return run(
            state,
            step(holds.place, "paused", at, about="loans"),
            step(placements.stop, "paused", "every loan of the case is paused", at),
        )
    return holds.release(state, lambda hold: hold.about == "loans", "a loan is to be collected again", at)


WayOut = Literal["promise", "plan", "agency", "in_house", "notice", "self"]


def way_out(state: State) -> WayOut:
    """What most likely brought the money: said with the closing as `via`."""
    if state.plan:
        return "plan"
    if any(promise.case_id == state.case.case_id for promise in state.promises if state.case):
        return "promise"
    if state.placement and state.placement.state == "active":
        return "in_house" if state.placement.in_house else "agency"
    return "notice" if state.case and state.case.proof_id else "self"
