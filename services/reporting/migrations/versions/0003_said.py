"""Sequences count only where their source owns the topic, and no position is later than the broker took its fact."""

from alembic import op

revision = "0003"
down_revision = "0002"

_OWNERS = {
    "collections.contacts.v1": "notifier",
    "collections.cases.v1": "assignment",
    "collections.agencies.v1": "assignment-agencies",
    "collections.visits.v1": "visits",
}


def upgrade() -> None:
    """Put right what is recorded; the days past due of a fact with an odd business day stay until the loan's next."""
    owner = " ".join(f"WHEN '{topic}' THEN '/arrears/{stream}/'" for topic, stream in _OWNERS.items())
    op.execute(
        "UPDATE facts SET sequence = NULL WHERE sequence IS NOT NULL"
        f" AND source IS DISTINCT FROM (CASE topic {owner} END) || partition"
    )
    op.execute("UPDATE loan_positions SET valid_time = recorded_time WHERE valid_time > recorded_time")


def downgrade() -> None:
    """Nothing to take back."""
