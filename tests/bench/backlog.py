"""The freshness fence under a backlog: `python -m tests.bench.backlog --facts 1000000 --cures 1000`.

Everything is real: broker, database, four services, an SMS carrier that accepts all. Many borrowers are past due and
were written to. Then the bank publishes its facts of the day at once: repetitions for them, and among these the first
overdue of others (a reminder is due to each at once), half of whom are cured deep in the backlog. Notifier is frozen
meanwhile, so that all of it lies before it when it goes on; with `--live` it reads while the bank publishes. What is
judged is read from the topics by another client, with the broker's own times; exit status 1 when it is not as promised.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Consumer, Producer, TopicPartition

from deploy.local.stack import DEFAULT_VAR, LocalStack, running_stack
from deploy.local.system import Endpoints, Plan, start_system
from schemas.bank import BorrowerRecorded, LoanCured, LoanOverdue, Phone
from schemas.envelope import Event, Fact
from schemas.topics import BORROWERS, CONTACTS, LOANS, PARTITIONS
from schemas.values import Arrears

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # a Monday, 12:00 in Shanghai: contacts are allowed for hours
TODAY = date(2026, 3, 2)
GRACE_SECONDS = 1.0  # DESIGN, promise 3
RELEASE_SECONDS_MAX = 2.0
LOOK_SECONDS = 0.1
PER_BORROWER = 100  # repetitions that one borrower of the crowd gets in a backlog
CROWD_MAX = 4_000
DUE_AT, CURES_FROM = 0.2, 0.6  # shares of the backlog: where the contacts fall due, from where on the cures lie
ZERO = Decimal("0.00")
PLACE = b"@number@"
"""Stands in an encoded fact for the id of the event."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to play. `cures` borrowers are cured, as many others become due and stay so."""

    facts: int
    cures: int
    seed: int = 1
    seconds_max: float = 1800.0
    live: bool = False
    run: str = ""
    """Tells the borrowers and events of several runs on one stack apart."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A running system whose clock showed NOON at the true instant `origin`, and goes on at true speed."""

    stack: LocalStack
    endpoints: Endpoints
    origin: datetime

    def signal(self, number: signal.Signals) -> None:
        """Send notifier a signal."""
        os.kill(self.stack.supervisor.state()["notifier"].pid or 0, number)


@dataclass(slots=True)
class Figures:
    """What came of it. Seconds are true ones; a release counts from when the partition's last fact was applied."""

    facts: int
    cures: int
    live: bool
    publish_seconds: float = 0.0
    backlog_max: int = 0
    behind_seconds: float = 0.0
    facts_per_second: float = 0.0
    sent_on_stale_knowledge: int = 0
    sent_after_cure: int = 0
    sent_while_behind: int = 0
    due: int = 0
    sent: int = 0
    held_max: int = 0
    release_seconds: dict[str, float] = field(default_factory=dict)

    def faults(self) -> list[str]:
        """What is not as promised, or would prove nothing."""
        wrong = {
            "contacts went out on stale knowledge": self.sent_on_stale_knowledge,
            "contacts went out while the partition was behind": self.sent_while_behind and not self.live,
            "not everybody who was due was written to": self.sent < self.due,
            "nothing was held: the backlog was no backlog": not self.held_max,
            "held contacts were released late": self.release_seconds.get("max", 0.0) > RELEASE_SECONDS_MAX,
        }
        return [what for what, is_so in wrong.items() if is_so]


@dataclass(frozen=True, slots=True)
class People:
    """Borrowers past due and written to before; those who become due and are cured; those who stay due."""

    crowd: tuple[str, ...]
    cured: tuple[str, ...]
    due: tuple[str, ...]

    @classmethod
    def of(cls, options: Options) -> "People":
        """So many that each of the crowd is told of PER_BORROWER times."""
        crowd = min(CROWD_MAX, max(20, options.facts // PER_BORROWER))
        names = (("B", crowd), ("C", options.cures), ("D", options.cures))
        return cls(*(_named(f"{letter}{options.run}", count) for letter, count in names))


def _named(letter: str, count: int) -> tuple[str, ...]:
    return tuple(f"{letter}-{n}" for n in range(count))


@dataclass(slots=True)
class Watched:
    """What was seen of notifier while it worked through the backlog; instants are true seconds since 1970."""

    held_max: int = 0
    lag_max: int = 0
    caught_up: dict[int, float] = field(default_factory=dict)


def main(arguments: Sequence[str]) -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.backlog", description=__doc__)
    parser.add_argument("--facts", type=int, default=50_000)
    parser.add_argument("--cures", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds-max", type=float, default=1800.0)
    parser.add_argument("--live", action="store_true", help="let notifier read while the bank publishes")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--var", type=Path, default=DEFAULT_VAR / "backlog")
    told = parser.parse_args(arguments)
    with running_stack(told.var) as stack:
        figures = play(up(stack), Options(told.facts, told.cures, told.seed, told.seconds_max, told.live))
    document = {**asdict(figures), "faults": figures.faults()}
    if told.json:
        told.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write("".join(f"{name:<26}{value}\n" for name, value in document.items()))
    return 1 if figures.faults() else 0


def up(stack: LocalStack) -> Scene:
    """The four services and carriers that accept everything, at noon on an ordinary Monday."""
    origin = datetime.now(UTC)
    clock = f"scaled|{NOON.isoformat()}|{origin.isoformat()}|1"
    return Scene(stack, start_system(stack, Plan(clock, bare=True)), origin)


def play(scene: Scene, options: Options) -> Figures:
    """Prepare the borrowers, publish the backlog, watch it being read, and judge what was sent."""
    people, bootstrap = People.of(options), scene.endpoints.kafka
    _say(f"{len(people.crowd)} borrowers are past due and get their reminder")
    publish(bootstrap, [recorded(b) for b in (*people.crowd, *people.cured, *people.due)], f"who{options.run}")
    publish(bootstrap, [overdue(b) for b in people.crowd], f"first{options.run}")
    _until(lambda: _reached(bootstrap, people.crowd), options.seconds_max, "the crowd's reminders")
    _until(lambda: not _behind(scene.endpoints), options.seconds_max, "quiet before the backlog")
    return _flood(scene, options, people)


def _flood(scene: Scene, options: Options, people: People) -> Figures:
    figures = Figures(options.facts, options.cures, options.live, due=len(people.due))
    bootstrap, before = scene.endpoints.kafka, _ends(scene.endpoints.kafka)
    with ThreadPoolExecutor(1) as aside:
        began = time.time()
        publishing = aside.submit(publish, bootstrap, backlog(options, people), f"flood{options.run}")
        if not options.live:
            began = _frozen_while(scene, publishing)
        watched = _watch(scene.endpoints, publishing.done, options.seconds_max)
        figures.publish_seconds = round(publishing.result(), 2)
    _until(lambda: _reached(bootstrap, people.due), 60, "the held contacts", hard=False)
    time.sleep(2 * GRACE_SECONDS)  # whatever else would go out wrongly gets its chance
    _judge(figures, watched, scene, people)
    last = max(watched.caught_up.values())
    figures.behind_seconds = round(last - began, 2)
    total = sum(_ends(bootstrap).values()) - sum(before.values())
    figures.facts_per_second = round(total / (last - began))
    figures.held_max, figures.backlog_max = watched.held_max, watched.lag_max
    return figures


def _frozen_while(scene: Scene, publishing: "Future[float]") -> float:
    """Freeze notifier until all is published and every cure has long been said; answer when it went on."""
    scene.signal(signal.SIGSTOP)
    try:
        publishing.result()
        time.sleep(2 * GRACE_SECONDS)
    finally:
        scene.signal(signal.SIGCONT)
    return time.time()


def backlog(options: Options, people: People) -> Iterator[Fact]:
    """The facts of the day in their order: contacts fall due early in it, the cures lie deep."""
    chance = random.Random(options.seed)
    rest = options.facts - 2 * len(people.cured) - len(people.due)
    cures = sorted((chance.uniform(CURES_FROM, 1.0) * rest, borrower_id) for borrower_id in people.cured)
    crowd = [overdue(borrower_id) for borrower_id in people.crowd]
    for number in range(rest):
        if number == int(rest * DUE_AT):
            yield from (overdue(b) for b in (*people.cured, *people.due))
        while cures and cures[0][0] <= number:
            yield cure(cures.pop(0)[1])
        yield crowd[number % len(crowd)]
    yield from (cure(borrower_id) for _, borrower_id in cures)


# -- facts ------------------------------------------------------------------------------------------------------------


def recorded(borrower_id: str) -> BorrowerRecorded:
    """A borrower who can be reached by SMS."""
    return BorrowerRecorded(
        borrower_id=borrower_id,
        region="CN-GD",
        time_zone="Asia/Shanghai",
        language="zh-CN",
        name="某人",
        phones=(Phone(phone_id=f"T-{borrower_id}", number="+8613800000000", source="contract"),),
        status="active",
        vulnerable=False,
    )


def overdue(borrower_id: str) -> LoanOverdue:
    """One day past due: the reminder is due."""
    return LoanOverdue(
        loan_id=f"L-{borrower_id}",
        borrower_id=borrower_id,
        product="consumer_loan",
        currency="CNY",
        business_date=TODAY,
        oldest_due_date=TODAY - timedelta(days=1),
        days_past_due=1,
        arrears=Arrears(principal=Decimal("500.00"), interest=ZERO, fees=ZERO),
        outstanding_principal=Decimal("9000.00"),
        region="CN-GD",
    )


def cure(borrower_id: str) -> LoanCured:
    """Nothing is past due any more: nobody may write."""
    return LoanCured(loan_id=f"L-{borrower_id}", borrower_id=borrower_id, business_date=TODAY)


def publish(bootstrap: str, facts: Iterable[Fact], name: str) -> float:
    """Publish as fast as the broker takes it; answer in how many seconds. A fact told again is encoded once."""
    began = time.monotonic()
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 5})
    known: dict[Fact, bytes] = {}
    for number, fact in enumerate(facts):
        template = known.get(fact) or known.setdefault(fact, _encoded(fact))
        value = template.replace(PLACE, f"{name}-{number}".encode())
        while True:
            try:
                producer.produce(fact.TOPIC.name, key=fact.key, value=value)
                break
            except BufferError:
                producer.poll(0.05)
    if producer.flush(120):
        raise RuntimeError("the broker did not take all facts")
    return time.monotonic() - began


def _encoded(fact: Fact) -> bytes:
    return Event.saying(fact, id=PLACE.decode(), source="/bank", time=NOON).to_json()


# -- watching ---------------------------------------------------------------------------------------------------------


def _watch(endpoints: Endpoints, published: Callable[[], bool], seconds_max: float) -> Watched:
    """Look at notifier until it has applied all, noting when each partition was done."""
    watched, ends = Watched(), time.monotonic() + seconds_max
    last: Mapping[int, int] = {}
    with psycopg.connect(endpoints.database, autocommit=True) as db:
        while time.monotonic() < ends:
            if not last and published():
                last = _ends(endpoints.kafka)
            stored, now = _stored(db), time.time()
            for number, end in last.items():
                if stored.get(number, 0) >= end:
                    watched.caught_up.setdefault(number, now)
            held, lag = _gauges(endpoints.services["notifier"])
            watched.held_max, watched.lag_max = max(watched.held_max, held), max(watched.lag_max, lag)
            if last and len(watched.caught_up) == len(last) and not held:
                return watched
            time.sleep(LOOK_SECONDS)
    raise TimeoutError(f"notifier did not read the backlog within {seconds_max:.0f} s")


def _stored(db: "psycopg.Connection[tuple[int, int]]") -> dict[int, int]:
    query = "SELECT partition, next FROM notifier.positions WHERE topic = %s"
    return dict(db.execute(query, [LOANS.name]).fetchall())


def _gauges(address: str) -> tuple[int, int]:
    """Contacts held, and records not yet applied, as notifier shows them to Prometheus."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    values = [line.rsplit(" ", 1) for line in lines if line.startswith(("arrears_notifier_held ", "arrears_lag_"))]
    held = sum(float(value) for name, value in values if name.startswith("arrears_notifier_held"))
    return int(held), int(sum(float(value) for name, value in values if name.startswith("arrears_lag_")))


def _behind(endpoints: Endpoints) -> bool:
    with psycopg.connect(endpoints.database) as db:
        stored = _stored(db)
    return any(stored.get(n, 0) < end for n, end in _ends(endpoints.kafka).items())


def _until(ready: Callable[[], bool], seconds: float, what: str, *, hard: bool = True) -> None:
    ends = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > ends:
            if hard:
                raise TimeoutError(f"waited {seconds:.0f} s for {what}")
            return
        time.sleep(0.5)


# -- judging ----------------------------------------------------------------------------------------------------------


def _judge(figures: Figures, watched: Watched, scene: Scene, people: People) -> None:
    ours, bootstrap = {*people.cured, *people.due}, scene.endpoints.kafka
    stops = {f["data"]["borrower_id"]: at for _, at, f in _read(bootstrap, LOANS.name) if f["type"] == LoanCured.TYPE}
    waits = []
    for partition, borrower_id, wall in _sent(bootstrap, scene.origin):
        if borrower_id not in ours:
            continue
        if borrower_id in stops:
            figures.sent_after_cure += wall > stops[borrower_id]
            figures.sent_on_stale_knowledge += wall > stops[borrower_id] + GRACE_SECONDS
            continue
        figures.sent += 1
        waits.append(wall - watched.caught_up[partition])
        figures.sent_while_behind += wall < watched.caught_up[partition] - LOOK_SECONDS - GRACE_SECONDS
    waits.sort()
    if waits:
        at = {"first": waits[0], "p50": waits[len(waits) // 2], "max": waits[-1]}
        figures.release_seconds = {name: round(value, 3) for name, value in at.items()}


def _reached(bootstrap: str, borrowers: Iterable[str]) -> bool:
    return {borrower_id for _, borrower_id, _ in _sent(bootstrap)} >= set(borrowers)


def _sent(bootstrap: str, origin: datetime = NOON) -> list[tuple[int, str, float]]:
    """Partition, borrower and true instant of every notice that was handed to a carrier."""
    found = [(n, f["data"]) for n, _, f in _read(bootstrap, CONTACTS.name) if f["type"] == "notice.sent.v1"]
    shift = origin - NOON
    return [
        (n, data["borrower_id"], (datetime.fromisoformat(data["submitted_at"]) + shift).timestamp())
        for n, data in found
    ]


def _ends(bootstrap: str, topic: str = LOANS.name) -> dict[int, int]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "backlog-auditor"})
    try:
        marks = {n: consumer.get_watermark_offsets(TopicPartition(topic, n), timeout=10) for n in range(PARTITIONS)}
        return {n: last for n, (_, last) in marks.items()}
    finally:
        consumer.close()


def _read(bootstrap: str, topic: str) -> Iterator[tuple[int, float, dict[str, Any]]]:
    """Partition, broker's time and event of every record."""
    left = sum(_ends(bootstrap, topic).values())
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "backlog-auditor", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topic, n, 0) for n in range(PARTITIONS)])
        while left > 0:
            for message in consumer.consume(5_000, timeout=1.0):
                left -= 1
                number, value = message.partition(), message.value()
                assert number is not None
                yield number, message.timestamp()[1] / 1000, json.loads(value or b"{}")
    finally:
        consumer.close()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    assert BORROWERS.partitions == LOANS.partitions == PARTITIONS
    sys.exit(main(sys.argv[1:]))
