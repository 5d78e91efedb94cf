"""Looking at a running system from outside: its summary, and how much is still on its way."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from psycopg.sql import SQL, Identifier

from schemas.topics import SERVICES, topics_of

Summary = Mapping[str, Any]
_SECONDS_MAX = 20.0


def fetch_summary(reporting: str, *, strict: bool = False) -> Summary | None:
    """What reporting says at this moment; None while it cannot say."""
    try:
        answer = httpx.get(f"{reporting}/api/summary", params={"strict": strict}, timeout=_SECONDS_MAX)
    except httpx.TransportError:
        return None
    found: Summary | None = answer.json() if answer.is_success else None
    return found


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is on its way: records that a service has yet to read, and facts that it has yet to publish."""

    unread: Mapping[str, int] = field(default_factory=dict)
    unsaid: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.unread.values()) + sum(self.unsaid.values())


def backlog(bootstrap: str, database_url: str) -> Backlog | None:
    """The backlog of all services; None while broker or database cannot tell."""
    try:
        with psycopg.connect(database_url) as database:
            positions = {name: dict(_positions(database, name)) for name in SERVICES}
            unsaid = {name: _unsaid(database, name) for name in SERVICES}
        ends = _ends(bootstrap)
    except (psycopg.Error, OSError, RuntimeError):
        return None
    unread = {
        name: sum(ends[spot] - positions[name].get(spot, 0) for spot in ends if spot[0] in _names(name))
        for name in SERVICES
    }
    return Backlog(unread, unsaid)


def _names(service: str) -> frozenset[str]:
    return frozenset(topic.name for topic in topics_of(service))


def _positions(database: "psycopg.Connection[tuple[Any, ...]]", service: str) -> Iterator[tuple[tuple[str, int], int]]:
    query = SQL("SELECT topic, partition, next FROM {}.positions").format(Identifier(service))
    for topic, partition, position in database.execute(query):
        yield (topic, partition), position


def _unsaid(database: "psycopg.Connection[tuple[Any, ...]]", service: str) -> int:
    query = SQL("SELECT coalesce(sum(said - published), 0) FROM {}.sequences").format(Identifier(service))
    found = database.execute(query).fetchone()
    return int(found[0]) if found else 0


def _ends(bootstrap: str) -> dict[tuple[str, int], int]:
    topics = {topic.name: topic for name in SERVICES for topic in topics_of(name)}
    spots = [TopicPartition(name, n) for name, topic in topics.items() for n in range(topic.partitions)]
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        found = admin.list_partition_offsets({spot: OffsetSpec.LATEST for spot in spots})
    return {(spot.topic, spot.partition): end.offset for spot, end in found.items()}


def read_statement(file: Path) -> Mapping[str, Any] | None:
    """The simulated bank's own figures; None until there are any."""
    try:
        found: Mapping[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    return found
