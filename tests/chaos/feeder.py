"""Publishes what bank and agencies say, as any foreign producer would: librdkafka, Java's partitioner, acknowledged.

Under the fault `duplicate` each event is sent one to five times: some copies at once, some among the day's other
records, some days later. What the broker has acknowledged is written down for the auditor.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from confluent_kafka import Producer

from tests.chaos.bank import OPENS, sayings
from tests.chaos.cluster import DAY_SECONDS, BusinessClock
from tests.chaos.plan import Plan
from tests.chaos.saying import Saying

HEADERS: list[tuple[str, str | bytes | None]] = [("content-type", b"application/cloudevents+json; charset=utf-8")]
FLUSH_SECONDS = 300
LATE_DAYS_MAX = 3
SAME_DAY_SHARE = 0.7
LEAD_DAYS = 2.0


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
