"""A real broker and a real database for the whole test run, and a fresh database for each test that asks for one."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
import structlog
from psycopg.sql import SQL, Identifier

from deploy.local.stack import DEFAULT_VAR, LocalStack, holder, running_stack


@pytest.fixture(scope="session", autouse=True)
def plain_tracebacks() -> None:
    """Errors are logged as the services log them: the default draws all variables of all frames, for seconds each."""
    shown = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, shown])


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """Broker and database of this test run, empty at its start. What it leaves is wiped by the next run."""
    runs = DEFAULT_VAR / "test"
    for old in runs.glob("*"):
        if holder(old) is None:
            shutil.rmtree(old, ignore_errors=True)
    with running_stack(runs / str(os.getpid())) as started:
        yield started


@pytest.fixture(scope="session")
def kafka_bootstrap(stack: LocalStack) -> str:
    """The address of the broker."""
    return stack.bootstrap


@pytest.fixture(scope="session")
def database_admin_url(stack: LocalStack) -> str:
    """The superuser's URL of the database `postgres`."""
    return stack.database_url()


@pytest.fixture
def fresh_database(database_admin_url: str) -> Iterator[Callable[[], str]]:
    """Call it for the superuser's URL of an empty database, which is dropped after the test."""
    made: list[str] = []

    def make() -> str:
        made.append(f"test_{uuid.uuid4().hex}")
        _execute(database_admin_url, "CREATE DATABASE {}", made[-1])
        return urlsplit(database_admin_url)._replace(path=f"/{made[-1]}").geturl()

    yield make
    for name in made:
        _execute(database_admin_url, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def _execute(url: str, statement: str, database: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL(statement).format(Identifier(database)))
