"""The read tables of visits, as `services/visits/store.py` describes them."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE agencies (
    agency_id text NOT NULL, name text, contact text, licence_number text, licensed_until date, staff json,
    suspended boolean, PRIMARY KEY (agency_id)
);
CREATE TABLE control (
    target text NOT NULL, paused boolean NOT NULL, PRIMARY KEY (target)
);
CREATE TABLE evidence (
    visit_id text NOT NULL, borrower_id text NOT NULL, digests json NOT NULL, kinds json NOT NULL,
    previous text NOT NULL, chain text NOT NULL, complete boolean NOT NULL, missing json NOT NULL,
    sealed_at timestamptz NOT NULL, PRIMARY KEY (visit_id)
);
CREATE INDEX evidence_by_borrower ON evidence (borrower_id, sealed_at);
CREATE TABLE late_results (
    event_id text NOT NULL, report_id text NOT NULL, visit_id text NOT NULL, borrower_id text NOT NULL,
    agency_id text NOT NULL, disposition text NOT NULL, reason text NOT NULL, arrived_at timestamptz NOT NULL,
    rejected_at timestamptz NOT NULL, PRIMARY KEY (event_id)
);
CREATE INDEX late_results_by_age ON late_results (rejected_at);
CREATE TABLE permits (
    decision_id text NOT NULL, visit_id text NOT NULL, borrower_id text NOT NULL, allowed boolean NOT NULL,
    decided_at timestamptz NOT NULL, local_time text NOT NULL, rulebook text NOT NULL, reasons json NOT NULL,
    counters json NOT NULL, known_as_of timestamptz NOT NULL, not_before timestamptz, expires_at timestamptz,
    retry_at timestamptz, PRIMARY KEY (decision_id)
);
CREATE INDEX permits_by_visit ON permits (visit_id);
CREATE TABLE visit_events (
    event_id text NOT NULL, visit_id text NOT NULL, borrower_id text NOT NULL, type text NOT NULL,
    said_at timestamptz NOT NULL, cause text, details json NOT NULL, PRIMARY KEY (event_id)
);
CREATE INDEX visit_events_by_visit ON visit_events (visit_id, said_at);
CREATE TABLE visit_team (
    visit_id text NOT NULL, staff_id text NOT NULL, day date NOT NULL, PRIMARY KEY (visit_id, staff_id)
);
CREATE INDEX visit_team_by_staff ON visit_team (staff_id, day);
CREATE TABLE visits (
    visit_id text NOT NULL, borrower_id text NOT NULL, case_id text NOT NULL, placement_id text NOT NULL,
    agency_id text NOT NULL, loan_ids json NOT NULL, state text NOT NULL, attempt integer NOT NULL,
    day date NOT NULL, local_from text NOT NULL, local_until text NOT NULL, utc_offset_minutes integer NOT NULL,
    window_start timestamptz NOT NULL, window_end timestamptz NOT NULL, address_id text NOT NULL,
    place text NOT NULL, team json NOT NULL, proof_id text NOT NULL, requested_at timestamptz NOT NULL,
    credential text, documents json, strategy text, dispatched_at timestamptz, arrived_at timestamptz,
    known_as_of timestamptz, halted_at timestamptz, halted_because text, halted_detail text, ended_at timestamptz,
    reason text, cause text, disposition text, reason_for_default text, reported_at timestamptz, on_time boolean,
    flags json,
    evidence_complete boolean, evidence_missing json, PRIMARY KEY (visit_id)
);
CREATE INDEX visits_by_agency ON visits (agency_id, day);
CREATE INDEX visits_by_borrower ON visits (borrower_id);
CREATE UNIQUE INDEX visits_by_credential ON visits (credential);
CREATE INDEX visits_by_day ON visits (day, state);
CREATE INDEX visits_open ON visits (day) WHERE ended_at IS NULL;
"""


def upgrade() -> None:
    """Create the tables."""
    for statement in TABLES.strip().rstrip(";").split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables; they can be made again from what was said."""
    for statement in TABLES.split(";\n"):
        words = statement.split()
        if words[1:2] == ["TABLE"]:
            op.execute(f"DROP TABLE {words[2]}")
