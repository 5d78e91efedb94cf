"""Where a loan stands after a fact of the bank: what is past due, since when, and in which bucket."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from schemas import bank
from schemas.envelope import Fact
from schemas.values import Arrears, LoanStatus
from services.rulebook.word import day_at

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


def positions(fact: Fact, said: datetime) -> Iterator[Position]:
    """The positions that a fact reports, one per loan; none for facts that move no loan.

    said: the time that the fact names, no later than the broker took it; a business day is capped by it likewise.
    """
    match fact:
        case bank.LoanOverdue():
            yield _overdue(fact, day_at(fact.business_date, said))
        case bank.LoanPaymentReceived() | bank.LoanPaymentReversed():
            yield _after_payment(fact, said.date())
        case bank.LoanCured():
            yield Position(fact.loan_id, fact.borrower_id, "current", day_at(fact.business_date, said))
        case bank.LoanRestructured():
            day = day_at(fact.business_date, said)
            yield Position(fact.loan_id, fact.borrower_id, "current", day, currency=fact.currency)
        case bank.LoanClosed():
            yield Position(fact.loan_id, fact.borrower_id, "closed", day_at(fact.business_date, said))
        case bank.LoanChargedOff():
            day = day_at(fact.business_date, said)
            yield Position(fact.loan_id, fact.borrower_id, "charged_off", day, currency=fact.currency)
        case bank.BorrowerSnapshot():
            for loan in fact.loans:
                yield _snapshot(fact, loan, day_at(fact.business_date, said))


def _overdue(fact: bank.LoanOverdue, day: date) -> Position:
    return Position(
        fact.loan_id,
        fact.borrower_id,
        "overdue",
        day,
        day - timedelta(days=fact.days_past_due),
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


def _snapshot(fact: bank.BorrowerSnapshot, loan: bank.LoanSnapshot, day: date) -> Position:
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
        day,
        day - timedelta(days=loan.days_past_due) if left.total else None,
        left.principal,
        left.interest,
        left.fees,
        loan.outstanding_principal,
    )
