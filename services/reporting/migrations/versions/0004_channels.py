"""A request to stop is kept for each channel, and over which channel a contact was made."""

from alembic import op

revision, down_revision = "0004", "0003"
branch_labels = depends_on = None


def upgrade() -> None:
    """Add the channel, and split the requests over all channels. Those of some are known after a rebuild."""
    op.execute("ALTER TABLE contacts_made ADD channel text")
    op.execute(
        "UPDATE contacts_made SET channel = coalesce(bodies.data ->> 'channel', 'visit') FROM bodies"
        " WHERE contacts_made.topic = bodies.topic AND contacts_made.partition = bodies.partition"
        ' AND contacts_made."offset" = bodies."offset"'
    )
    op.execute(
        "INSERT INTO marks SELECT topic, partition, \"offset\", 'stop_request ' || channel, role, borrower_id, loan_id,"
        " starts, ends, recorded_time, word, said, day, version FROM marks,"
        " unnest(ARRAY['sms', 'email', 'letter', 'voice', 'visit']) AS channel WHERE kind = 'stop_request'"
    )
    op.execute("DELETE FROM marks WHERE kind = 'stop_request'")


def downgrade() -> None:
    """Drop it again."""
    op.execute("DELETE FROM marks WHERE kind LIKE 'stop_request %' AND kind <> 'stop_request sms'")
    op.execute("UPDATE marks SET kind = 'stop_request' WHERE kind = 'stop_request sms'")
    op.execute("ALTER TABLE contacts_made DROP channel")
