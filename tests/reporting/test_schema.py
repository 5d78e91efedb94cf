"""The migrations make exactly the tables that the store describes."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.reporting.store.tables import metadata


@pytest.mark.stack
def test_the_migrated_schema_is_what_the_store_describes(reporting_engine):
    def ours(_object, name, kind, _reflected, _compared):
        return kind != "table" or name in metadata.tables

    with reporting_engine.connect() as db:
        context = MigrationContext.configure(db, opts={"include_object": ours, "compare_type": True})
        assert compare_metadata(context, metadata) == []
