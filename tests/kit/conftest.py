"""A migrated database for the throwaway service, and workers of it on empty topics."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.kit.database import engine_for
from services.kit.migrate import migrate, migrate_vault
from tests.kit.cluster import Tables, Worker, recreate_topics
from tests.kit.counter import COUNTER, MONDAY, NAME, Count, metadata


def prepared(url: str) -> None:
    engine = engine_for(url, NAME)
    migrate_vault(engine)
    migrate(engine, NAME)
    metadata.create_all(engine)
    engine.dispose()


@pytest.fixture
def database_url(fresh_database: Callable[..., str]) -> str:
    return fresh_database(prepared)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = engine_for(database_url, NAME)
    yield made
    made.dispose()


@pytest.fixture
def bench(engine: Engine) -> Bench[Count, None]:
    return Bench(COUNTER, engine, ManualClock(MONDAY))


@pytest.fixture
def cluster(kafka_bootstrap: str, database_url: str, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Call it to start a worker; topics and schema are empty at first. What is left over is killed."""
    recreate_topics(kafka_bootstrap)
    workers: list[Worker] = []

    def start(**settings: str) -> Worker:
        instance = str(len(workers) + 1)
        workers.append(Worker(kafka_bootstrap, database_url, tmp_path, **{"ARREARS_INSTANCE": instance, **settings}))
        return workers[-1].start()

    yield start
    for worker in workers:
        if worker.process and worker.process.poll() is None:
            worker.process.send_signal(signal.SIGCONT)
            worker.kill()


@pytest.fixture
def tables(database_url: str) -> Tables:
    return Tables(database_url)
