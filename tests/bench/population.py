"""Borrowers with one loan each, as a bank tells of them, and the clients that publish and watch."""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, date, datetime
from datetime import time as clock_time
from decimal import Decimal
from zoneinfo import ZoneInfo

from confluent_kafka import Producer

from schemas.bank import BorrowerRecorded, LoanCured, LoanOverdue
from schemas.envelope import CONTENT_TYPE, Event, Fact
from schemas.values import Arrears

HEADERS: list[tuple[str, str | bytes | None]] = [("content-type", CONTENT_TYPE.encode())]
ZONE = "Asia/Shanghai"
DAY = date(2026, 3, 18)
"""A Wednesday without a holiday."""

SOURCE = "/bank/core"


def clock_setting(at: str) -> str:
    """The business clock, at true speed, that shows this local time (HH:MM) on the day at this moment."""
    start = datetime.combine(DAY, clock_time.fromisoformat(at), ZoneInfo(ZONE)).astimezone(UTC)
    return f"scaled|{start.isoformat()}|{datetime.now(UTC).isoformat()}|1"


def borrower(number: int) -> str:
    """The id of a borrower."""
    return f"B-{number:07d}"


def recorded(number: int) -> Fact:
    """Whom the loan is owed by, with one mobile number and one address."""
    return BorrowerRecorded.model_validate(
        {
            "borrower_id": borrower(number),
            "region": "CN-GD",
            "time_zone": ZONE,
            "language": "zh-CN",
            "name": f"王{number}",
            "phones": ({"phone_id": "T-1", "number": f"+86138{number:08d}", "source": "contract"},),
            "addresses": ({"address_id": "A-1", "kind": "home", "text": f"天河路{number}号", "source": "contract"},),
            "status": "active",
            "vulnerable": False,
        }
    )


def overdue(number: int, days_past_due: int = 1) -> Fact:
    """The loan is past due."""
    return LoanOverdue(
        loan_id=f"L-{number:07d}",
        borrower_id=borrower(number),
        product="consumer_loan",
        currency="CNY",
        business_date=DAY,
        oldest_due_date=date.fromordinal(DAY.toordinal() - days_past_due),
        days_past_due=days_past_due,
        arrears=Arrears(principal=Decimal(400 + number % 977), interest=Decimal("12.50"), fees=Decimal("0.00")),
        outstanding_principal=Decimal("9000.00"),
        region="CN-GD",
    )


def cured(number: int) -> Fact:
    """Nothing is past due any more."""
    return LoanCured(loan_id=f"L-{number:07d}", borrower_id=borrower(number), business_date=DAY)


class Mouth:
    """Publishes facts with librdkafka and its murmur2 partitioner."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "acks": "all",
                "queue.buffering.max.messages": 200_000,
                "message.timeout.ms": 120_000,
                "log_level": 2,  # a broker that is being killed is no news here
            }
        )

    def say(self, fact: Fact, id_: str, source: str = SOURCE, **attributes: object) -> None:
        """Hand over one; it leaves at once."""
        event = Event.saying(fact, id=id_, source=source, time=datetime.now(UTC), **attributes)
        while True:
            try:
                self._producer.produce(fact.TOPIC.name, event.to_json(), fact.key, headers=HEADERS)
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(0.1)

    def say_all(self, facts: Iterable[tuple[Fact, str]], show: Callable[[int], None]) -> int:
        """Hand over all, and wait until the broker has them."""
        count = 0
        for count, (fact, id_) in enumerate(facts, start=1):
            self.say(fact, id_)
            if count % 1000 == 0:
                show(count)
        self.flush()
        return count

    def flush(self) -> None:
        """Wait until the broker has everything. Raises RuntimeError when it does not take it."""
        if left := self._producer.flush(120):
            raise RuntimeError(f"{left} facts were not acknowledged")

    def close(self) -> None:
        """Wait until the broker has everything."""
        self.flush()


def steadily(rate: float, count: int, act: Callable[[int], None]) -> None:
    """Call `act` with 0, 1, 2 … so many times a second, never in bursts to catch up by more than a second."""
    start = time.monotonic()
    for number in range(count):
        due = start + number / rate
        pause = due - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        elif pause < -1:
            start -= pause
        act(number)


def mouth(bootstrap: str) -> "closing[Mouth]":
    """A mouth for a block."""
    return closing(Mouth(bootstrap))
