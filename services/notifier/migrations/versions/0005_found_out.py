"""Keep what ops found out about a notice whose end nobody knew."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table."""
    op.execute(
        "CREATE TABLE found_out (contact_id VARCHAR NOT NULL PRIMARY KEY, finding VARCHAR NOT NULL,"
        " said_by VARCHAR NOT NULL, found_at TIMESTAMP WITH TIME ZONE NOT NULL)"
    )
    op.execute(
        "COMMENT ON COLUMN found_out.contact_id IS 'a notice whose end nobody knew';"
        " COMMENT ON COLUMN found_out.finding IS 'arrived, not_arrived or not_known: what the carrier says'"
    )


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE found_out")
