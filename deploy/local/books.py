"""The bank's own books: what is owed on each loan, to the cent, and where each payment went.

Instalments are split into interest and principal by the loan's real rate; a missed one adds a late fee. Payments fill
the oldest instalment first and in it fees, interest, principal (Civil Code 561). No clock, no Kafka, no luck.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from deploy.local.portfolio import Loan
from schemas.values import Arrears, LoanStatus

CENT, ZERO = Decimal("0.01"), Decimal(0)
LATE_FEE_SHARE = Decimal("0.02")
MONTHS_A_YEAR_IN_PERCENT = 1200
LAST_DUE_DAY = 28  # a day that every month has


def cents(amount: Decimal) -> Decimal:
    """The amount to the cent, half to even."""
    return amount.quantize(CENT, ROUND_HALF_EVEN)


def month_after(day: date, due_day: int) -> date:
    """The due day of the month after."""
    first = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return first.replace(day=due_day)


@dataclass(frozen=True, slots=True)
class Due:
    """An instalment, or what is left of it, by component."""

    due_on: date
    fees: Decimal
    interest: Decimal
    principal: Decimal

    @property
    def total(self) -> Decimal:
        """Sum of the components."""
        return self.fees + self.interest + self.principal

    def filled(self, amount: Decimal) -> "Due":
        """The part of this instalment that the amount covers: fees first, then interest, then principal."""
        fees = min(amount, self.fees)
        interest = min(amount - fees, self.interest)
        return replace(self, fees=fees, interest=interest, principal=min(amount - fees - interest, self.principal))

    def less(self, part: "Due") -> "Due":
        """What is left when a part is paid."""
        return replace(
            self,
            fees=self.fees - part.fees,
            interest=self.interest - part.interest,
            principal=self.principal - part.principal,
        )

    def plus(self, part: "Due") -> "Due":
        """What is owed again when a part is taken back."""
        return replace(
            self,
            fees=self.fees + part.fees,
            interest=self.interest + part.interest,
            principal=self.principal + part.principal,
        )


@dataclass(slots=True)
class Account:
    """One loan in the books. `missed` are the instalments past due, the oldest first; `rests` while a plan is kept."""

    loan: Loan
    borrower_id: str
    outstanding: Decimal
    instalment: Decimal
    status: LoanStatus = "current"
    missed: tuple[Due, ...] = ()
    next_due: date = date.max
    due_day: int = 1
    version: int = 0
    rests: bool = False
    payments: dict[str, tuple[Due, ...]] = field(default_factory=dict)

    @classmethod
    def opened(cls, loan: Loan, borrower_id: str) -> "Account":
        """The account as it stands when the play begins."""
        began: LoanStatus = {"Fully Paid": "closed", "Charged Off": "charged_off"}.get(loan.standing, "current")  # type: ignore[assignment]
        return cls(loan, borrower_id, loan.outstanding, loan.instalment, began, due_day=loan.due_day)

    def falls_due_on(self, day: date) -> None:
        """The next instalment falls due on this day, and those that follow on the same day of each month."""
        self.next_due, self.due_day = day, min(day.day, LAST_DUE_DAY)

    def move_on(self, day: date) -> None:
        """The instalment of this day is settled or missed; the next one is a month later."""
        self.next_due = month_after(day, self.due_day)

    @property
    def live(self) -> bool:
        """Whether instalments fall due and arrears are collected."""
        return self.status in ("current", "overdue")

    @property
    def arrears(self) -> Arrears:
        """What is past due, by component."""
        return Arrears(
            principal=_money(sum((due.principal for due in self.missed), ZERO)),
            interest=_money(sum((due.interest for due in self.missed), ZERO)),
            fees=_money(sum((due.fees for due in self.missed), ZERO)),
        )

    def days_past_due(self, today: date) -> int:
        """Days since the oldest missed instalment fell due; 0 where none is."""
        return max(0, (today - self.missed[0].due_on).days) if self.missed else 0

    def falling_due(self, day: date) -> Due:
        """The instalment that falls due on this day."""
        base = self.outstanding - sum((due.principal for due in self.missed), ZERO)
        interest = cents(base * self.loan.rate / MONTHS_A_YEAR_IN_PERCENT)
        return Due(day, _money(ZERO), interest, max(_money(ZERO), min(self.instalment - interest, base)))

    def miss(self, day: date) -> None:
        """The instalment of this day was not paid: it is past due, with its late fee."""
        due = self.falling_due(day)
        self.missed = (*self.missed, replace(due, fees=cents(due.total * LATE_FEE_SHARE)))
        self.status = "overdue" if self.status == "current" else self.status

    def debit(self, day: date, payment_id: str) -> Decimal:
        """The instalment of this day was paid as agreed; return how much."""
        due = self.falling_due(day)
        self.outstanding -= due.principal
        self.payments[payment_id] = (due,)
        return due.total

    def pay(self, payment_id: str, amount: Decimal) -> Decimal:
        """Take a payment on the arrears; return how much of it was needed."""
        parts = tuple(self._filled(amount))
        self.payments[payment_id] = parts
        self._settle({part.due_on: part for part in parts})
        return sum((part.total for part in parts), ZERO)

    def _filled(self, amount: Decimal) -> Iterator[Due]:
        for due in self.missed:
            part = due.filled(amount)
            amount -= part.total
            if part.total:
                yield part

    def _settle(self, parts: dict[date, Due]) -> None:
        self.outstanding -= sum((part.principal for part in parts.values()), ZERO)
        left = (due.less(parts[due.due_on]) if due.due_on in parts else due for due in self.missed)
        self.missed = tuple(due for due in left if due.total)
        self._mend()

    def reverse(self, payment_id: str) -> Decimal:
        """Take a payment back, so that what it had filled is owed again; return how much it was."""
        parts = self.payments.pop(payment_id)
        open_again = {due.due_on: due for due in self.missed}
        for part in parts:
            open_again[part.due_on] = open_again[part.due_on].plus(part) if part.due_on in open_again else part
        self.missed = tuple(open_again[day] for day in sorted(open_again))
        self.outstanding += sum((part.principal for part in parts), ZERO)
        self.status = "overdue" if self.status == "current" else self.status
        return sum((part.total for part in parts), ZERO)

    def forgive(self) -> None:
        """Nothing is past due any more: what was, is added to what is owed later, or was never owed."""
        self.missed = ()
        self._mend()

    def end(self, status: LoanStatus) -> None:
        """The loan is closed, or written off."""
        self.status = status
        if status == "closed":
            self.missed, self.outstanding = (), _money(ZERO)

    def pause(self) -> None:
        """Nothing falls due and nothing is collected for a while."""
        self.status = "paused"

    def resume(self) -> None:
        """The pause is over."""
        self.status = "overdue" if self.missed else "current"

    def next_version(self) -> int:
        """Count the facts that carry a version."""
        self.version += 1
        return self.version

    def _mend(self) -> None:
        if self.status == "overdue" and not self.missed:
            self.status = "current"


def _money(amount: Decimal) -> Decimal:
    return amount.quantize(CENT)
