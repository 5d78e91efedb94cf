"""Alembic's entry for every migration of every service; `services.kit.migrate` hands over connection and table."""

from alembic import context

configuration = context.config
context.configure(
    connection=configuration.attributes["connection"],
    version_table=configuration.attributes["version_table"],
    version_table_schema=configuration.attributes["schema"],
    target_metadata=None,
)
with context.begin_transaction():
    context.run_migrations()
