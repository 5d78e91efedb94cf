"""Reporting on a real database, migrated once and emptied before each test."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import Engine, text

from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.kit.database import engine_for
from services.kit.migrate import migrate
from services.reporting.app import service
from services.reporting.domain.reports import Report
from tests.reporting.log import day

DATABASE = "reporting_tests"


@pytest.fixture(scope="session")
def reporting_engine(database_admin_url: str) -> Iterator[Engine]:
    with psycopg.connect(database_admin_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {DATABASE}")
    engine = engine_for(urlsplit(database_admin_url)._replace(path=f"/{DATABASE}").geturl(), "reporting")
    migrate(engine, "reporting")
    yield engine
    engine.dispose()
    with psycopg.connect(database_admin_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


@pytest.fixture
def bench(reporting_engine: Engine) -> Bench[Report, None]:
    """Reporting, empty, at the first Monday plus sixty days."""
    empty(reporting_engine)
    return Bench(service(), reporting_engine, ManualClock(day(60)))


def empty(engine: Engine) -> None:
    with engine.begin() as db:
        tables = db.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'reporting' AND tablename NOT LIKE '%version'")
        )
        db.execute(text(f"TRUNCATE {', '.join(tables)}"))
