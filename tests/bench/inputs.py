"""The facts that go in: loans overdue day after day, stamped as a service stamps them, or plain as a bank says them."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from confluent_kafka import Producer
from kafka.admin import KafkaAdminClient

from schemas.bank import LoanOverdue
from schemas.envelope import CONTENT_TYPE, Event
from schemas.topics import LOANS, PARTITIONS, Topic
from schemas.values import Arrears
from services.kit.partitions import partition_for
from tests.bench.job import STAMPED, StampedOverdue

HEADERS: list[tuple[str, str | bytes | None]] = [("content-type", CONTENT_TYPE.encode())]
FIRST_DAY = date(2026, 1, 5)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
STRIDE = 7_919
"""Prime, so that the loans come in an order that no index likes, and each once a round."""


def make_topics(bootstrap: str, *names: str, partitions: int = PARTITIONS) -> None:
    """Create topics that are not there yet."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        missing = sorted(set(names) - set(admin.list_topics()))
        if missing:
            shape = {"num_partitions": partitions, "replication_factor": 1, "configs": {"retention.ms": "-1"}}
            admin.create_topics(dict.fromkeys(missing, shape), wait_for_metadata=True)
    finally:
        admin.close()


def fill(bootstrap: str, topic: Topic, events: int, loans: int, show: Callable[[int], None]) -> None:
    """Publish so many facts about so many loans, each loan once a round."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "linger.ms": 20, "queue.buffering.max.messages": 200_000, "acks": "all"}
    )
    make = stamped if topic is STAMPED else plain
    for number, (key, partition, value) in enumerate(make(events, loans), start=1):
        while True:
            try:
                producer.produce(topic.name, value, key, partition, headers=HEADERS)
                break
            except BufferError:
                producer.poll(0.1)
        if number % 5_000 == 0:
            producer.poll(0)
            show(number)
    if left := producer.flush(60):
        raise RuntimeError(f"{left} facts were not acknowledged")
    show(events)


def plain(events: int, loans: int) -> Iterator[tuple[bytes, int, bytes]]:
    """Key, partition and value of facts as a bank says them."""
    for number in range(events):
        fact = _fact(LoanOverdue, number, loans)
        event = Event.saying(fact, id=f"bank-{number:09d}", source="/bank/core", time=NOON)
        key = fact.borrower_id.encode()
        yield key, partition_for(key, LOANS.partitions), event.to_json()


def stamped(events: int, loans: int) -> Iterator[tuple[bytes, int, bytes]]:
    """Key, partition and value of the same facts under the gapless sequence of their partition's source."""
    last: Counter[int] = Counter()
    for number in range(events):
        fact = _fact(StampedOverdue, number, loans)
        key = fact.borrower_id.encode()
        partition = partition_for(key, STAMPED.partitions)
        last[partition] += 1
        source = f"/arrears/bench-in/{partition}"
        event = Event.saying(fact, id=f"bank-{number:09d}", source=source, time=NOON, sequence=last[partition])
        yield key, partition, event.to_json()


def _fact(kind: type[LoanOverdue], number: int, loans: int) -> LoanOverdue:
    day, loan = number // loans, number * STRIDE % loans
    return kind.model_construct(
        loan_id=f"L-{loan:07d}",
        borrower_id=f"B-{loan:07d}",
        product="consumer_loan",
        currency="CNY",
        business_date=FIRST_DAY + timedelta(days=day),
        oldest_due_date=FIRST_DAY - timedelta(days=1),
        days_past_due=day + 1,
        arrears=Arrears.model_construct(
            principal=Decimal(1000 + loan % 977), interest=Decimal(f"{12 + day}.50"), fees=Decimal("5.00")
        ),
        outstanding_principal=Decimal("9000.00"),
        region="CN-GD",
    )
