"""A tiny service to drive the kit with: counts what a borrower's loans do, and says so. Stands in for notifier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text

from schemas.bank import BorrowerRecorded, LoanChargedOff, LoanCured, LoanDueSoon, LoanOverdue, LoanPaymentReceived
from schemas.cases import CaseOpened
from schemas.contacts import ContactStopRequested
from schemas.envelope import Event, Fact
from schemas.topics import BORROWERS, CASES, CONTACTS, CONTROL, LOANS
from schemas.values import Arrears, Sealed
from services.kit.service import Change, Context, Origin, Put, Reaction, Refused, Service, Write

NAME = CONTACTS.owner
metadata = MetaData()
sayings = Table(
    "sayings", metadata, Column("request_id", Text, primary_key=True), Column("borrower_id", Text), Column("note", Text)
)
reads = Table(
    "reads",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("event_id", Text),
    Column("amount", Integer),
)
POISON = Decimal("666.00")
UNSTORABLE = Decimal("777.00")


@dataclass(frozen=True, slots=True)
class Phone:
    phone_id: str
    number: Sealed | None = None


@dataclass(frozen=True, slots=True)
class Count:
    borrower_id: str
    overdue: int = 0
    paid: Decimal = Decimal("0.00")
    said: int = 0
    ticks: int = 0
    due: datetime | None = None
    stuck: bool = False
    name_sealed: str = ""
    name_key: str = ""
    phones: int = 0


def say(count: Count, context: Context[Any]) -> Reaction[Count]:
    number = count.said + 1
    said = ContactStopRequested(
        request_id=f"R-{count.borrower_id}-{number}",
        borrower_id=count.borrower_id,
        requested_at=context.now,
        via="officer",
    )
    return replace(count, said=number), [said]


def on_overdue(count: Count, fact: LoanOverdue, context: Context[Any]) -> Reaction[Count]:
    if fact.outstanding_principal == POISON:
        raise RuntimeError("indigestible")
    return say(replace(count, overdue=count.overdue + 1), context)


def on_paid(count: Count, fact: LoanPaymentReceived, _context: Context[Any]) -> Reaction[Count]:
    return replace(count, paid=count.paid + fact.amount), ()


def on_due_soon(count: Count, fact: LoanDueSoon, context: Context[Any]) -> Reaction[Count]:
    return replace(count, due=context.now + timedelta(days=(fact.due_date - fact.business_date).days)), ()


def on_cured(count: Count, _fact: LoanCured, _context: Context[Any]) -> Reaction[Count]:
    return replace(count, due=None), ()


def on_charged_off(count: Count, _fact: LoanChargedOff, context: Context[Any]) -> Reaction[Count]:
    return replace(count, stuck=True, due=context.now), ()


def on_recorded(count: Count, fact: BorrowerRecorded, _context: Context[Any]) -> Reaction[Count]:
    assert isinstance(fact.name, Sealed)
    assert not isinstance(fact.phones, Sealed)
    return replace(count, name_sealed=fact.name.sealed, name_key=fact.name.key, phones=len(fact.phones)), ()


def on_case(count: Count, _fact: CaseOpened, _context: Context[Any]) -> Reaction[Count]:
    return replace(count, paid=count.paid + 1), ()


def tick(count: Count, context: Context[Any]) -> Reaction[Count]:
    if count.stuck:
        return count, ()
    return say(replace(count, ticks=count.ticks + 1, due=None), context)


def project(event: Event[Fact]) -> Sequence[Write]:
    fact = event.data
    assert isinstance(fact, ContactStopRequested)
    return [
        Put(sayings, {"request_id": fact.request_id, "borrower_id": fact.borrower_id, "note": None}),
        Change(sayings, {"request_id": fact.request_id}, {"note": "changed"}),
    ]


def record(event: Event[Fact], origin: Origin) -> Sequence[Write]:
    amount = 1
    if isinstance(event.data, LoanPaymentReceived) and event.data.amount == UNSTORABLE:
        amount = 10**12  # the column is four bytes wide: the database refuses it
    row = {"topic": origin.topic, "partition": origin.partition, "position": origin.offset, "event_id": event.id}
    return [Put(reads, {**row, "amount": amount})]


def stop(count: Count, context: Context[Any]) -> Reaction[Count]:
    if count.said >= 100:
        raise Refused("enough")
    return say(count, context)


def fresh(borrower_id: str) -> Count:
    return Count(borrower_id)


def next_at(count: Count) -> datetime | None:
    return count.due


def reference(_db: Connection, partitions: Sequence[int], _now: datetime) -> Mapping[int, None]:
    return dict.fromkeys(partitions)


COUNTER: Service[Count, None] = Service(
    name=NAME,
    reads=(LOANS, BORROWERS, CASES, CONTROL),
    state=Count,
    fresh=fresh,
    handlers={
        LoanOverdue: on_overdue,
        LoanPaymentReceived: on_paid,
        LoanDueSoon: on_due_soon,
        LoanCured: on_cured,
        LoanChargedOff: on_charged_off,
        BorrowerRecorded: on_recorded,
        CaseOpened: on_case,
    },
    tick=tick,
    next_at=next_at,
    reference=reference,
    metadata=metadata,
    project=project,
    record=record,
    opens=frozenset({"name", "phones"}),
)

MONDAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def overdue(borrower_id: str = "B-1", **changes: Any) -> LoanOverdue:
    values: dict[str, Any] = {
        "loan_id": f"L-{borrower_id}",
        "borrower_id": borrower_id,
        "product": "consumer_loan",
        "currency": "CNY",
        "business_date": date(2026, 1, 5),
        "oldest_due_date": date(2026, 1, 4),
        "days_past_due": 1,
        "arrears": Arrears(principal="100.00", interest="1.00", fees="0.00"),  # type: ignore[arg-type]
        "outstanding_principal": Decimal("900.00"),
        "region": "CN-GD",
    }
    return LoanOverdue(**{**values, **changes})


def poison(borrower_id: str = "B-1") -> LoanOverdue:
    return overdue(borrower_id, outstanding_principal=POISON)


def paid(borrower_id: str = "B-1", amount: Decimal = Decimal("10.00")) -> LoanPaymentReceived:
    return LoanPaymentReceived(
        payment_id=f"P-{borrower_id}",
        loan_id=f"L-{borrower_id}",
        borrower_id=borrower_id,
        currency="CNY",
        amount=amount,
        value_date=date(2026, 1, 5),
        arrears_after=Arrears(principal="0.00", interest="0.00", fees="0.00"),  # type: ignore[arg-type]
        days_past_due_after=0,
    )


def due_soon(borrower_id: str = "B-1", days: int = 3) -> LoanDueSoon:
    return LoanDueSoon(
        loan_id=f"L-{borrower_id}",
        borrower_id=borrower_id,
        product="consumer_loan",
        currency="CNY",
        due_date=date(2026, 1, 5) + timedelta(days=days),
        amount_due=Decimal("101.00"),
        business_date=date(2026, 1, 5),
    )


def charged_off(borrower_id: str = "B-1") -> LoanChargedOff:
    return LoanChargedOff(
        loan_id=f"L-{borrower_id}",
        borrower_id=borrower_id,
        business_date=date(2026, 1, 5),
        amount=Decimal("900.00"),
        currency="CNY",
    )


def recorded(borrower_id: str = "B-1", **changes: Any) -> BorrowerRecorded:
    values: dict[str, Any] = {
        "borrower_id": borrower_id,
        "region": "CN-GD",
        "time_zone": "Asia/Shanghai",
        "language": "zh-CN",
        "name": "王小明",
        "id_number": "440101199001011234",
        "phones": ({"phone_id": "T-1", "number": "+8613800000001", "source": "contract"},),
        "addresses": (
            {"address_id": "A-1", "kind": "home", "text": "天河路1号", "latitude": 23.1, "source": "contract"},
        ),
        "status": "active",
        "vulnerable": False,
    }
    return BorrowerRecorded.model_validate({**values, **changes})


def case_opened(borrower_id: str = "B-1") -> CaseOpened:
    return CaseOpened.model_validate(
        {
            "case_id": f"C-{borrower_id}-1",
            "borrower_id": borrower_id,
            "loan_ids": ["L-1"],
            "products": ["consumer_loan"],
            "currency": "CNY",
            "arrears": {"principal": "100.00", "interest": "1.00", "fees": "0.00"},
            "days_past_due": 1,
            "region": "CN-GD",
            "segment": "standard",
            "score": 500,
            "arm": "champion",
            "strategy": "v1",
            "opened_at": MONDAY,
        }
    )
