"""The read tables of notifier as `services/notifier/store.py` and `store_outgoing.py` describe them."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE contacts (
    contact_id text NOT NULL,
    partition integer NOT NULL,
    borrower_id text NOT NULL,
    case_id text,
    loan_ids json NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    step text,
    state text NOT NULL,
    proposed_by text NOT NULL,
    not_before timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    language text,
    template text,
    amounts json,
    contact_point_id text,
    attempt integer NOT NULL,
    claimed_at timestamptz,
    submitted_at timestamptz,
    carrier_reference text,
    delivered_at timestamptz,
    settled_at timestamptz,
    proof json,
    reason text,
    PRIMARY KEY (contact_id)
);
CREATE INDEX contacts_by_borrower ON contacts (borrower_id);
CREATE INDEX contacts_by_carrier_reference ON contacts (carrier_reference);
CREATE INDEX contacts_under_way ON contacts (partition, not_before) WHERE state IN ('pending', 'submitting');
CREATE TABLE decisions (
    decision_id text NOT NULL,
    contact_id text NOT NULL,
    borrower_id text NOT NULL,
    channel text NOT NULL,
    purpose text NOT NULL,
    party text NOT NULL,
    proposed_by text NOT NULL,
    allowed boolean NOT NULL,
    reasons json NOT NULL,
    counters json NOT NULL,
    rulebook text NOT NULL,
    proposed_for timestamptz NOT NULL,
    decided_at timestamptz NOT NULL,
    local_time text NOT NULL,
    time_zone text NOT NULL,
    known_as_of timestamptz NOT NULL,
    retry_at timestamptz,
    expires_at timestamptz,
    inputs json NOT NULL,
    PRIMARY KEY (decision_id)
);
CREATE INDEX decisions_by_borrower ON decisions (borrower_id, decided_at);
CREATE INDEX decisions_by_contact ON decisions (contact_id, decided_at);
CREATE TABLE borrowers (
    borrower_id text NOT NULL,
    region text NOT NULL,
    time_zone text NOT NULL,
    language text NOT NULL,
    status text NOT NULL,
    name json,
    points json NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (borrower_id)
);
CREATE TABLE answers (
    answer_id text NOT NULL,
    notice_id text NOT NULL,
    borrower_id text NOT NULL,
    answer text NOT NULL,
    answered_at timestamptz NOT NULL,
    details json NOT NULL,
    PRIMARY KEY (answer_id)
);
CREATE INDEX answers_by_borrower ON answers (borrower_id);
CREATE TABLE agencies (
    agency_id text NOT NULL,
    name text NOT NULL,
    contact text NOT NULL,
    in_house boolean NOT NULL,
    PRIMARY KEY (agency_id)
);
CREATE TABLE control (
    target text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    reason text NOT NULL,
    said_by text NOT NULL,
    effective_from timestamptz NOT NULL,
    PRIMARY KEY (target, kind)
);
CREATE TABLE receipts (
    reference text NOT NULL,
    fate text NOT NULL,
    detail text NOT NULL,
    digest text NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (reference)
);
"""
NAMES = ("contacts", "decisions", "borrowers", "answers", "agencies", "control", "receipts")


def upgrade() -> None:
    """Create the tables."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drop them, and what stood in them."""
    for name in NAMES:
        op.execute(f"DROP TABLE {name}")
