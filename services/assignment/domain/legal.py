"""Whether to go to law: recommended when nothing else is left, decided with reasons and the limitation date."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from schemas.cases import LegalNotPursued, LegalRecommended, LegalReferred
from schemas.changing import replace
from schemas.values import Reason
from services.assignment.domain import cases, holds, recommendation
from services.assignment.domain.loans import clock
from services.assignment.domain.moment import Moment, end_of, local_day
from services.assignment.domain.stages import move_stage
from services.assignment.domain.state import ZERO, Case, Legal, Loan, State
from services.assignment.domain.steps import Said, arrears_of, case_loans, days_past_due, numbered, run, step
from services.rulebook.limitation import Limitation

Expiring: TypeAlias = tuple[date, Loan, Limitation]
"""A loan with its limitation clock, and the first day on which its claim is barred."""

LAST_DAY_LEFT = timedelta(days=2)
"""From the day before the last one on which a claim can be enforced to the first on which it is barred."""


def recommend(state: State, why: str, at: Moment) -> Said:
    """Everything short of the court has been tried."""
    case = state.case
    if case is None or case.legal is not None:
        return state, ()
    return run(state, step(_recommend, case, why, at), step(move_stage, "recommended", at))


def recommend_anew(state: State, at: Moment) -> Said:
    """A part was paid: what was recommended on other amounts is withdrawn, and recommended on those that are left."""
    case = state.case
    if case is None or case.legal is None:
        return state, ()
    withdrawn = step(recommendation.withdraw, "a part of what is past due was paid", at)
    return run(state, withdrawn, step(_recommend, case, case.legal.why, at))


def _recommend(state: State, case: Case, why: str, at: Moment) -> Said:
    state, decision_id = numbered(state, "LG")
    decide_by = _decide_by(state, at)
    reason = Reason(rule_id="HOUSE-LEGAL-LAST", force="POLICY", text=f"No other way is left: {why.replace('_', ' ')}.")
    said = LegalRecommended(**_named(state, case, decision_id, (reason,), at), decide_by=decide_by)
    return replace(state, case=replace(case, legal=Legal(decision_id, decide_by, why), seek_at=None)), (said,)


def _decide_by(state: State, at: Moment) -> datetime:
    """After the days that officers have to look at it, but not into the last day on which the claim can be enforced."""
    after_days = at.now + timedelta(days=at.strategy.legal.decide_after_days)
    expires = expires_on(case_loans(state), at.strategy.legal.limitation_years)
    if expires is None or expires <= local_day(at.now, state.time_zone):
        return after_days
    return min(after_days, max(at.now, end_of(expires - LAST_DAY_LEFT, 0, state.time_zone)))


def _named(state: State, case: Case, decision_id: str, reasons: tuple[Reason, ...], at: Moment) -> dict[str, object]:
    loans = case_loans(state)
    return {
        "case_id": case.case_id,
        "borrower_id": state.borrower_id,
        "decision_id": decision_id,
        "loan_ids": tuple(loan.loan_id for loan in loans),
        "currency": case.currency,
        "arrears": arrears_of(loans),
        "days_past_due": days_past_due(loans),
        "reasons": reasons,
        "limitation_expires_on": expires_on(loans, at.strategy.legal.limitation_years),
        "decided_at": at.now,
    }


def expires_on(loans: tuple[Loan, ...], years: int) -> date | None:
    """The first day on which a claim of these loans is barred, by the loan whose period ends first (CN-REC-07)."""
    first = first_to_expire(loans, years)
    return first[0] if first else None


def first_to_expire(loans: tuple[Loan, ...], years: int) -> Expiring | None:
    """The loan whose period ends first, with that day and its clock; None where of none a due day is known."""
    clocks = [(known, loan) for loan in loans if (known := clock(loan, years)) is not None]
    ends = [(known.barred_from, loan, known) for known, loan in clocks if known.barred_from is not None]
    return min(ends, key=lambda each: (each[0], each[1].loan_id), default=None)


def decide_by_rule(state: State, at: Moment) -> Said:
    """Take the decision that is due, unless something agreed or under review stands in its way."""
    legal = state.case.legal if state.case else None
    if legal is None or blocked(state) or legal.decide_by > at.now:
        return state, ()
    pursue, reasons = by_rule(state, at)
    return decide(state, pursue=pursue, reasons=reasons, at=at)


def by_rule(state: State, at: Moment) -> tuple[bool, tuple[Reason, ...]]:
    """Worth it, still enforceable, and not against somebody vulnerable."""
    policy, loans = at.strategy.legal, case_loans(state)
    amount = max(arrears_of(loans).total, sum((loan.outstanding for loan in loans), ZERO))
    first = first_to_expire(loans, policy.limitation_years)
    in_time = first is None or local_day(at.now, state.time_zone) < first[0]
    worth, spared = amount > policy.amount_above, state.vulnerable and not policy.vulnerable_referred
    reasons = (_amount(worth, amount, policy.amount_above), _limitation(in_time, first), _person(spared))
    return worth and in_time and not spared, reasons


def _amount(worth: bool, amount: Decimal, above: Decimal) -> Reason:
    text = f"The claim of {amount} is {'above' if worth else 'not above'} {above}."
    return Reason(rule_id="HOUSE-LEGAL-AMOUNT", force="POLICY", text=text)


def _limitation(in_time: bool, first: Expiring | None) -> Reason:
    until = f"The claim {'can be enforced until' if in_time else 'has been barred since'}"
    text = f"{until} {first[0]}{_counted_from(first)}." if first else f"{until} an unknown day."
    return Reason(rule_id="CN-REC-07", clause="Civil Code 188, 189, 195", text=text)


def _counted_from(first: Expiring) -> str:
    """What the period is counted from, with its evidence."""
    _, loan, known = first
    event = known.restarted_by
    if event is None:
        return f", counted from {known.starts_on} of {loan.loan_id}"
    through = f" by {event.through}" if event.through else ""
    return f", counted from the {event.kind}{through} of {event.on} about {loan.loan_id} (evidence {event.evidence})"


def _person(spared: bool) -> Reason:
    text = "The borrower is vulnerable." if spared else "Nothing about the person speaks against it."
    return Reason(rule_id="HOUSE-LEGAL-VULNERABLE", force="POLICY", text=text)


def decide(state: State, *, pursue: bool, reasons: tuple[Reason, ...], at: Moment) -> Said:
    """Say the decision and close the case by it."""
    case = state.case
    if case is None:
        return state, ()
    state, decision_id = (state, case.legal.decision_id) if case.legal else numbered(state, "LG")
    kind = LegalReferred if pursue else LegalNotPursued
    said = kind(**_named(state, case, decision_id, reasons, at))
    via = case.legal.why if case.legal else "officer"
    state, more = cases.close(state, "legal_referred" if pursue else "legal_not_pursued", via, at)
    return state, (said, *more)


def blocked(state: State) -> bool:
    """True while an agreement or a review stands: going to law waits for it."""
    return any(hold.reason in holds.OF_A_DECISION for hold in state.holds)


def timers(state: State) -> tuple[datetime, ...]:
    """The instant of the decision; none while it has to wait."""
    legal = state.case.legal if state.case else None
    return (legal.decide_by,) if legal and not blocked(state) else ()
