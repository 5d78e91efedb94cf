"""Where a loan stands after a fact of the bank: what is past due, since when, and in which bucket."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from schemas import bank
from schemas.envelope import Fact
from schemas.values import Arrears, LoanStatus

BUCKET_DAYS = (1, 31, 61, 91)
"""First day past due of M1, M2, M3 and M4; M0 is not past due. The trade's bands: 1-30, 31-60, 61-90, 91+."""
BUCKETS = ("M0", "M1", "M2", "M3", "M4")
NOTHING = Decimal(0)

State = Literal["current", "overdue", "closed", "charged_off"]
_STATES: dict[LoanStatus, State | None] = {
    "current": "current",
    "overdue": "overdue",
    "paused": None,
    "charged_off": "charged_off",
    "closed": "closed",
}


@dataclass(frozen=True, slots=True)
class Position:
    """One loan after one fact. Amounts in `currency`, which only some facts name."""

    loan_id: str
    borrower_id: str
    state: State
    business_date: date
    oldest_due_on: date | None = None
    principal: Decimal = NOTHING
    interest: Decimal = NOTHING
    fees: Decimal = NOTHING
    outstanding: Decimal | None = None
    currency: str | None = None
    product: str | None = None
    region: str | None = None

    @property
    def arrears(self) -> Decimal:
        """What is past due in all."""
        return self.principal + self.interest + self.fees


def bucket(days_past_due: int) -> str:
    """The band that days past due belong to."""
    return BUCKETS[sum(days_past_due >= first for first in BUCKET_DAYS)]


def positions(fact: Fact, valid: datetime) -> Iterator[Position]:
    """The positions that a fact reports, one per loan; none for facts that move no loan."""
    match fact:
        case bank.LoanOverdue():
            yield _overdue(fact)
        case bank.LoanPaymentReceived() | bank.LoanPaymentReversed():
            yield _after_payment(fact, valid.date())
        case bank.LoanCured():
            yield Position(fact.loan_id, fact.borrower_id, "current", fact.business_date)
        case bank.LoanRestructured():
            yield Position(fact.loan_id, fact.borrower_id, "current", fact.business_date, currency=fact.currency)
        case bank.LoanClosed():
            yield Position(fact.loan_id, fact.borrower_id, "closed", fact.business_date)
        case bank.LoanChargedOff():
            yield Position(fact.loan_id, fact.borrower_id, "charged_off", fact.business_date, currency=fact.currency)
        case bank.BorrowerSnapshot():
            for loan in fact.loans:
                yield _snapshot(fact, loan)


def _overdue(fact: bank.LoanOverdue) -> Position:
    return Position(
        fact.loan_id,
        fact.borrower_id,
        "overdue",
        fact.business_date,
        fact.business_date - timedelta(days=fact.days_past_due),
        fact.arrears.principal,
        fact.arrears.interest,
        fact.arrears.fees,
        fact.outstanding_principal,
        fact.currency,
        fact.product,
        fact.region,
    )


def _after_payment(fact: bank.LoanPaymentReceived | bank.LoanPaymentReversed, day: date) -> Position:
    left = fact.arrears_after
    return Position(
        fact.loan_id,
        fact.borrower_id,
        "overdue" if left.total else "current",
        day,
        day - timedelta(days=fact.days_past_due_after) if left.total else None,
        left.principal,
        left.interest,
        left.fees,
        currency=fact.currency,
    )


def _snapshot(fact: bank.BorrowerSnapshot, loan: bank.LoanSnapshot) -> Position:
    state = _STATES[loan.status] or ("overdue" if loan.arrears.total else "current")
    left = (
        loan.arrears
        if state == "overdue"
        else Arrears.model_construct(principal=NOTHING, interest=NOTHING, fees=NOTHING)
    )
    return Position(
        loan.loan_id,
        fact.borrower_id,
        state,
        fact.business_date,
        fact.business_date - timedelta(days=loan.days_past_due) if left.total else None,
        left.principal,
        left.interest,
        left.fees,
        loan.outstanding_principal,
    )
