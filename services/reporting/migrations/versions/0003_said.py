"""Sequences count only where their source owns the topic."""

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
    """Put right what is recorded."""
    owner = " ".join(f"WHEN '{topic}' THEN '/arrears/{stream}/'" for topic, stream in _OWNERS.items())
    op.execute(
        "UPDATE facts SET sequence = NULL WHERE sequence IS NOT NULL"
        f" AND source IS DISTINCT FROM (CASE topic {owner} END) || partition"
    )


def downgrade() -> None:
    """Nothing to take back."""
