"""Reporting's tables as `services/reporting/store/tables.py` describes them."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE facts (
    topic text NOT NULL, partition smallint NOT NULL, "offset" bigint NOT NULL,
    event_id text NOT NULL, type text NOT NULL, source text NOT NULL, sequence bigint,
    subject_id text, label text, detail text, amount numeric(18, 2), currency text, at timestamptz,
    borrower_id text, case_id text, loan_id text, placement_id text, agency_id text,
    ids text[] NOT NULL, rules text[],
    valid_time timestamptz NOT NULL, recorded_time timestamptz NOT NULL, recorded_wall timestamptz NOT NULL,
    causation_id text, correlation_id text,
    PRIMARY KEY (topic, partition, "offset")
);
CREATE INDEX facts_by_type ON facts (type, recorded_time);
CREATE INDEX facts_by_event ON facts (event_id);
CREATE INDEX facts_by_cause ON facts (causation_id) WHERE causation_id IS NOT NULL;
CREATE INDEX facts_by_correlation ON facts (correlation_id) WHERE correlation_id IS NOT NULL;
CREATE INDEX facts_by_source ON facts (source, sequence) WHERE sequence IS NOT NULL;
CREATE INDEX facts_by_id ON facts USING gin (ids);
CREATE INDEX facts_by_agency ON facts (agency_id, recorded_time) WHERE agency_id IS NOT NULL;
CREATE TABLE bodies (
    topic text NOT NULL, partition smallint NOT NULL, "offset" bigint NOT NULL, data json NOT NULL,
    PRIMARY KEY (topic, partition, "offset")
);
CREATE TABLE loan_positions (
    topic text NOT NULL, partition smallint NOT NULL, "offset" bigint NOT NULL, loan_id text NOT NULL,
    borrower_id text NOT NULL, state text NOT NULL, business_date date NOT NULL, oldest_due_on date,
    principal numeric(18, 2) NOT NULL, interest numeric(18, 2) NOT NULL, fees numeric(18, 2) NOT NULL,
    arrears numeric(18, 2) NOT NULL, outstanding numeric(18, 2), currency text, product text, region text,
    valid_time timestamptz NOT NULL, recorded_time timestamptz NOT NULL,
    PRIMARY KEY (topic, partition, "offset", loan_id)
);
CREATE INDEX loan_positions_by_loan ON loan_positions (loan_id, valid_time, recorded_time, topic, "offset");
CREATE TABLE marks (
    topic text NOT NULL, partition smallint NOT NULL, "offset" bigint NOT NULL, kind text NOT NULL,
    role text NOT NULL, borrower_id text NOT NULL, loan_id text, starts timestamptz, ends timestamptz,
    recorded_time timestamptz NOT NULL,
    PRIMARY KEY (topic, partition, "offset", kind)
);
CREATE INDEX marks_by_borrower ON marks (borrower_id, role, kind, recorded_time);
CREATE TABLE contacts_made (
    topic text NOT NULL, partition smallint NOT NULL, "offset" bigint NOT NULL,
    contact_id text NOT NULL, borrower_id text NOT NULL, loan_ids text[] NOT NULL, made_at timestamptz NOT NULL,
    recorded_time timestamptz NOT NULL,
    PRIMARY KEY (topic, partition, "offset")
);
CREATE INDEX contacts_made_by_borrower ON contacts_made (borrower_id);
CREATE TABLE reports_said (
    report text NOT NULL, known_as_of timestamptz NOT NULL, valid_on timestamptz NOT NULL, restated boolean NOT NULL,
    laws_hold boolean NOT NULL, figures json NOT NULL, differences text[] NOT NULL,
    PRIMARY KEY (report, known_as_of)
);
CREATE TABLE alarms_raised (
    alarm_id text PRIMARY KEY, kind text NOT NULL, text text NOT NULL, raised_at timestamptz NOT NULL,
    cleared_at timestamptz
);
CREATE TABLE letters (service text PRIMARY KEY, letters integer NOT NULL, seen_at timestamptz NOT NULL);
"""


def upgrade() -> None:
    """Create the tables."""
    for statement in TABLES.strip().split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables; a rebuild from the topics fills them again."""
    for table in ("facts", "bodies", "loan_positions", "marks", "contacts_made", "reports_said", "alarms_raised"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP TABLE letters")
