"""A real broker and a real database for the whole test run, and a fresh database for each test that asks for one."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from typing import TypeAlias
from urllib.parse import urlsplit

import psycopg
import pytest
import structlog
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine

from deploy.local.stack import DEFAULT_VAR, LocalStack, holder, running_stack
from services.kit.database import engine_for
from services.kit.migrate import migrate, migrate_vault

Prepare: TypeAlias = Callable[[str], None]


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


@pytest.fixture(scope="session")
def templates(database_admin_url: str) -> Iterator[Callable[[Prepare], str]]:
    """Call it with what prepares a database for the name of one that is so prepared: once in a test run."""
    made: dict[Prepare, str] = {}

    def template(prepare: Prepare) -> str:
        if prepare not in made:
            made[prepare] = f"template_{uuid.uuid4().hex}"
            _execute(database_admin_url, "CREATE DATABASE {}", made[prepare])
            prepare(_url(database_admin_url, made[prepare]))
        return made[prepare]

    yield template
    for name in made.values():
        _execute(database_admin_url, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


@pytest.fixture
def fresh_database(database_admin_url: str, templates: Callable[[Prepare], str]) -> Iterator[Callable[..., str]]:
    """Call it for the superuser's URL of an empty database, or of a copy of a prepared one; dropped after the test.

    What prepares it gets the URL of an empty database, is run once in a test run, and leaves no connection open.
    """
    made: list[str] = []

    def make(prepare: Prepare | None = None) -> str:
        made.append(f"test_{uuid.uuid4().hex}")
        _execute(database_admin_url, "CREATE DATABASE {} TEMPLATE {}", made[-1], _name(prepare))
        return _url(database_admin_url, made[-1])

    def _name(prepare: Prepare | None) -> str:
        return templates(prepare) if prepare else "template1"

    yield make
    for name in made:
        _execute(database_admin_url, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


@pytest.fixture
def migrated(fresh_database: Callable[..., str]) -> Iterator[Callable[[str], Engine]]:
    """Call it with a service for an engine on a database of its own with that service's schema, and the vault's."""
    made: list[Engine] = []

    def make(service: str) -> Engine:
        made.append(engine_for(fresh_database(schema_of(service)), service))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


@cache
def schema_of(service: str) -> Prepare:
    """What prepares a database for a service."""

    def prepare(url: str) -> None:
        engine = engine_for(url, service)
        migrate_vault(engine)
        migrate(engine, service)
        engine.dispose()

    return prepare


def _url(admin_url: str, database: str) -> str:
    return urlsplit(admin_url)._replace(path=f"/{database}").geturl()


def _execute(url: str, statement: str, *names: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL(statement).format(*map(Identifier, names)))
