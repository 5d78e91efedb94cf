"""Find the notices whose end nobody knows without reading all contacts."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the index."""
    op.execute("CREATE INDEX contacts_unknown ON contacts (settled_at, contact_id) WHERE state = 'unknown'")


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP INDEX contacts_unknown")
