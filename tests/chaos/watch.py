"""What the run itself sees of the system: how far each service has come, and how far the logs reach."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

import psycopg
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from tests.chaos.plan import SERVICES
from tests.chaos.saying import BORROWERS, LOANS, REPORTS, SNAPSHOTS

INTAKE = (LOANS, BORROWERS, SNAPSHOTS, REPORTS)
ASK_SECONDS = 5
Place: TypeAlias = tuple[str, int]


@dataclass
class Watch:
    """Asks broker and database directly, past the proxies. Raises what they raise while they are away."""

    bootstrap: str
    database_url: str

    def __post_init__(self) -> None:
        """Nothing is asked yet."""
        self._admin: AdminClient | None = None
        self._db: psycopg.Connection[tuple[object, ...]] | None = None

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Ask the database, over a connection that is kept; one that is dead is replaced once."""
        if self._db is not None:
            with suppress(psycopg.OperationalError):
                return self._db.execute(sql).fetchall()
            self._db.close()
            self._db = None
        self._db = psycopg.connect(self.database_url, autocommit=True, connect_timeout=3)
        return self._db.execute(sql).fetchall()

    def positions(self, service: str) -> dict[Place, int]:
        """The stored positions of a service."""
        found = self.rows(f"SELECT topic, partition, next FROM {service}.positions")
        return {(str(topic), int(str(n))): int(str(next_)) for topic, n, next_ in found}

    def moved(self, service: str) -> int:
        """A figure that grows with every applied record or sent event of a service, whatever the topic."""
        (said,) = self.rows(f"SELECT coalesce(sum(published), 0) FROM {service}.sequences")[0]
        return sum(self.positions(service).values()) + int(str(said))

    def applied(self, service: str) -> int:
        """Intake records that a service has applied, repeats included."""
        return sum(next_ for (topic, _), next_ in self.positions(service).items() if topic in INTAKE)

    def ends(self, places: Mapping[Place, int]) -> dict[Place, int]:
        """Where the logs of these partitions end."""
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {TopicPartition(*place): latest for place in places}
        self._admin = self._admin or AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        try:
            found = self._admin.list_offsets(asked, request_timeout=ASK_SECONDS)
            return {(tp.topic, tp.partition): future.result(ASK_SECONDS).offset for tp, future in found.items()}
        except Exception:
            self._admin = None  # one that has seen the broker die may never find it again
            raise

    def behind(self, service: str, *, intake: bool = False) -> int:
        """Records on the logs that a service has not applied."""
        stored = {p: n for p, n in self.positions(service).items() if not intake or p[0] in INTAKE}
        return sum(end - stored[place] for place, end in self.ends(stored).items())

    def unsent(self) -> int:
        """Events that some service has said and not published."""
        return sum(
            int(str(self.rows(f"SELECT coalesce(sum(said - published), 0) FROM {name}.sequences")[0][0]))
            for name in SERVICES
        )

    def quiet(self) -> bool:
        """Whether nothing is under way anywhere."""
        return not self.unsent() and not any(self.behind(name) for name in SERVICES)


def intake_behind(watch: Watch) -> int:
    """How far the slowest service is behind on the intake; while nobody can tell, very far."""
    try:
        stored = [watch.positions(name) for name in SERVICES]
        places = {place: 0 for positions in stored for place in positions if place[0] in INTAKE}
        ends = watch.ends(places)
        return max(sum(ends[p] - n for p, n in one.items() if p in ends) for one in stored)
    except Exception:
        time.sleep(0.5)
        return 10**9


def sample(watch: Watch) -> str:
    """One line for the curve of what is on the logs and not yet applied, per service."""
    return json.dumps({"at": time.time(), "unseen": {name: watch.behind(name) for name in SERVICES}})
