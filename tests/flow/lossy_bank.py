"""A bank that keeps its books and tells what happens, and a wire that loses some of it; all four services listen."""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from schemas.bank import (
    BorrowerRecorded,
    BorrowerSnapshot,
    LoanCured,
    LoanOverdue,
    LoanPaymentReceived,
    LoanSnapshot,
    Phone,
)
from schemas.values import Arrears
from services.assignment.app import service as assignment
from services.assignment.domain.moment import Reference
from services.kit.bus import Bus
from services.kit.clock import ManualClock
from services.notifier.app import service as notifier
from services.notifier.domain.moment import Policy as Rules
from services.reporting.app import service as reporting
from services.rulebook.shelf import load_rulebooks
from services.rulebook.strategy import load_strategy
from services.visits.app import service as visits
from services.visits.domain.panel import Panel, Policy
from tests.flow.town import registry

MORNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # a Monday, 09:00 in Shanghai
ZERO = Decimal("0.00")


def arrears(total: Decimal) -> Arrears:
    return Arrears(principal=total, interest=ZERO, fees=ZERO)


@dataclass
class Account:
    """One loan in the bank's books. `versioned`: its facts carry a contiguous loan_version."""

    loan_id: str
    borrower_id: str
    versioned: bool
    owed: Decimal = ZERO
    since: date | None = None
    version: int = 0

    def next_version(self) -> int | None:
        self.version += 1
        return self.version if self.versioned else None

    def days(self, today: date) -> int:
        return (today - self.since).days if self.since else 0


@dataclass
class LossyBank:
    """Plays days. `lose` names the share of each kind of fact that is never told."""

    seed: int
    borrowers: int
    lose: dict[str, float]
    lost: list = field(default_factory=list)
    told: int = 0

    def __post_init__(self) -> None:
        strategy = load_strategy()
        self.chance = random.Random(self.seed)
        self.clock = ManualClock(MORNING)
        references = {
            "notifier": Rules(load_rulebooks(), strategy),
            "assignment": Reference(strategy, registry()),
            "visits": Panel(Policy.of(strategy), {}),
            "reporting": None,
        }
        services = [notifier(), assignment(), visits(b"k" * 32), reporting()]
        given = {name: (lambda _partition, _now, known=known: known) for name, known in references.items()}
        self.bus = Bus(services, self.clock, given)
        self.payments = 0
        self.accounts = {}
        for number in range(self.borrowers):
            self._meet(f"B-{number}", loans=1 + number % 2)

    def _meet(self, borrower_id: str, loans: int) -> None:
        for n in range(1, loans + 1):
            loan_id = f"L-{borrower_id}-{n}"
            self.accounts[loan_id] = Account(loan_id, borrower_id, versioned=self.chance.random() < 0.5)
        self.bus.publish(
            BorrowerRecorded(
                borrower_id=borrower_id,
                region="CN-GD",
                time_zone="Asia/Shanghai",
                language="zh-CN",
                name="某人",
                phones=(Phone(phone_id=f"T-{borrower_id}", number="+8613800000000", source="contract"),),
                status="active",
                vulnerable=False,
            )
        )

    @property
    def today(self) -> date:
        return (self.clock.now() + timedelta(hours=8)).date()

    # -- a day ----------------------------------------------------------------------------------------------------

    def play_day(self) -> None:
        """Every loan may fall past due, be told of again, be paid in part, or be cured."""
        for account in self.accounts.values():
            self.clock.instant += timedelta(milliseconds=20)
            chance = self.chance.random()
            if not account.owed and chance < 0.4:
                account.since, account.owed = self.today - timedelta(days=self.chance.randint(1, 6)), Decimal(500)
                self._tell("overdue", self._overdue(account))
            elif account.owed and chance < 0.15:
                self._pay(account, account.owed)
            elif account.owed and chance < 0.3:
                self._pay(account, Decimal(50))
            elif account.owed:
                account.owed += Decimal(10)
                self._tell("overdue", self._overdue(account))

    def _pay(self, account: Account, amount: Decimal) -> None:
        amount = min(amount, account.owed)
        account.owed -= amount
        account.since = account.since if account.owed else None
        self.payments += 1
        cures = not account.owed
        kind = "cure" if cures else "payment"
        gone = self.chance.random() < self.lose.get(kind, 0)
        self._tell(kind, self._payment(account, amount), gone)
        if cures:
            cure = LoanCured(loan_id=account.loan_id, borrower_id=account.borrower_id, business_date=self.today)
            self._tell(kind, cure, gone)

    def _overdue(self, account: Account) -> LoanOverdue:
        return LoanOverdue(
            loan_id=account.loan_id,
            borrower_id=account.borrower_id,
            product="consumer_loan",
            currency="CNY",
            business_date=self.today,
            oldest_due_date=account.since,
            days_past_due=account.days(self.today),
            arrears=arrears(account.owed),
            outstanding_principal=Decimal(9000),
            region="CN-GD",
            loan_version=account.next_version(),
        )

    def _payment(self, account: Account, amount: Decimal) -> LoanPaymentReceived:
        return LoanPaymentReceived(
            payment_id=f"PAY-{self.payments}",
            loan_id=account.loan_id,
            borrower_id=account.borrower_id,
            currency="CNY",
            amount=amount,
            value_date=self.today,
            arrears_after=arrears(account.owed),
            days_past_due_after=account.days(self.today),
            loan_version=account.next_version(),
        )

    def _tell(self, kind: str, fact, gone: bool | None = None) -> None:
        self.told += 1
        if self.chance.random() < self.lose.get(kind, 0) if gone is None else gone:
            self.lost.append((self.clock.now(), kind, fact))
        else:
            self.bus.publish(fact)

    # -- the night ------------------------------------------------------------------------------------------------

    def snapshot(self, *, leaving_out: frozenset[str] = frozenset(), day: date | None = None) -> None:
        """Tell of every borrower how all loans stand."""
        self.clock.instant += timedelta(seconds=1)
        shown: dict[str, list[LoanSnapshot]] = {}
        for account in self.accounts.values():
            loans = shown.setdefault(account.borrower_id, [])
            if account.loan_id not in leaving_out:
                loans.append(self._shown(account))
        for borrower_id, loans in shown.items():
            self.bus.publish(
                BorrowerSnapshot(borrower_id=borrower_id, business_date=day or self.today, loans=tuple(loans))
            )

    def _shown(self, account: Account) -> LoanSnapshot:
        return LoanSnapshot(
            loan_id=account.loan_id,
            loan_version=account.version if account.versioned and account.version else None,
            days_past_due=account.days(self.today),
            arrears=arrears(account.owed),
            outstanding_principal=Decimal(9000),
            status="overdue" if account.owed else "current",
        )
