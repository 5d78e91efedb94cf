"""Which version of which rule book ops put in force, from when on."""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLE = """
CREATE TABLE rulebooks (
    target text NOT NULL,
    effective_from timestamptz NOT NULL,
    version text NOT NULL,
    reason text NOT NULL,
    said_by text NOT NULL,
    PRIMARY KEY (target, effective_from)
)
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(TABLE)


def downgrade() -> None:
    """Drop it, and with it what was activated."""
    op.execute("DROP TABLE rulebooks")
