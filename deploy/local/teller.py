"""The bank behind its counter: performs one action after the other on its books and says what happened.

Pure but for its own books: the same actions in the same order give the same books and the same facts, ids included.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from deploy.local.behaviour import Behaviour, behaviours
from deploy.local.books import ZERO, Account, month_after
from deploy.local.portfolio import Borrower, World, portfolio
from schemas.bank import LoanCured, LoanOverdue, LoanPaymentReceived
from schemas.envelope import Fact
from schemas.values import BorrowerStatus

_ABLE = ("Current", "In Grace Period", "Late (16-30 days)", "Late (31-120 days)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What the bank does at an instant. `id` names its cause; `loan_id` is empty where all loans are meant."""

    id: str
    at: datetime
    kind: str
    borrower_id: str
    loan_id: str = ""
    day: date | None = None
    share: Decimal = Decimal(1)
    amount: Decimal | None = None
    reason: str = ""

    @property
    def due_day(self) -> date:
        """The due date that the action is about. Raises ValueError where it is about none."""
        if self.day is None:
            raise ValueError(f"{self.id} names no due date")
        return self.day


class Teller:
    """All books of one world. `paid` and `reversed` are sums over everything, in its one currency."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.borrowers: Mapping[str, Borrower] = {one.borrower_id: one for one in portfolio(world)}
        self.behaviours: Mapping[str, Behaviour] = behaviours(world, tuple(self.borrowers.values()))
        self.accounts: dict[str, Account] = {}
        self.of_borrower: dict[str, list[Account]] = {}
        self.statuses: dict[str, BorrowerStatus] = {}
        self.latest_payment: dict[str, tuple[str, str]] = {}
        self.paid = self.reversed = ZERO
        for one in self.borrowers.values():
            self._open(one)

    def _open(self, one: Borrower) -> None:
        self.of_borrower[one.borrower_id] = [Account.opened(loan, one.borrower_id) for loan in one.loans]
        for account in self.of_borrower[one.borrower_id]:
            account.falls_due_on(self._first_due(account))
            self.accounts[account.loan.loan_id] = account

    def _first_due(self, account: Account) -> date:
        """The first date that matters: the one that will be missed, or was, or simply the next."""
        onset, first = self.onset(account), self.world.first_day
        if onset is not None:
            return onset - timedelta(days=1)
        this_month = first.replace(day=account.loan.due_day)
        return this_month if this_month >= first else month_after(first, account.loan.due_day)

    def onset(self, account: Account) -> date | None:
        """The first day on which this loan is past due; None where it never is."""
        behaviour, one = self.behaviours[account.borrower_id], self.borrowers[account.borrower_id]
        able = sorted(
            (loan for loan in one.loans if loan.standing in _ABLE), key=lambda loan: loan.standing == "Current"
        )
        if behaviour.onset is None or account.loan not in able:
            return None
        number = able.index(account.loan)
        late = number == 0 or behaviour.all_loans
        return self.world.first_day + timedelta(days=behaviour.onset + 2 * number) if late else None

    def loans(self, action: Action) -> list[Account]:
        """The accounts that an action is about."""
        return [self.accounts[action.loan_id]] if action.loan_id else self.of_borrower[action.borrower_id]

    def behind(self, action: Action) -> list[Account]:
        """Those of them with something past due, the oldest first."""
        behind = [account for account in self.loans(action) if account.missed and account.status != "closed"]
        return sorted(behind, key=lambda account: account.missed[0].due_on)

    def today(self, action: Action) -> date:
        """The business date of an action, on the bank's clock."""
        return action.at.astimezone(self.world.zone).date()

    def overdue(self, account: Account, action: Action) -> LoanOverdue:
        """The loan is past due."""
        today = self.today(action)
        return LoanOverdue(
            **named(account),
            product=account.loan.product,
            currency=self.world.currency,
            business_date=today,
            oldest_due_date=account.missed[0].due_on,
            days_past_due=account.days_past_due(today),
            arrears=account.arrears,
            outstanding_principal=account.outstanding,
            region=self.borrowers[account.borrower_id].place.region,
            loan_version=account.next_version(),
            originated_on=account.loan.originated_on,
            instalment_amount=account.instalment,
        )

    def received(self, account: Account, payment_id: str, amount: Decimal, action: Action) -> LoanPaymentReceived:
        """Money arrived."""
        self.paid += amount
        return LoanPaymentReceived(
            **named(account), **self.after(account, action), payment_id=payment_id, amount=amount
        )

    def after(self, account: Account, action: Action) -> dict[str, Any]:
        """What a payment, or its reversal, leaves."""
        today = self.today(action)
        return {
            "currency": self.world.currency,
            "value_date": today,
            "arrears_after": account.arrears,
            "days_past_due_after": account.days_past_due(today),
            "loan_version": account.next_version(),
        }

    def cured(self, account: Account, action: Action) -> Iterator[Fact]:
        """That nothing is past due any more, where it is so."""
        if not account.missed:
            yield LoanCured(**named(account), business_date=self.today(action))


Deal: TypeAlias = Callable[[Teller, Action], Iterator[Fact]]


def named(account: Account) -> dict[str, Any]:
    """What every fact about a loan names."""
    return {"loan_id": account.loan.loan_id, "borrower_id": account.borrower_id}
