"""Where another service has missed records of the bank: its partitions are told again how loans stand."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table."""
    op.execute(
        "CREATE TABLE retellings (partition integer NOT NULL, asked integer NOT NULL, asked_at timestamptz NOT NULL,"
        " PRIMARY KEY (partition))"
    )


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE retellings")
