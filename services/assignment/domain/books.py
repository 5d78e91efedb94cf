"""Core banking's word on loans beyond money: cured, closed, charged off."""

from datetime import date

from schemas.bank import LoanChargedOff, LoanClosed
from services.assignment.domain import cases, loans
from services.assignment.domain.moment import Moment
from services.assignment.domain.state import State
from services.assignment.domain.steps import Said, run, step


def cured(state: State, loan_id: str, day: date, at: Moment) -> Said:
    """Nothing is past due on this loan any more."""
    way = cases.way_out(state)
    return run(
        loans.cured(state, loan_id, day, at.happened),
        step(cases.close_if_nothing_due, "cured", way, at),
        step(cases.put_right, at),
    )


def closed(state: State, told: LoanClosed, at: Moment) -> Said:
    """The loan has ended."""
    state = loans.closed(state, told.loan_id, told.business_date, at.happened)
    return cases.close_if_nothing_due(state, "repaid", told.reason, at)


def charged_off(state: State, told: LoanChargedOff, at: Moment) -> Said:
    """The loan is written off: the last overdue one ends the case."""
    state = loans.charged_off(state, told.loan_id, told.business_date, at.happened)
    return cases.close_if_nothing_due(state, "charged_off", "charged off", at)
