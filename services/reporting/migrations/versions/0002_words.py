"""What decides whether a mark counts. Marks written before count always."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns."""
    op.execute("ALTER TABLE marks ADD word text, ADD said timestamptz, ADD day date, ADD version bigint")


def downgrade() -> None:
    """Drop them."""
    op.execute("ALTER TABLE marks DROP word, DROP said, DROP day, DROP version")
