"""Core banking with books of its own: whatever steps are left out, its next word follows from its last one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from schemas import bank
from schemas.envelope import Fact
from schemas.values import Arrears
from tests.sim.dice import Dice
from tests.sim.story import BEGINS, PRODUCTS, Borrower, Step

ZERO = Decimal("0.00")
CENT = Decimal("0.01")
PARTS = ("fees", "interest", "principal")
"""The order in which money pays what is past due."""


@dataclass
class Payment:
    """A payment and how it was split."""

    payment_id: str
    amount: Decimal
    split: dict[str, Decimal]
    taken_back: bool = False


@dataclass
class Loan:
    """A loan as the bank keeps it."""

    loan_id: str
    borrower_id: str
    product: str
    due: dict[str, Decimal]
    outstanding: Decimal
    since: date | None = None
    status: str = "open"
    version: int = 0
    payments: list[Payment] = field(default_factory=list)

    @property
    def total(self) -> Decimal:
        return sum(self.due.values(), ZERO)


def today(now: datetime) -> date:
    """The bank's business day."""
    return (now + timedelta(hours=8)).date()


class Bank:
    """Answers a step with facts; a step that makes no sense as things stand is answered with none."""

    def __init__(self, dice: Dice, borrowers: Sequence[Borrower]) -> None:
        self._dice = dice
        self._people = {b.borrower_id: b for b in borrowers}
        self._status: dict[str, str] = {}
        self._loans: dict[str, Loan] = {}
        self._payments = 0
        self._told: dict[str, Fact] = {}

    def does(self, step: Step, now: datetime) -> list[Fact]:
        """The facts of a step."""
        act = getattr(self, f"_{step.kind}")
        return list(act(step, now))

    def _retell(self, step: Step, now: datetime) -> Iterator[Fact]:
        """The latest word about money on the loan is said again, as another event."""
        if step.loan in self._told:
            yield self._told[step.loan]

    def owed(self, loan_id: str) -> Decimal:
        """What is past due on a loan."""
        return self._loans[loan_id].total if loan_id in self._loans else ZERO

    def overdue_loans(self, borrower_id: str) -> list[str]:
        """The borrower's loans on which something is past due."""
        return [loan.loan_id for loan in self._loans.values() if loan.borrower_id == borrower_id and loan.total]

    def pays(self, loan_id: str, amount: Decimal, now: datetime) -> list[Fact]:
        """Somebody pays an amount."""
        return list(self._paid(self._loans[loan_id], amount, now)) if loan_id in self._loans else []

    # -- steps --------------------------------------------------------------------------------------------------------

    def _record(self, step: Step, now: datetime) -> Iterator[Fact]:
        who = self._people[step.borrower]
        turn = step.size % 7
        self._status[who.borrower_id] = {5: "deceased", 6: "bankrupt"}.get(turn, "active") if step.size else "active"
        yield bank.BorrowerRecorded(
            borrower_id=who.borrower_id,
            region=who.region,
            time_zone="Asia/Urumqi" if turn == 4 else who.time_zone,
            language="zh-CN",
            name="李雷",
            phones=(bank.Phone(phone_id="T-1", number="+8610000000001", source="contract", verified_on=BEGINS.date()),),
            emails=(bank.Email(email_id="M-1", address="li@example.com"),) if turn != 3 else (),
            addresses=(
                bank.Address(address_id="AD-1", kind="home", text="示例路1号", source="contract"),
                bank.Address(address_id="AD-2", kind="registered", text="示例路2号", source="contract"),
            ),
            status=self._status[who.borrower_id],
            vulnerable=who.vulnerable or turn == 2,
            consents=self._consents(who, turn, now),
        )

    def _consents(self, who: Borrower, turn: int, now: datetime) -> tuple[bank.Consent, ...]:
        begun = bank.Consent(consent_id="C-1", kind="channel", channel="email", given_at=BEGINS - timedelta(days=30))
        anew = bank.Consent(consent_id="C-2", kind="channel", given_at=now)
        return (begun, anew) if turn == 1 else (begun,)

    def _due_soon(self, step: Step, now: datetime) -> Iterator[Fact]:
        loan = self._loan(step)
        if loan.total or loan.status != "open":
            return
        yield bank.LoanDueSoon(
            loan_id=loan.loan_id,
            borrower_id=loan.borrower_id,
            product=loan.product,
            currency="CNY",
            due_date=today(now) + timedelta(days=2),
            amount_due=self._instalment(loan),
            business_date=today(now),
        )

    def _overdue(self, step: Step, now: datetime) -> Iterator[Fact]:
        """size 0: an instalment falls due and is not paid; else the daily word on what is past due."""
        loan = self._loan(step)
        if loan.status in ("closed", "charged_off"):
            return
        if not step.size:
            self._falls_due(loan, now)
        if loan.total:
            yield self._says_overdue(loan, now)

    def _grow(self, step: Step, now: datetime) -> Iterator[Fact]:
        loan = self._loan(step)
        if loan.status in ("closed", "charged_off"):
            return
        self._falls_due(loan, now)
        yield self._says_overdue(loan, now)

    def _lose(self, step: Step, now: datetime) -> Iterator[Fact]:
        """An instalment falls due and the word of it never leaves the house; a snapshot tells, sooner or later."""
        loan = self._loan(step)
        if loan.status not in ("closed", "charged_off"):
            self._falls_due(loan, now)
            self._next_version(loan)
        yield from ()

    def _falls_due(self, loan: Loan, now: datetime) -> None:
        loan.due["principal"] += self._instalment(loan)
        loan.due["interest"] += Decimal("11.07")
        loan.since = loan.since or today(now) - timedelta(days=1)

    def _pay(self, step: Step, now: datetime) -> Iterator[Fact]:
        loan = self._loan(step)
        yield from self._paid(loan, (loan.total * step.size / 100).quantize(CENT) or Decimal("7.31"), now)

    def _pay_all(self, step: Step, now: datetime) -> Iterator[Fact]:
        loan = self._loan(step)
        yield from self._paid(loan, loan.total or Decimal("5.00"), now)

    def _paid(self, loan: Loan, amount: Decimal, now: datetime) -> Iterator[Fact]:
        if loan.status == "closed":
            return
        was_due = bool(loan.total)
        self._payments += 1
        payment = Payment(f"PAY-{self._payments}", amount, self._split(loan, amount))
        loan.payments.append(payment)
        for part, share in payment.split.items():
            loan.due[part] -= share
        loan.outstanding = max(ZERO, loan.outstanding - payment.split["principal"])
        yield self._tell(bank.LoanPaymentReceived(**self._money(loan, payment, now, self._payments % 4)))
        if was_due and not loan.total:
            loan.since = None
            if self._dice.throw("cured", payment.payment_id) < 0.8:
                yield self._says_cured(loan, now)

    def _split(self, loan: Loan, amount: Decimal) -> dict[str, Decimal]:
        split = {}
        for part in PARTS:
            split[part] = min(amount, loan.due[part])
            amount -= split[part]
        return split

    def _reverse(self, step: Step, now: datetime) -> Iterator[Fact]:
        loan = self._loan(step)
        payment = next((p for p in reversed(loan.payments) if not p.taken_back), None)
        if payment is None or loan.status == "closed":
            return
        payment.taken_back = True
        for part, share in payment.split.items():
            loan.due[part] += share
        loan.outstanding += payment.split["principal"]
        if loan.total:
            loan.since = loan.since or today(now) - timedelta(days=9)
        yield self._tell(bank.LoanPaymentReversed(**self._money(loan, payment, now, 0), reason="returned"))

    def _cure(self, step: Step, now: datetime) -> Iterator[Fact]:
        loan = self._loan(step)
        if loan.total:
            self._clears(loan)
            yield self._says_cured(loan, now)

    def _pause(self, step: Step, now: datetime) -> Iterator[Fact]:
        loan = self._loan(step)
        if loan.status == "open":
            loan.status = "paused"
            until = today(now) + timedelta(days=step.size % 9) if step.size % 2 else None
            yield bank.LoanPaused(**self._named(loan), from_date=today(now), until_date=until, reason="agreed")

    def _resume(self, step: Step, now: datetime) -> Iterator[Fact]:
        loan = self._loan(step)
        if loan.status == "paused":
            loan.status = "open"
            yield bank.LoanResumed(**self._named(loan), from_date=today(now), reason="agreed")

    def _restructure(self, step: Step, now: datetime) -> Iterator[Fact]:
        loan = self._loan(step)
        if loan.total and loan.status == "open":
            self._clears(loan)
            yield bank.LoanRestructured(
                **self._named(loan),
                business_date=today(now),
                new_instalment_amount=Decimal("250.00"),
                first_due_date=today(now) + timedelta(days=20),
                instalments=12,
                currency="CNY",
            )

    def _charge_off(self, step: Step, now: datetime) -> Iterator[Fact]:
        loan = self._loan(step)
        if loan.total and loan.status == "open":
            loan.status = "charged_off"
            amount = loan.outstanding + loan.total
            yield bank.LoanChargedOff(**self._named(loan), business_date=today(now), amount=amount, currency="CNY")

    def _close(self, step: Step, now: datetime) -> Iterator[Fact]:
        loan = self._loan(step)
        if loan.status != "closed":
            self._clears(loan)
            loan.status = "closed"
            yield bank.LoanClosed(**self._named(loan), business_date=today(now), reason="repaid")

    def _snapshot(self, step: Step, now: datetime) -> Iterator[Fact]:
        loans = [loan for loan in self._loans.values() if loan.borrower_id == step.borrower]
        shown = tuple(self._shown(loan, now) for loan in loans)
        yield bank.BorrowerSnapshot(borrower_id=step.borrower, business_date=today(now), loans=shown)

    def _shown(self, loan: Loan, now: datetime) -> bank.LoanSnapshot:
        status = "overdue" if loan.status == "open" and loan.total else "current" if loan.status == "open" else ""
        return bank.LoanSnapshot(
            loan_id=loan.loan_id,
            loan_version=loan.version or None,
            days_past_due=self._days(loan, now),
            arrears=Arrears(**loan.due),
            outstanding_principal=loan.outstanding,
            status=status or loan.status,
        )

    # -- words --------------------------------------------------------------------------------------------------------

    def _loan(self, step: Step) -> Loan:
        found = self._loans.get(step.loan)
        if found is None:
            product = self._dice.pick(PRODUCTS, "product", step.loan)
            outstanding = Decimal(self._dice.within(2_000, 60_000, "outstanding", step.loan)) + CENT
            found = Loan(step.loan, step.borrower, product, dict.fromkeys(PARTS, ZERO), outstanding)
            self._loans[step.loan] = found
        return found

    def _instalment(self, loan: Loan) -> Decimal:
        return Decimal(self._dice.within(40_000, 900_000, "instalment", loan.loan_id)) * CENT

    def _clears(self, loan: Loan) -> None:
        loan.due, loan.since = dict.fromkeys(PARTS, ZERO), None

    def _named(self, loan: Loan) -> dict[str, str]:
        return {"loan_id": loan.loan_id, "borrower_id": loan.borrower_id}

    def _days(self, loan: Loan, now: datetime) -> int:
        return max(1, (today(now) - loan.since).days) if loan.since and loan.total else 0

    def _next_version(self, loan: Loan) -> int | None:
        if not self._people[loan.borrower_id].versions:
            return None
        loan.version += 1
        return loan.version

    def _says_overdue(self, loan: Loan, now: datetime) -> Fact:
        return bank.LoanOverdue(
            **self._named(loan),
            product=loan.product,
            currency="CNY",
            business_date=today(now),
            oldest_due_date=loan.since or today(now),
            days_past_due=self._days(loan, now),
            arrears=Arrears(**loan.due),
            outstanding_principal=loan.outstanding,
            region=self._people[loan.borrower_id].region,
            loan_version=self._next_version(loan),
        )

    def _tell(self, fact: bank.LoanPaymentReceived | bank.LoanPaymentReversed) -> Fact:
        self._told[fact.loan_id] = fact
        return fact

    def _says_cured(self, loan: Loan, now: datetime) -> Fact:
        return bank.LoanCured(**self._named(loan), business_date=today(now))

    def _money(self, loan: Loan, payment: Payment, now: datetime, days_back: int) -> dict[str, object]:
        return {
            **self._named(loan),
            "payment_id": payment.payment_id,
            "currency": "CNY",
            "amount": payment.amount,
            "value_date": today(now) - timedelta(days=days_back if days_back == 3 else 0),
            "arrears_after": Arrears(**loan.due),
            "days_past_due_after": self._days(loan, now),
            "loan_version": self._next_version(loan),
        }


def instant(day: date, hour: int) -> datetime:
    """An hour of a business day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour - 8)
