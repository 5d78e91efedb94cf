"""A log to tell facts into, as brokers would record them, and a way to write it into reporting's tables."""

import itertools
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import schemas.language
from schemas import bank, cases, contacts, visits
from schemas.envelope import Event, Fact
from schemas.topics import BY_NAME, PARTITIONS
from schemas.values import Arrears
from services.kit.bench import Bench
from services.kit.partitions import partition_for
from services.kit.records import STRUCTURED
from services.kit.records import Record as RawRecord
from services.kit.service import Origin
from services.reporting.domain.reports import Report
from services.reporting.store.view import View

START = datetime(2026, 1, 5, 1, tzinfo=UTC)
TODAY = START.date()
Record = tuple[Event[Fact], Origin]


def day(number: float) -> datetime:
    """Nine in the morning in Shanghai, so many days after the first Monday."""
    return START + timedelta(days=number)


@dataclass
class Log:
    """Tell facts in the order in which they happen; each is recorded a tenth of a second after it happened."""

    records: list[Record] = field(default_factory=list)
    _offsets: Counter[tuple[str, int]] = field(default_factory=Counter)
    _sequences: Counter[str] = field(default_factory=Counter)

    def tell(
        self, fact: Fact, at: datetime, cause: Event[Fact] | None = None, recorded: datetime | None = None
    ) -> Event[Fact]:
        topic = fact.TOPIC
        partition = partition_for(fact.key.encode(), PARTITIONS)
        number = len(self.records)
        source = "/bank" if topic.intake else f"/arrears/{topic.stream}/{partition}"
        self._sequences[source] += 1
        event = Event.saying(
            fact,
            id=str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))),
            source=source,
            time=at,
            sequence=None if topic.intake else self._sequences[source],
            causationid=cause.id if cause else None,
            correlationid=(cause.correlationid or cause.id) if cause else None,
        )
        taken = recorded or at + timedelta(seconds=0.1)
        offset = self._offsets[topic.name, partition]
        self._offsets[topic.name, partition] += 1
        self.records.append((event, Origin(topic.name, partition, offset, taken, taken)))
        return event


def write(bench: Bench[Report, None], records: Iterable[Record]) -> None:
    """Have reporting read these records, in the order given, each run of one partition as one batch."""
    for (topic, partition), run in itertools.groupby(records, key=lambda r: (r[1].topic, r[1].partition)):
        bench.put(BY_NAME[topic], partition, *(_raw(event, origin) for event, origin in run))


def _raw(event: Event[Fact], origin: Origin) -> RawRecord:
    milliseconds = round(origin.wall.timestamp() * 1000)
    return RawRecord(0, milliseconds, event.data.key.encode(), event.to_json(), STRUCTURED)


def by_topic(records: Iterable[Record]) -> list[Record]:
    """The same records, partition after partition: what a rebuild from the topics' start reads."""
    return sorted(records, key=lambda r: (r[1].topic, r[1].partition, r[1].offset))


def view(at: datetime, *, settled: bool = True) -> View:
    """As known then, in true time; by default nothing is given time to settle."""
    before = at if settled else at - timedelta(seconds=15)
    return View(at, at, before, timedelta(seconds=1), 1.0)


LATER = day(1000)


def money(value: str) -> Decimal:
    return Decimal(value)


def arrears(principal: str = "900.00", interest: str = "90.00", fees: str = "10.00") -> Arrears:
    return Arrears(principal=money(principal), interest=money(interest), fees=money(fees))


NOTHING = arrears("0.00", "0.00", "0.00")


def overdue(
    borrower: str = "B1",
    loan: str = "",
    days: int = 1,
    on: date = TODAY,
    owed: Arrears | None = None,
    **more: Any,
) -> bank.LoanOverdue:
    base: dict[str, Any] = {
        "loan_id": loan or f"L-{borrower}",
        "borrower_id": borrower,
        "product": "consumer_loan",
        "currency": "CNY",
        "business_date": on,
        "oldest_due_date": on - timedelta(days=days),
        "days_past_due": days,
        "arrears": owed or arrears(),
        "outstanding_principal": money("12000.00"),
        "region": "CN-GD",
    }
    return bank.LoanOverdue(**{**base, **more})


def paid(
    borrower: str = "B1",
    loan: str = "",
    *,
    payment: str = "X1",
    amount: str = "1000.00",
    left: Arrears = NOTHING,
    on: date = TODAY,
    days: int = 0,
) -> bank.LoanPaymentReceived:
    return bank.LoanPaymentReceived(
        payment_id=payment,
        loan_id=loan or f"L-{borrower}",
        borrower_id=borrower,
        currency="CNY",
        amount=money(amount),
        value_date=on,
        arrears_after=left,
        days_past_due_after=days,
    )


def opened(borrower: str = "B1", n: int = 1, at: datetime = START, **more: Any) -> cases.CaseOpened:
    base: dict[str, Any] = {
        "case_id": f"C-{borrower}-{n}",
        "borrower_id": borrower,
        "loan_ids": (f"L-{borrower}",),
        "products": ("consumer_loan",),
        "currency": "CNY",
        "arrears": arrears(),
        "days_past_due": 1,
        "region": "CN-GD",
        "segment": "standard",
        "score": 500,
        "arm": "champion",
        "strategy": "cn-default 1",
        "opened_at": at,
    }
    return cases.CaseOpened(**{**base, **more})


def restructured() -> bank.LoanRestructured:
    return bank.LoanRestructured(
        loan_id="L-B1",
        borrower_id="B1",
        business_date=TODAY,
        new_instalment_amount=Decimal("90.00"),
        first_due_date=TODAY + timedelta(days=30),
        instalments=12,
        currency="CNY",
    )


def closed(
    borrower: str = "B1", n: int = 1, outcome: str = "cured", at: datetime = START, stage: str = "open"
) -> cases.CaseClosed:
    return cases.CaseClosed(
        case_id=f"C-{borrower}-{n}",
        borrower_id=borrower,
        outcome=outcome,
        stage=stage,
        opened_at=START,
        closed_at=at,  # type: ignore[arg-type]
        paid=money("1000.00"),
        currency="CNY",
        loan_ids=(f"L-{borrower}",),
    )


def allowed(
    borrower: str = "B1", contact: str = "", at: datetime = START, purpose: str = "reminder", channel: str = "sms"
) -> contacts.ContactAllowed:
    return contacts.ContactAllowed(
        contact_id=contact or f"N-{borrower}-1",
        borrower_id=borrower,
        loan_ids=(f"L-{borrower}",),
        channel=channel,
        purpose=purpose,  # type: ignore[arg-type]
        proposed_by="notifier",
        proposed_for=at,
        decided_at=at,
        local_time=at.isoformat(),
        time_zone="Asia/Shanghai",
        rulebook="CN 1",
        counters={"sms_day": 0},
        known_as_of=at,
        not_before=at,
        expires_at=at + timedelta(hours=6),
    )


def sent(
    borrower: str = "B1",
    n: int = 1,
    *,
    at: datetime = START,
    step: str = "reminder",
    loans: tuple[str, ...] = (),
    channel: str = "sms",
    owed: Arrears | None = None,
    days: int = 1,
) -> contacts.NoticeSent:
    return contacts.NoticeSent(
        notice_id=f"N-{borrower}-{n}",
        borrower_id=borrower,
        loan_ids=loans or (f"L-{borrower}",),
        step=step,
        channel=channel,  # type: ignore[arg-type]
        template=step,
        template_version="1",
        language="zh-CN",
        currency="CNY",
        arrears=owed or arrears(),
        days_past_due=days,
        submitted_at=at,
        carrier_reference="ref",
        contact_point=f"PH-{borrower}",
        text_digest="0" * 64,
    )


def arrived(borrower: str = "B1", n: int = 1, at: datetime = START) -> visits.VisitArrived:
    return visits.VisitArrived(
        visit_id=f"V-{borrower}-{n}",
        borrower_id=borrower,
        case_id=f"C-{borrower}-1",
        placement_id=f"P-{borrower}-1",
        agency_id="A-north",
        loan_ids=(f"L-{borrower}",),
        arrived_at=at,
        known_as_of=at,
    )


def attributed(
    borrower: str = "B1", payment: str = "X1", amount: str = "1000.00", to: str = "in_house", **more: Any
) -> cases.PaymentAttributed:
    base: dict[str, Any] = {
        "case_id": f"C-{borrower}-1",
        "borrower_id": borrower,
        "payment_id": payment,
        "loan_id": f"L-{borrower}",
        "currency": "CNY",
        "amount": money(amount),
        "attributed_to": to,
        "reason": "worked the case",
        "value_date": START.date(),
    }
    return cases.PaymentAttributed(**{**base, **more})


__all__ = [name for name in dir() if not name.startswith("_")]
assert schemas.language.KINDS
