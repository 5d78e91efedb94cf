"""Publishes what bank and agencies say, as any foreign producer would: librdkafka, Java's partitioner, acknowledged.

Under the fault `duplicate` each event is sent one to five times: some copies at once, some among the day's other
records, some days later. What the broker has acknowledged is written down for the auditor.
"""

import json
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from tests.chaos.bank import GATEWAY, OPENS, REPORTS, Saying, saying, sayings
from tests.chaos.cluster import DAY_SECONDS, BusinessClock
from tests.chaos.plan import Plan

HEADERS: list[tuple[str, str | bytes | None]] = [("content-type", b"application/cloudevents+json; charset=utf-8")]
FLUSH_SECONDS = 300
LATE_DAYS_MAX = 3
SAME_DAY_SHARE = 0.7
LEAD_DAYS = 2.0
PARTITIONS = 12


@dataclass
class Outlet:
    """The producer, and how often each event was acknowledged. May be used from several threads."""

    bootstrap: str
    acknowledged: Counter[tuple[str, str]] = field(default_factory=Counter)
    topics: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    sent: int = 0

    def __post_init__(self) -> None:
        """Connect."""
        self._lock = threading.Lock()
        self._producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 20,
                "message.timeout.ms": FLUSH_SECONDS * 1000,
                "reconnect.backoff.max.ms": 1000,
                "queue.buffering.max.messages": 500_000,
                "log_level": 0,
            }
        )

    def say(self, one: Saying) -> None:
        """Send an event once."""
        with self._lock:
            self.topics.setdefault((one.source, one.id), (one.topic, one.key))
            self.sent += 1

        def done(error: Any, _message: Any) -> None:
            if error is None:
                self.acknowledged[one.source, one.id] += 1
            else:
                self.say(one)  # nobody knows whether it arrived: it is said again

        while True:
            try:
                self._producer.produce(one.topic, one.value, one.key, headers=HEADERS, on_delivery=done)
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)

    def flush(self) -> None:
        """Return once everything is acknowledged. Raises TimeoutError."""
        ends = time.monotonic() + FLUSH_SECONDS
        while self._producer.flush(1) and time.monotonic() < ends:
            continue
        if len(self._producer):
            raise TimeoutError(f"{len(self._producer)} events were not acknowledged")

    def write(self, path: Path) -> None:
        """Write down what the broker has acknowledged, a line per event."""
        with path.open("w", encoding="utf-8") as file:
            for (source, id_), (topic, key) in self.topics.items():
                copies = self.acknowledged[source, id_]
                file.write(json.dumps({"source": source, "id": id_, "topic": topic, "key": key, "copies": copies}))
                file.write("\n")


@dataclass
class Bank(threading.Thread):
    """Speaks day after day: not before the day has come, and not further ahead of the services than `behind` allows.

    behind: how many intake records the slowest service has not applied. `applied` days of records may be behind.
    """

    plan: Plan
    clock: BusinessClock
    outlet: Outlet
    behind: Callable[[], int]
    said: int = 0
    day: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None

    def __post_init__(self) -> None:
        """A thread that ends with the process."""
        super().__init__(name="bank", daemon=True)
        self._chance = Random(f"copies/{self.plan.seed}")
        self._late: dict[int, list[Saying]] = {}

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        """Tell the whole story."""
        try:
            for day, told in enumerate(sayings(self.plan.seed, self.plan.events, self.plan.days)):
                self.day = day
                if not self._wait_for(day, len(told)):
                    return
                for one in self._with_copies(day, told):
                    self.outlet.say(one)
                self.said += len(told)
            for late in self._late.values():
                for one in late:
                    self.outlet.say(one)
            self.outlet.flush()
        except BaseException as error:
            self.error = error
        finally:
            self.over.set()

    def _wait_for(self, day: int, told: int) -> bool:
        opens = OPENS.timestamp() + day * DAY_SECONDS
        lead = max(500, int(told * LEAD_DAYS * (1 + self.plan.copies_max) / 2))
        while not self.stop.is_set():
            if self.clock.now() >= opens and self.behind() <= lead:
                return True
            time.sleep(0.1)
        return False

    def _with_copies(self, day: int, told: list[Saying]) -> list[Saying]:
        """The day's events in order, each followed sooner or later by its copies, and copies of earlier days."""
        if self.plan.copies_max == 1:
            return told
        keyed: list[tuple[float, Saying]] = [(float(n), one) for n, one in enumerate(told)]
        for n, one in enumerate(told):
            for _ in range(self._chance.randint(1, self.plan.copies_max) - 1):
                if self._chance.random() < SAME_DAY_SHARE:
                    keyed.append((self._chance.uniform(n + 0.5, len(told) + 1), one))
                else:
                    later = day + self._chance.randint(1, LATE_DAYS_MAX)
                    self._late.setdefault(later, []).append(one)
        keyed += [(self._chance.uniform(0, len(told)), one) for one in self._late.pop(day, [])]
        return [one for _, one in sorted(keyed, key=lambda pair: pair[0])]


@dataclass
class Agencies(threading.Thread):
    """Answers as agencies do: accepts what is offered, attests deletion of what is recalled, reports on visits."""

    bootstrap: str
    clock: BusinessClock
    outlet: Outlet
    copies_max: int = 1
    stop: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None

    def __post_init__(self) -> None:
        """A thread that ends with the process."""
        super().__init__(name="agencies", daemon=True)
        self._heard: set[str] = set()
        self._waiting: deque[Saying] = deque()

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        """Listen and answer until told to stop."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": f"agencies-{uuid.uuid4().hex[:6]}",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "log_level": 0,
            }
        )
        topics = ("collections.cases.v1", "collections.visits.v1")
        consumer.assign([TopicPartition(topic, n, 0) for topic in topics for n in range(PARTITIONS)])
        try:
            while not self.stop.is_set():
                for message in consumer.consume(500, timeout=0.2):
                    if message.error() is None:
                        self._hear(json.loads(message.value() or b"{}"))
        except BaseException as error:
            self.error = error
        finally:
            consumer.close()

    def _hear(self, event: dict[str, Any]) -> None:
        answer = _ANSWERS.get(event["type"])
        if answer is None or event["id"] in self._heard:
            return
        self._heard.add(event["id"])
        data, at = event["data"], datetime.fromtimestamp(self.clock.now(), UTC)
        if data["agency_id"] == "in-house":
            return
        kind, more = answer(data, at.isoformat())
        said = {
            "report_id": f"R-{event['id']}",
            "borrower_id": data["borrower_id"],
            "agency_id": data["agency_id"],
            **more,
        }
        one = saying(REPORTS, data["borrower_id"], f"gate-{event['id']}", kind, at, said, GATEWAY)
        for _ in range(Random(event["id"]).randint(1, self.copies_max)):
            self.outlet.say(one)


def _accept(data: dict[str, Any], at: str) -> tuple[str, dict[str, Any]]:
    return "placement.accepted.v1", {"placement_id": data["placement_id"], "accepted_at": at}


def _attest(data: dict[str, Any], at: str) -> tuple[str, dict[str, Any]]:
    more = {"placement_id": data["placement_id"], "attested_at": at, "method": "overwritten"}
    return "data_deletion.attested.v1", more


def _report(data: dict[str, Any], at: str) -> tuple[str, dict[str, Any]]:
    times = {"arrived_at": at, "ended_at": at}
    result = {"result": {"disposition": "not_home"}, "conduct": {"identity_shown": True}}
    return "visit.reported.v1", {"visit_id": data["visit_id"], "team": data["team"], **times, **result}


_ANSWERS: dict[str, Callable[[dict[str, Any], str], tuple[str, dict[str, Any]]]] = {
    "placement.offered.v1": _accept,
    "placement.recalled.v1": _attest,
    "visit.dispatched.v1": _report,
}
