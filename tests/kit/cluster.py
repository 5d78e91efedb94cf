"""Helpers of the tests on a real broker: topics, producers, worker processes, readers."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.error import URLError

import psycopg
from confluent_kafka import Consumer, Producer, TopicPartition
from kafka.admin import KafkaAdminClient

from schemas.envelope import Event, Fact
from schemas.topics import BORROWERS, CASES, CONTACTS, CONTROL, DEAD_LETTERS, LOANS, Topic
from services.kit.partitions import partition_for
from tests.kit.counter import MONDAY, NAME

TOPICS = (LOANS, BORROWERS, CASES, CONTROL, CONTACTS, DEAD_LETTERS[NAME])
CHECKOUT = Path(__file__).resolve().parents[2]


def recreate_topics(bootstrap: str) -> None:
    """Empty topics for one test; deleted ones vanish in the background, so wait until the new ones can be used."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        names = {topic.name for topic in TOPICS}
        if there := sorted(names & set(admin.list_topics())):
            admin.delete_topics(there)
            wait_for(lambda: not names & set(admin.list_topics()))
        wanted = {
            t.name: {"num_partitions": t.partitions, "replication_factor": 1, "configs": t.config} for t in TOPICS
        }
        admin.create_topics(wanted, wait_for_metadata=True)
    finally:
        admin.close()


def publish(bootstrap: str, facts: Iterable[Fact], ids: Iterable[str], per_batch: int = 10**9) -> None:
    """Publish facts as a bank does, with librdkafka and its murmur2 partitioner."""
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 5})
    for number, (fact, id_) in enumerate(zip(facts, ids, strict=False), start=1):
        event = Event.saying(fact, id=id_, source="/bank", time=MONDAY)
        producer.produce(fact.TOPIC.name, key=fact.key, value=event.to_json())
        if number % per_batch == 0:
            producer.flush()
    assert producer.flush(30) == 0


def publish_raw(bootstrap: str, topic: Topic, partition: int, key: bytes | None, value: bytes | None) -> None:
    """Publish bytes on a partition of one's choice."""
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(topic.name, partition=partition, key=key, value=value)
    assert producer.flush(30) == 0


def read_all(bootstrap: str, topic: str, partitions: int = 12) -> list[tuple[int, bytes | None, bytes | None, dict]]:
    """Every record of a topic: partition, key, value, headers."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
    found, left = [], 0
    try:
        places = [TopicPartition(topic, number, 0) for number in range(partitions)]
        left = sum(consumer.get_watermark_offsets(place, timeout=10)[1] for place in places)
        consumer.assign(places)
        while left > len(found):
            for message in consumer.consume(5000, timeout=0.2):
                assert message.error() is None
                found.append((message.partition(), message.key(), message.value(), dict(message.headers() or [])))
    finally:
        consumer.close()
    return found


def wait_for(ready: Callable[[], object], seconds: float = 30, pause: float = 0.05) -> None:
    """Wait until it is so. Raises AssertionError when it takes too long."""
    ends = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < ends, "waited too long"
        time.sleep(pause)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Worker:
    """A worker process of the throwaway service."""

    def __init__(self, bootstrap: str, database_url: str, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self.folder = folder
        self._environment = {
            **os.environ,
            "ARREARS_KAFKA_BOOTSTRAP": bootstrap,
            "ARREARS_DATABASE_URL": database_url,
            "ARREARS_MASTER_KEY": "bW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW0=",
            "ARREARS_HTTP_PORT": str(self.port),
            "ARREARS_DATA_DIR": str(folder),
            "ARREARS_SESSION_SECONDS": "6",
            "ARREARS_STOPPED_SECONDS": "2",
            "PYTHONPATH": str(CHECKOUT),
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self._log = folder / f"worker-{self.port}.log"

    def start(self) -> "Worker":
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(CHECKOUT / "tests" / "kit" / "worker.py")],
                cwd=CHECKOUT,
                env=self._environment,
                stderr=log,
                stdout=log,
            )
        return self

    def ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        try:
            return self.get("/health/ready")[0] == 200
        except (URLError, ConnectionError, TimeoutError):
            return False

    def wait_until_ready(self) -> "Worker":
        wait_for(self.ready, 40)
        return self

    def get(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(15)

    def log(self) -> str:
        return self._log.read_text()[-6000:]


class Tables:
    """What the worker's schema holds."""

    def __init__(self, url: str) -> None:
        self._url = url

    def one(self, sql: str) -> int:
        with psycopg.connect(self._url, options="-c search_path=notifier") as db:
            row = db.execute(sql).fetchone()
        return int(row[0] or 0) if row else 0

    def rows(self, sql: str) -> list[tuple]:
        with psycopg.connect(self._url, options="-c search_path=notifier") as db:
            return db.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        with psycopg.connect(self._url, options="-c search_path=notifier") as db:
            db.execute(sql)


def applied(tables: Tables) -> int:
    """How many overdue facts the worker has counted."""
    return tables.one("SELECT sum((state->>'overdue')::int) FROM states")


def place(borrower_id: str) -> int:
    return partition_for(borrower_id.encode(), LOANS.partitions)
