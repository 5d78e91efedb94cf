"""Set a receipt that cannot be applied aside, so that the others need not wait for it."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add how often, why not, and when again."""
    op.execute(
        "ALTER TABLE receipts ADD COLUMN tries INTEGER DEFAULT '0' NOT NULL,"
        " ADD COLUMN reason VARCHAR DEFAULT '' NOT NULL, ADD COLUMN again_at TIMESTAMP WITH TIME ZONE"
    )


def downgrade() -> None:
    """Drop them."""
    op.execute("ALTER TABLE receipts DROP COLUMN tries, DROP COLUMN reason, DROP COLUMN again_at")
