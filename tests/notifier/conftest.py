"""Notifier's schema on a database of its own."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine


@pytest.fixture
def engine(migrated: Callable[[str], Engine]) -> Engine:
    return migrated("notifier")
