"""A migrated database for the throwaway service."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from services.kit.database import engine_for
from services.kit.migrate import migrate, migrate_vault
from tests.kit.counter import NAME, metadata


@pytest.fixture
def database_url(fresh_database: Callable[[], str]) -> str:
    url = fresh_database()
    engine = engine_for(url, NAME)
    migrate_vault(engine)
    migrate(engine, NAME)
    metadata.create_all(engine)
    engine.dispose()
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = engine_for(database_url, NAME)
    yield made
    made.dispose()
