"""The yardstick: a bare confluent-kafka loop with the same write to the same kind of tables, and nothing else.

One process, one thread, one transaction per fetch. Hot states in memory, committed frames published from memory, the
cyclic collector off. No validation of keys and partitions, no dead letters, no parking, no timers, no recovery of what
was committed and not published: only what the step itself needs.
"""

import gc
import os
import sys
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec
import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

from schemas.bank import LoanOverdue
from schemas.envelope import Event, Fact, read_structured
from tests.bench.job import SAID, STAMPED, Loan, Stepped, step

AT_ONCE = 5_000
NAMESPACE = uuid.UUID("7f6f2a52-0c3b-5d0e-9a51-3f9a4c1f6f10")
HEADER = ("content-type", b"application/cloudevents+json; charset=utf-8")
TABLES = """
CREATE TABLE positions (partition integer PRIMARY KEY, next bigint NOT NULL) WITH (fillfactor = 50);
CREATE TABLE states (
    borrower_id text PRIMARY KEY, partition integer NOT NULL, version bigint NOT NULL, next_at timestamptz,
    state json NOT NULL
) WITH (fillfactor = 80);
CREATE TABLE stamps (source text PRIMARY KEY, sequence bigint NOT NULL) WITH (fillfactor = 50);
CREATE TABLE sequences (partition integer PRIMARY KEY, said bigint NOT NULL, published bigint NOT NULL DEFAULT 0)
    WITH (fillfactor = 50);
"""
OUTBOX = """
CREATE TABLE outbox (
    topic text NOT NULL, partition integer NOT NULL, sequence bigint NOT NULL,
    id text NOT NULL, type text NOT NULL, aggregatetype text NOT NULL, aggregateid text, key bytea, payload bytea,
    headers json, said_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, sequence)
)
"""
OUTBOX_COLUMNS = "topic, partition, sequence, id, type, aggregatetype, aggregateid, payload"
STAGE = "CREATE TEMPORARY TABLE stage ON COMMIT DELETE ROWS AS SELECT * FROM states WITH NO DATA"
MERGE = (
    "INSERT INTO states SELECT * FROM stage ORDER BY borrower_id ON CONFLICT (borrower_id) DO UPDATE SET"
    " version = excluded.version, state = excluded.state WHERE states.version = excluded.version - 1"
)
Known: TypeAlias = tuple[Loan, int]
Frame: TypeAlias = tuple[int, bytes, bytes, str]
"""Sequence, key, value and id of what is said."""


class Loop:
    """Consume, decide, write, publish."""

    def __init__(self, bootstrap: str, database_url: str) -> None:
        self.db = psycopg.connect(database_url)
        self.consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "bench-bare",
                "enable.auto.commit": False,
                "fetch.min.bytes": 1,
            }
        )
        self.producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "linger.ms": 5,
                "queue.buffering.max.messages": 500_000,
            }
        )
        self.hot: dict[str, Known] = {}
        self.encode = msgspec.json.Encoder(decimal_format="string").encode
        self.decode = msgspec.json.Decoder(Loan).decode
        self.published: dict[int, int] = {}

    def run(self) -> None:
        """For ever."""
        with self.db.transaction():
            self.db.execute(TABLES)
            self.db.execute(OUTBOX)
        self.db.execute(STAGE)
        places = [TopicPartition(STAMPED.name, n, OFFSET_BEGINNING) for n in range(STAMPED.partitions)]
        with self.db.transaction(), self.db.cursor() as cursor:
            cursor.executemany("INSERT INTO positions VALUES (%s, 0)", [(place.partition,) for place in places])
            cursor.executemany("INSERT INTO sequences VALUES (%s, 0)", [(place.partition,) for place in places])
        self.db.commit()
        self.consumer.assign(places)
        while True:
            if found := self.consumer.consume(AT_ONCE, 0.1):
                self.publish(self.apply(found))

    def apply(self, found: Sequence[Message]) -> dict[int, list[Frame]]:
        """One transaction; answer what it said."""
        batches: dict[int, list[Message]] = defaultdict(list)
        for message in found:
            batches[message.partition() or 0].append(message)
        events = {n: [read_structured(message.value()) for message in batch] for n, batch in batches.items()}
        with self.db.transaction():
            self.move(batches)
            self.stamp(events)
            self.load(event.data.key for batch in events.values() for event in batch)
            changed, said = self.fold(events)
            self.save(changed)
            frames = self.append(said)
        self.hot.update({borrower: known for borrower, (_, known) in changed.items()})
        return frames

    def move(self, batches: dict[int, list[Message]]) -> None:
        """The fence: every stored position by compare-and-set."""
        rows = [((batch[-1].offset() or 0) + 1, n, batch[0].offset()) for n, batch in sorted(batches.items())]
        with self.db.cursor() as cursor:
            cursor.executemany("UPDATE positions SET next = %s WHERE partition = %s AND next = %s", rows)
            if cursor.rowcount != len(rows):
                raise RuntimeError("fenced")

    def stamp(self, events: dict[int, list[Event[Fact]]]) -> None:
        """The last sequence of each source."""
        rows = sorted((batch[-1].source, batch[-1].sequence) for batch in events.values())
        with self.db.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO stamps VALUES (%s, %s) ON CONFLICT (source) DO UPDATE SET sequence = excluded.sequence",
                rows,
            )

    def load(self, borrowers: Iterable[str]) -> None:
        """Make the states hot that are not."""
        missing = list({borrower for borrower in borrowers if borrower not in self.hot})
        if missing:
            rows = self.db.execute("SELECT borrower_id, version, state::text FROM states WHERE borrower_id = ANY(%s)",
                                   [missing])  # fmt: skip
            self.hot.update({borrower: (self.decode(state), version) for borrower, version, state in rows})

    def fold(
        self, events: dict[int, list[Event[Fact]]]
    ) -> tuple[dict[str, tuple[int, Known]], dict[int, list[Event[Fact]]]]:
        """Decide event by event."""
        changed: dict[str, tuple[int, Known]] = {}
        said: dict[int, list[Event[Fact]]] = {}
        for partition, batch in events.items():
            now, mine = datetime.now(UTC), said.setdefault(partition, [])
            for event in batch:
                fact = event.data
                assert isinstance(fact, LoanOverdue)
                loan, version = self.hot.get(fact.borrower_id, (Loan(), 0))
                if fact.borrower_id in changed:
                    loan = changed[fact.borrower_id][1][0]
                after, answer = step(loan, fact, now)
                changed[fact.borrower_id] = partition, (after, version + 1)
                mine.append(_event(event, answer, partition, now))
        return changed, said

    def save(self, changed: dict[str, tuple[int, Known]]) -> None:
        """COPY to a temporary table and merge, guarded by the version."""
        with self.db.cursor() as cursor:
            with cursor.copy("COPY stage (borrower_id, partition, version, state) FROM STDIN") as copy:
                for borrower, (partition, (loan, version)) in sorted(changed.items()):
                    copy.write_row((borrower, partition, version, self.encode(loan).decode()))
            cursor.execute(MERGE)
            if cursor.rowcount != len(changed):
                raise RuntimeError("somebody else wrote")

    def append(self, said: dict[int, list[Event[Fact]]]) -> dict[int, list[Frame]]:
        """The outbox under a gapless sequence per partition."""
        frames = {partition: self.numbered(partition, batch) for partition, batch in sorted(said.items())}
        how = f"COPY outbox ({OUTBOX_COLUMNS}) FROM STDIN (FORMAT BINARY)"
        with self.db.cursor() as cursor, cursor.copy(how) as copy:
            copy.set_types(["text", "int4", "int8", "text", "text", "text", "text", "bytea"])
            for partition, batch in frames.items():
                for sequence, key, value, id_ in batch:
                    row = (SAID.name, partition, sequence, id_, Stepped.TYPE, SAID.name, key.decode(), value)
                    copy.write_row(row)
        return frames

    def numbered(self, partition: int, batch: list[Event[Fact]]) -> list[Frame]:
        """The frames with the sequences that they get."""
        row = self.db.execute(
            "UPDATE sequences SET said = said + %s, published = %s WHERE partition = %s RETURNING said",
            [len(batch), self.published.get(partition, 0), partition],
        ).fetchone()
        assert row is not None
        first: int = row[0] - len(batch) + 1
        return [
            (first + n, event.data.key.encode(), b'{"sequence":%d,%b' % (first + n, event.to_json()[1:]), event.id)
            for n, event in enumerate(batch)
        ]

    def publish(self, frames: dict[int, list[Frame]]) -> None:
        """Hand over what is committed; the marks are written with the next transaction."""
        for partition, batch in frames.items():
            for _, key, value, id_ in batch:
                headers: list[tuple[str, Any]] = [HEADER, ("id", id_.encode())]
                self.producer.produce(SAID.name, value, key, partition, headers=headers)
            self.producer.poll(0)
            self.published[partition] = batch[-1][0]


def _event(cause: Event[Fact], answer: Stepped, partition: int, now: datetime) -> Event[Fact]:
    id_ = str(uuid.uuid5(NAMESPACE, f"{cause.source}\n{cause.id}\nbench\n0"))
    return Event.saying(answer, id=id_, source=f"/arrears/bench/{partition}", time=now, causationid=cause.id)


if __name__ == "__main__":
    gc.disable()
    Loop(os.environ["BENCH_BOOTSTRAP"], sys.argv[1]).run()
