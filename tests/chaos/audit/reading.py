"""How the auditor reads: topics with librdkafka from their first record, tables with plain SQL."""

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from tests.chaos.audit.contract import INTAKE, KEPT, LETTERS, SPOKEN

WAIT_SECONDS = 60.0
NOT_YET = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART)
"""What a broker answers about a partition that is just being made."""

AT_ONCE, PATIENCE_SECONDS = 2000, 0.1
"""librdkafka waits for that many messages or for that long, whichever comes first."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic. `data` only of facts that are looked into."""

    topic: str
    partition: int
    offset: int
    key: str
    id: str
    source: str
    type: str
    sequence: int = 0
    cause: str = ""
    value: bytes = b""
    data: dict[str, Any] = field(default_factory=dict)


def record_of(topic: str, partition: int, offset: int, key: bytes | None, value: bytes | None) -> Record:
    """A record as the auditor keeps it."""
    event = json.loads(value or b"{}")
    kind = event.get("type", "")
    return Record(
        topic,
        partition,
        offset,
        (key or b"").decode("utf-8", "replace"),
        event.get("id", ""),
        event.get("source", ""),
        kind,
        event.get("sequence") or 0,
        event.get("causationid") or "",
        value or b"",
        event.get("data", {}) if kind in KEPT else {},
    )


class Topics:
    """Reads whole partitions, with no group of its own."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"auditor-{uuid.uuid4().hex[:8]}",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "check.crcs": True,
                "log_level": 0,
            }
        )

    def ends(self, partition: int) -> dict[str, int]:
        """Where the logs of one partition number end."""
        names = (*INTAKE, *SPOKEN, *LETTERS.values(), "collections.control.v1")
        latest, until = OffsetSpec.latest(), time.monotonic() + WAIT_SECONDS  # type: ignore[no-untyped-call]
        asked = {TopicPartition(name, partition): latest for name in names}
        while True:
            found = self._admin.list_offsets(asked, request_timeout=WAIT_SECONDS)
            try:
                return {place.topic: future.result(WAIT_SECONDS).offset for place, future in found.items()}
            except KafkaException as error:  # a partition that is just being made has no leader yet
                if error.args[0].code() not in NOT_YET or time.monotonic() > until:
                    raise
                time.sleep(0.5)
                self._admin = AdminClient(
                    {"bootstrap.servers": self._bootstrap, "log_level": 0}
                )  # the old one keeps what it was told

    def partition(self, number: int, ends: dict[str, int]) -> Iterator[Record]:
        """All events of one partition number of all topics, in the order of each."""
        wanted = {name: end for name, end in ends.items() if end and name in (*INTAKE, *SPOKEN)}
        self._consumer.assign([TopicPartition(name, number, 0) for name in wanted])
        heard = time.monotonic()
        while wanted:
            messages = self._consumer.consume(AT_ONCE, timeout=PATIENCE_SECONDS)
            heard = time.monotonic() if messages else heard
            if time.monotonic() - heard > WAIT_SECONDS:
                raise TimeoutError(f"partition {number}: {', '.join(wanted)} could not be read to the end")
            for message in messages:
                if message.error() is not None:
                    raise RuntimeError(str(message.error()))
                name, offset = message.topic() or "", message.offset() or 0
                yield record_of(name, number, offset, message.key(), message.value())
                if offset + 1 >= wanted.get(name, 0):
                    wanted.pop(name, None)

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()


class Tables:
    """Reads tables."""

    def __init__(self, url: str) -> None:
        self._db = psycopg.connect(url, autocommit=True)

    def rows(self, sql: str, *arguments: Any) -> Sequence[tuple[Any, ...]]:
        """The rows of a question."""
        return self._db.execute(sql, arguments).fetchall()

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()


def lines(path: Path) -> list[dict[str, Any]]:
    """A file of JSON lines; none where it is missing."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.endswith("\n")]
