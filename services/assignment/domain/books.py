"""Core banking's word on loans beyond money: cured, closed, charged off, paused, and the snapshot that repairs."""

from dataclasses import replace
from datetime import date, timedelta

from schemas.bank import BorrowerSnapshot, LoanChargedOff, LoanClosed, LoanSnapshot
from schemas.cases import LoanRepaired
from schemas.values import Arrears, CaseOutcome
from services.assignment.domain import cases, loans
from services.assignment.domain.moment import Moment
from services.assignment.domain.state import NO_CASE, ZERO, Loan, State
from services.assignment.domain.steps import Said, loan_of, run, step, with_loan

CURRENCY_OF = {"CN": "CNY", "US": "USD", "IN": "INR", "GB": "GBP"}
"""The currency of a loan of which nothing but a snapshot was ever heard, by the borrower's country."""


def cured(state: State, loan_id: str, day: date, at: Moment) -> Said:
    """Nothing is past due on this loan any more."""
    way = cases.way_out(state)
    return run(
        loans.cured(state, loan_id, day),
        step(cases.close_if_nothing_due, "cured", way, at),
        step(cases.put_right, at),
    )


def closed(state: State, told: LoanClosed, at: Moment) -> Said:
    """The loan has ended."""
    state = loans.closed(state, told.loan_id, told.business_date)
    return cases.close_if_nothing_due(state, "repaid", told.reason, at)


def charged_off(state: State, told: LoanChargedOff, at: Moment) -> Said:
    """The loan is written off: the last overdue one ends the case."""
    state = loans.charged_off(state, told.loan_id, told.business_date)
    return cases.close_if_nothing_due(state, "charged_off", "charged off", at)


def reconcile(state: State, told: BorrowerSnapshot, at: Moment) -> Said:
    """Follow what the snapshot says where it differs and is not older than what is known, and say each repair."""
    said: list[LoanRepaired] = []
    outcome: CaseOutcome = "cured"
    for shown in _with_missing(state, told):
        known = loan_of(state, shown.loan_id)
        found = _difference(known, shown, told.business_date)
        if found:
            state = with_loan(state, _followed(state, known, shown, told.business_date))
            said.append(_repaired(state, shown.loan_id, found, told.business_date))
            outcome = _OUTCOME.get(shown.status, outcome)
    if not said:
        return state, ()
    state, more = cases.close_if_nothing_due(state, outcome, "snapshot", at)
    return state, (*said, *more)


_OUTCOME: dict[str, CaseOutcome] = {"closed": "repaid", "charged_off": "charged_off"}


def _with_missing(state: State, told: BorrowerSnapshot) -> tuple[LoanSnapshot, ...]:
    """The loans shown, and as closed those that are known here and that core banking does not have."""
    named = {shown.loan_id for shown in told.loans}
    gone = tuple(loan for loan in state.loans if loan.loan_id not in named and loan.status != "closed")
    return (*told.loans, *(_gone(loan.loan_id) for loan in gone))


def _gone(loan_id: str) -> LoanSnapshot:
    nothing = Arrears(principal=ZERO, interest=ZERO, fees=ZERO)
    return LoanSnapshot(loan_id=loan_id, days_past_due=0, arrears=nothing, outstanding_principal=ZERO, status="closed")


def _difference(known: Loan | None, shown: LoanSnapshot, day: date) -> str:
    if known is None:
        return "overdue, but never told" if shown.arrears.total > 0 and shown.status == "overdue" else ""
    if _older(known, shown, day):
        return ""
    before = (known.principal, known.interest, known.fees, known.status)
    after = (shown.arrears.principal, shown.arrears.interest, shown.arrears.fees, _shown(shown))
    if before == after:
        return ""
    return f"{known.status} with {known.arrears} past due became {_shown(shown)} with {shown.arrears.total}"


def _older(known: Loan, shown: LoanSnapshot, day: date) -> bool:
    """By version where both have one. Else only a later day counts: facts of the same day may still be on their way."""
    if known.version and shown.loan_version:
        return shown.loan_version < known.version
    return known.as_of is not None and day <= known.as_of


def _shown(shown: LoanSnapshot) -> str:
    return "open" if shown.status in {"current", "overdue"} else shown.status


def _followed(state: State, known: Loan | None, shown: LoanSnapshot, day: date) -> Loan:
    loan = known or Loan(
        shown.loan_id, currency=CURRENCY_OF.get(state.region[:2], "CNY"), region=state.region, as_of=day
    )
    status = shown.status if shown.status in {"paused", "charged_off", "closed"} else "open"
    oldest = day - timedelta(days=shown.days_past_due) if shown.arrears.total > 0 else None
    return replace(
        loan,
        principal=shown.arrears.principal,
        interest=shown.arrears.interest,
        fees=shown.arrears.fees,
        outstanding=shown.outstanding_principal,
        days_past_due=shown.days_past_due,
        oldest_due=oldest,
        as_of=day,
        version=max(loan.version, shown.loan_version or 0),
        status=status,
        settled=loan.settled if shown.arrears.total > 0 else None,
    )


def _repaired(state: State, loan_id: str, found: str, day: date) -> LoanRepaired:
    return LoanRepaired(
        case_id=state.case.case_id if state.case else NO_CASE,
        borrower_id=state.borrower_id,
        loan_id=loan_id,
        found=found,
        business_date=day,
    )
