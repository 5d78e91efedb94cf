"""What may be promised: from today until the strategy's horizon, and no more than is owed and its allowance."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from services.notifier.domain.asking import today
from services.notifier.domain.moment import NeverPossible
from services.notifier.domain.outcomes import Answered
from services.notifier.domain.state import ZERO, Borrower, Loan
from services.rulebook.strategy import Promise

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Limits:
    """The days and the most, in one currency, between which a promise lies; all of them may still be promised."""

    first: date
    last: date
    most: Decimal

    def beyond(self, on: date | None, amount: Decimal | None) -> tuple[str, ...]:
        """Which of `day` and `most` a promise does not keep."""
        days = on is not None and not self.first <= on <= self.last
        much = amount is not None and amount > self.most
        return (*(("day",) if days else ()), *(("most",) if much else ()))


def limits(state: Borrower, currency: str | None, policy: Promise, now: datetime) -> Limits:
    """What this borrower may promise in a currency at an instant, by their own calendar."""
    first = today(state, now)
    owed = sum((_owed(loan) for loan in state.loans if loan.currency == currency), ZERO)
    most = (owed * (100 + policy.above_owed_percent) / 100).quantize(CENT, ROUND_DOWN)
    return Limits(first, first + timedelta(days=policy.ahead_days_max), most)


def check(state: Borrower, given: Answered, policy: Promise, now: datetime) -> None:
    """Raises NeverPossible where a promise names a day or an amount that cannot be promised."""
    may = limits(state, given.currency, policy, now)
    beyond = may.beyond(given.promised_on, given.amount if given.answer == "promise" else None)
    if "day" in beyond:
        raise NeverPossible(f"a promise is for a day from {may.first} to {may.last}")
    if beyond:
        raise NeverPossible(f"a promise is for no more than is owed: at most {may.most} {given.currency}")


def _owed(loan: Loan) -> Decimal:
    """What is past due, be it under a pause, and what falls due soon."""
    soon = loan.due_soon.amount if loan.due_soon and loan.standing == "due_soon" else ZERO
    return loan.arrears.total + soon
