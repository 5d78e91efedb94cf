"""A recommendation to go to law can be withdrawn: why it was."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE legal_decisions ADD COLUMN withdrawn_because text")


def downgrade() -> None:
    """Drop it."""
    op.execute("ALTER TABLE legal_decisions DROP COLUMN withdrawn_because")
