"""What a bank and its agencies say, made from a seed: the lives of borrowers, day by day, as plain JSON.

Written without the project's own types: an audit of the system must not rest on the system's language.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from tests.chaos.saying import BANK, BORROWERS, GATEWAY, LOANS, REPORTS, SNAPSHOTS, Data, Saying, money, saying

FIRST_DAY = date(2026, 1, 5)
OPENS = datetime(2026, 1, 4, 22, tzinfo=UTC)
"""When the bank speaks on its first day: 06:00 in China."""

REGIONS = ("CN-GD", "CN-SH", "CN-BJ", "CN-ZJ", "CN-JS", "CN-SC", "CN-HB", "CN-SD")
PRODUCTS = ("micro_loan", "consumer_loan", "credit_card")


@dataclass(slots=True)
class Loan:
    """One loan in the bank's books. Amounts in cents; `paid` the latest payment that can still bounce."""

    loan_id: str
    product: str
    instalment: int
    outstanding: int
    principal: int = 0
    interest: int = 0
    fees: int = 0
    since: date | None = None
    version: int = 0
    paused: bool = False
    over: bool = False
    payments: int = 0
    paid: tuple[str, int] | None = None

    @property
    def due(self) -> int:
        """Cents past due."""
        return self.principal + self.interest + self.fees

    def days(self, today: date) -> int:
        """Days past due."""
        return (today - self.since).days if self.since and self.due else 0

    def arrears(self) -> Data:
        """As events show them."""
        return {"principal": money(self.principal), "interest": money(self.interest), "fees": money(self.fees)}


@dataclass(slots=True)
class Life:
    """One borrower and the loans, moved on by a chance of its own, so that lives do not depend on each other."""

    borrower_id: str
    number: int
    chance: Random
    loans: list[Loan] = field(default_factory=list)
    region: str = ""
    said: int = 0
    known: bool = False

    def __post_init__(self) -> None:
        """One loan or two."""
        self.region = self.chance.choice(REGIONS)
        for n in range(1, self.chance.choice((2, 2, 3))):
            instalment = self.chance.randrange(200_00, 2_000_00)
            loan_id = f"L-{self.borrower_id}-{n}"
            self.loans.append(Loan(loan_id, self.chance.choice(PRODUCTS), instalment, instalment * 12))

    @property
    def over(self) -> bool:
        """Whether there is nothing more to tell."""
        return all(loan.over for loan in self.loans)

    def day(self, today: date, at: datetime, room: int) -> list[Saying]:
        """What the bank says of this borrower on a day: at most `room` events."""
        if not self.known:
            self.known = True
            first = [self._recorded(at, "active")]
            return [*first, *self._overdue(self.loans[0], today, at)] if room > 1 else first
        loan = self.chance.choice([loan for loan in self.loans if not loan.over])
        acts = [act for act in self._acts(loan) if act.events <= room]
        act = self.chance.choices(acts, [a.weight for a in acts])[0]
        return act.do(loan, today, at)

    def _acts(self, loan: Loan) -> list["_Act"]:
        everyone = [_Act(2, 1, self._recorded_again), _Act(8, 1, self._snapshot), _Act(3, 1, self._agency_word)]
        if not loan.due:
            return [*everyone, _Act(60, 1, self._overdue), _Act(20, 1, self._due_soon), _Act(6, 1, self._closed)]
        acts = [*everyone, _Act(100, 1, self._overdue), _Act(25, 1, self._paid_part), _Act(12, 2, self._paid_all)]
        acts += [_Act(2, 1, self._charged_off), _Act(3, 1, self._resumed if loan.paused else self._paused)]
        return [*acts, _Act(40, 1, self._bounced)] if loan.paid else acts

    # -- the bank's own events ----------------------------------------------------------------------------------------

    def _say(self, topic: str, kind: str, at: datetime, data: Data, source: str = BANK) -> list[Saying]:
        self.said += 1
        moment = at + timedelta(milliseconds=self.said)  # no two events of a borrower at the same instant
        id_ = f"{'bank' if source == BANK else 'gate'}-{self.borrower_id}-{self.said}"
        return [saying(topic, self.borrower_id, id_, kind, moment, data, source)]

    def _loan(self, kind: str, loan: Loan, at: datetime, **data: Any) -> list[Saying]:
        return self._say(LOANS, kind, at, {"loan_id": loan.loan_id, "borrower_id": self.borrower_id, **data})

    def _due_soon(self, loan: Loan, today: date, at: datetime) -> list[Saying]:
        about = {"product": loan.product, "currency": "CNY", "business_date": f"{today}"}
        due = {"due_date": f"{today + timedelta(days=3)}", "amount_due": money(loan.instalment)}
        return self._loan("loan.due_soon.v1", loan, at, **about, **due)

    def _overdue(self, loan: Loan, today: date, at: datetime) -> list[Saying]:
        if not loan.due:
            loan.since = today - timedelta(days=self.chance.choice((1, 1, 1, 2, 5, 12)))
            loan.principal, loan.interest, loan.fees = loan.instalment, loan.instalment // 50, 0
        loan.fees += self.chance.choice((0, 0, 5_00))
        loan.version += 1
        about = {"product": loan.product, "currency": "CNY", "business_date": f"{today}", "region": self.region}
        since = {"oldest_due_date": f"{loan.since}", "days_past_due": max(1, loan.days(today))}
        sums = {"arrears": loan.arrears(), "outstanding_principal": money(loan.outstanding)}
        return self._loan("loan.overdue.v1", loan, at, **about, **since, **sums, loan_version=loan.version)

    def _paid_part(self, loan: Loan, today: date, at: datetime) -> list[Saying]:
        return self._paid(loan, self.chance.randrange(1, max(2, loan.due)), today, at)

    def _paid_all(self, loan: Loan, today: date, at: datetime) -> list[Saying]:
        said = self._paid(loan, loan.due, today, at)
        return [*said, *self._loan("loan.cured.v1", loan, at, business_date=f"{today}")]

    def _paid(self, loan: Loan, amount: int, today: date, at: datetime) -> list[Saying]:
        left = amount
        for part in ("fees", "interest", "principal"):
            taken = min(left, getattr(loan, part))
            setattr(loan, part, getattr(loan, part) - taken)
            left -= taken
        loan.payments += 1
        loan.paid = (f"PAY-{loan.loan_id}-{loan.payments}", amount)
        return self._moved("loan.payment_received.v1", loan, loan.paid, today, at)

    def _bounced(self, loan: Loan, today: date, at: datetime) -> list[Saying]:
        assert loan.paid
        bounced, loan.paid = loan.paid, None
        loan.principal += bounced[1]
        return self._moved("loan.payment_reversed.v1", loan, bounced, today, at, reason="bounced")

    def _moved(
        self, kind: str, loan: Loan, payment: tuple[str, int], today: date, at: datetime, **more: str
    ) -> list[Saying]:
        loan.version += 1
        about = {"payment_id": payment[0], "currency": "CNY", "amount": money(payment[1]), "value_date": f"{today}"}
        after = {"arrears_after": loan.arrears(), "days_past_due_after": loan.days(today)}
        return self._loan(kind, loan, at, **about, **after, **more, loan_version=loan.version)

    def _paused(self, loan: Loan, today: date, at: datetime) -> list[Saying]:
        loan.paused = True
        return self._loan("loan.paused.v1", loan, at, from_date=f"{today}", reason="flood")

    def _resumed(self, loan: Loan, today: date, at: datetime) -> list[Saying]:
        loan.paused = False
        return self._loan("loan.resumed.v1", loan, at, from_date=f"{today}", reason="flood")

    def _charged_off(self, loan: Loan, today: date, at: datetime) -> list[Saying]:
        loan.over = True
        amount = {"amount": money(loan.outstanding or loan.due), "currency": "CNY"}
        return self._loan("loan.charged_off.v1", loan, at, business_date=f"{today}", **amount)

    def _closed(self, loan: Loan, today: date, at: datetime) -> list[Saying]:
        loan.over = True
        return self._loan("loan.closed.v1", loan, at, business_date=f"{today}", reason="repaid")

    def _recorded_again(self, _loan: Loan, _today: date, at: datetime) -> list[Saying]:
        return [self._recorded(at, self.chance.choices(("active", "deceased", "bankrupt"), (90, 3, 3))[0])]

    def _recorded(self, at: datetime, status: str) -> Saying:
        phone = {"phone_id": "phone-1", "number": f"+86100{self.number:08}", "source": "contract"}
        email = {"email_id": "email-1", "address": f"b{self.number}@example.com"}
        home = {"address_id": "home-1", "kind": "home", "text": f"虚构路{self.number}号", "source": "contract"}
        data = {
            "borrower_id": self.borrower_id,
            "region": self.region,
            "time_zone": "Asia/Shanghai",
            "language": "zh-CN" if self.number % 4 else "en",
            "name": "某某甲",
            "phones": [phone],
            "emails": [email],
            "addresses": [home],
            "contact_persons": [],
            "status": status,
            "vulnerable": self.number % 40 == 0,
            "consents": [],
        }
        return self._say(BORROWERS, "borrower.recorded.v1", at, data)[0]

    def _snapshot(self, _loan: Loan, today: date, at: datetime) -> list[Saying]:
        loans = [
            {
                "loan_id": loan.loan_id,
                **({"loan_version": loan.version} if loan.version else {}),
                "days_past_due": loan.days(today),
                "arrears": loan.arrears(),
                "outstanding_principal": money(loan.outstanding),
                "status": _status(loan),
            }
            for loan in self.loans
            if not loan.over
        ]
        data = {"borrower_id": self.borrower_id, "business_date": f"{today}", "loans": loans}
        return self._say(SNAPSHOTS, "borrower.snapshot.v1", at, data)

    def _agency_word(self, _loan: Loan, _today: date, at: datetime) -> list[Saying]:
        """An agency's system answers what was never offered, or no longer is."""
        data = {
            "report_id": f"R-{self.borrower_id}-{self.said}",
            "borrower_id": self.borrower_id,
            "agency_id": "A-nobody",
            "placement_id": f"P-{self.borrower_id}-9",
            "declined_at": at.isoformat(),
            "reason": "not ours",
        }
        return self._say(REPORTS, "placement.declined.v1", at, data, GATEWAY)


@dataclass(frozen=True, slots=True)
class _Act:
    """What may happen to a loan on a day: how likely, and how many events it takes."""

    weight: int
    events: int
    do: Callable[[Loan, date, datetime], list[Saying]]


def _status(loan: Loan) -> str:
    if loan.paused:
        return "paused"
    return "overdue" if loan.due else "current"


def sayings(seed: int, events: int, days: int) -> Iterator[list[Saying]]:
    """Day by day, what the bank says: `events` in all, the same for the same seed."""
    lives: list[Life] = []
    left = events
    for number in range(days):
        quota = left // (days - number)
        said = _one_day(seed, lives, number, quota)
        left -= len(said)
        yield said


def _one_day(seed: int, lives: list[Life], number: int, quota: int) -> list[Saying]:
    today, at = FIRST_DAY + timedelta(days=number), OPENS + timedelta(days=number)
    said: list[Saying] = []
    living = [life for life in lives if not life.over]
    turn = (number * 7919) % max(1, len(living))
    for life in living[turn:] + living[:turn]:
        if len(said) >= quota:
            return said
        said += life.day(today, at, quota - len(said))
    while len(said) < quota:
        count = len(lives) + 1
        lives.append(Life(f"B{seed}-{count:06}", count, Random(f"{seed}/{count}")))
        said += lives[-1].day(today, at, quota - len(said))
    return said
