"""The four services with carriers that accept everything, and what they have read, said and used so far."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg.sql import SQL, Identifier

from deploy.local.stack import LocalStack
from deploy.local.system import Endpoints, Plan, start_system
from deploy.local.watching import backlog
from schemas.topics import SERVICES
from tests.bench.measure import cpu_seconds
from tests.bench.population import clock_setting

PARTS = (*SERVICES, "database", "broker", "carriers")
_PROCESS = {"database": "postgres", "broker": "kafka", "carriers": "sink"}


@dataclass(frozen=True, slots=True)
class Count:
    """One moment of the whole system: events that each service has read and said, processor seconds of each part."""

    at: float
    read: Mapping[str, int]
    said: Mapping[str, int]
    cpu: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Fleet:
    """A running system."""

    stack: LocalStack
    endpoints: Endpoints

    def pid(self, part: str) -> int:
        """The process of a part; 0 while it is down."""
        return self.stack.supervisor.state()[_PROCESS.get(part, part)].pid or 0

    def count(self) -> Count:
        """This moment."""
        read, said = {}, {}
        with psycopg.connect(self.endpoints.database) as db:
            for name in SERVICES:
                read[name] = _sum(db, "SELECT coalesce(sum(next), 0) FROM {}.positions", name)
                said[name] = _sum(db, "SELECT coalesce(sum(said), 0) FROM {}.sequences", name)
        cpu = {part: cpu_seconds([self.pid(part)]) for part in PARTS}
        return Count(time.monotonic(), read, said, cpu)

    @contextmanager
    def frozen(self, service: str) -> Iterator[None]:
        """A service does nothing during the block; then it is killed and starts again from what its tables say."""
        pid = self.pid(service)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGKILL)

    def remember_said(self, service: str, topic: str, said: Mapping[int, int]) -> None:
        """Let a service that does not run take it that it has said so many facts on each of these partitions."""
        query = SQL("INSERT INTO {}.sequences (topic, partition, said, published) VALUES (%s, %s, %s, %s)")
        with psycopg.connect(self.endpoints.database) as db:
            db.cursor().executemany(query.format(Identifier(service)), [(topic, n, c, c) for n, c in said.items()])

    def on_the_way(self, services: Sequence[str] = SERVICES) -> int:
        """Records that these services have yet to read, and facts that they have yet to publish."""
        found = backlog(self.stack.bootstrap, self.endpoints.database)
        return -1 if found is None else sum(found.unread[name] + found.unsaid[name] for name in services)

    def wait_until_quiet(
        self, show: Callable[[int], None], seconds: float, looks: int = 3, services: Sequence[str] = SERVICES
    ) -> float:
        """Wait until several looks in a row find nothing on its way; answer when the first of them was."""
        ends, quiet_since, found = time.monotonic() + seconds, 0.0, 0
        while time.monotonic() < ends:
            now, left = time.monotonic(), self.on_the_way(services)
            show(left)
            found = found + 1 if left == 0 else 0
            quiet_since = now if found == 1 else quiet_since
            if found >= looks:
                return quiet_since
            time.sleep(0.3)
        raise TimeoutError(f"not quiet after {seconds:.0f} s")


def _sum(db: "psycopg.Connection[tuple[int, ...]]", query: str, service: str) -> int:
    row = db.execute(SQL(query).format(Identifier(service))).fetchone()
    return int(row[0]) if row else 0


def start(stack: LocalStack, at: str) -> Fleet:
    """Start everything, at this local time of the business day."""
    plan = Plan(clock=clock_setting(at), bare=True, environment={"ARREARS_LOG_LEVEL": "warning"})
    return Fleet(stack, start_system(stack, plan))
