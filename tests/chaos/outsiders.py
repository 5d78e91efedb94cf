"""Who reacts to what the services say: agencies' systems over their topic, officers over HTTP."""

import json
import threading
import urllib.error
import urllib.request
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from tests.chaos.cluster import BusinessClock
from tests.chaos.feeder import Outlet
from tests.chaos.saying import GATEWAY, REPORTS, saying

PARTITIONS = 12
ANSWERED_PERCENT = 25
PAUSE_SECONDS = 0.3
Data = dict[str, Any]


@dataclass
class Outsider(threading.Thread):
    """Hears every event on some topics once, however often it is published."""

    bootstrap: str
    clock: BusinessClock
    topics: tuple[str, ...] = ()
    stop: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None

    def __post_init__(self) -> None:
        """A thread that ends with the process."""
        super().__init__(name=type(self).__name__.lower(), daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        """Listen until told to stop."""
        try:
            for event in self._events():
                self.hear(event["type"], event["id"], event["data"])
        except BaseException as error:
            self.error = error

    def _events(self) -> Iterator[Data]:
        told = {"bootstrap.servers": self.bootstrap, "group.id": uuid.uuid4().hex, "log_level": 0}
        consumer = Consumer({**told, "enable.auto.commit": False, "auto.offset.reset": "earliest"})
        consumer.assign([TopicPartition(topic, n, 0) for topic in self.topics for n in range(PARTITIONS)])
        heard: set[str] = set()
        try:
            while not self.stop.is_set():
                for message in consumer.consume(500, timeout=0.2):
                    if message.error() is None:
                        event: Data = json.loads(message.value() or b"{}")
                        if event["id"] not in heard:
                            heard.add(event["id"])
                            yield event
        finally:
            consumer.close()

    def hear(self, kind: str, id_: str, data: Data) -> None:
        """React to an event."""
        raise NotImplementedError

    def now(self) -> datetime:
        """Business time."""
        return datetime.fromtimestamp(self.clock.now(), UTC)


@dataclass
class Agencies(Outsider):
    """Accept what is offered, attest deletion of what is recalled, report on visits; on the topic of their reports."""

    topics: tuple[str, ...] = ("collections.cases.v1", "collections.visits.v1")
    outlet: Outlet | None = None
    copies_max: int = 1

    __hash__ = threading.Thread.__hash__

    def hear(self, kind: str, id_: str, data: Data) -> None:
        """Answer what concerns an agency."""
        answer = _ANSWERS.get(kind)
        if answer is None or data["agency_id"] == "in-house" or self.outlet is None:
            return
        at = self.now()
        said_kind, more = answer(data, at.isoformat())
        named = {name: data[name] for name in ("borrower_id", "agency_id")}
        said = {"report_id": f"R-{id_}", **named, **more}
        one = saying(REPORTS, data["borrower_id"], f"gate-{id_}", said_kind, at, said, GATEWAY)
        for _ in range(Random(id_).randint(1, self.copies_max)):
            self.outlet.say(one)


def _accept(data: Data, at: str) -> tuple[str, Data]:
    return "placement.accepted.v1", {"placement_id": data["placement_id"], "accepted_at": at}


def _attest(data: Data, at: str) -> tuple[str, Data]:
    more = {"placement_id": data["placement_id"], "attested_at": at, "method": "overwritten"}
    return "data_deletion.attested.v1", more


def _report(data: Data, at: str) -> tuple[str, Data]:
    times = {"arrived_at": at, "ended_at": at}
    result = {"result": {"disposition": "not_home"}, "conduct": {"identity_shown": True}}
    return "visit.reported.v1", {"visit_id": data["visit_id"], "team": data["team"], **times, **result}


_ANSWERS: dict[str, Callable[[Data, str], tuple[str, Data]]] = {
    "placement.offered.v1": _accept,
    "placement.recalled.v1": _attest,
    "visit.dispatched.v1": _report,
}


@dataclass
class Officers(Outsider):
    """Enter what borrowers answered to a notice: a command with an idempotency key, to either worker, asked again
    until it is answered, and once more although it was. What was answered with 200 is written down.
    """

    topics: tuple[str, ...] = ("collections.contacts.v1",)
    addresses: Sequence[str] = ()
    journal: Path = Path("commands.jsonl")

    __hash__ = threading.Thread.__hash__

    def hear(self, kind: str, id_: str, data: Data) -> None:
        """One delivered notice in four is answered."""
        luck = zlib.crc32(id_.encode())
        if kind != "notice.delivered.v1" or luck % 100 >= ANSWERED_PERCENT:
            return
        key, chance = f"officer-{id_}", Random(id_)
        body = {"notice_id": data["notice_id"], **self._answer(chance)}
        path = f"/borrowers/{data['borrower_id']}/answers"
        statuses = [self._post(path, key, body, chance) for _ in range(chance.randint(1, 3))]
        if not self.stop.is_set():
            with self.journal.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "statuses": statuses, "answer": body["answer"]}) + "\n")

    def _answer(self, chance: Random) -> Data:
        answer = chance.choice(("will_pay", "promise", "promise", "plan_request", "dispute", "hardship", "complaint"))
        if answer == "promise":
            day = f"{self.now().date() + timedelta(days=3)}"
            return {"answer": answer, "promised_on": day, "amount": "120.00", "currency": "CNY"}
        return {"answer": answer, **({"instalments": 3} if answer == "plan_request" else {})}

    def _post(self, path: str, key: str, body: Data, chance: Random) -> int:
        """Ask one worker or the other until one of them answers; its status."""
        while not self.stop.is_set():
            headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
            address = chance.choice(self.addresses)
            request = urllib.request.Request(address + path, json.dumps(body).encode(), headers)
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:
                    return int(answer.status)
            except urllib.error.HTTPError as refused:
                if refused.code < 500:
                    return refused.code
            except OSError:
                pass
            self.stop.wait(PAUSE_SECONDS)
        return 0
