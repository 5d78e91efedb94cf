"""The read tables of assignment as `services/assignment/store/tables.py` describes them."""

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE agencies (
    agency_id text NOT NULL, name text NOT NULL, in_house boolean NOT NULL, regions json NOT NULL, products
    json NOT NULL, capacity integer NOT NULL, target_share integer NOT NULL, contact text NOT NULL,
    licence_number text, licensed_until date, inspected_on date, staff json, mandate_id text, authority
    json, mandate_from date, mandate_until date, fee_basis_points integer, data_categories json, conduct
    integer, records integer, recovery integer, evaluated_on date, suspended text, suspended_at timestamptz,
    reinstated_at timestamptz, drained boolean, PRIMARY KEY (agency_id)
);
CREATE TABLE controls (
    target text NOT NULL, paused boolean NOT NULL, reason text NOT NULL, by text NOT NULL, at timestamptz
    NOT NULL, PRIMARY KEY (target)
);
CREATE TABLE cases (
    case_id text NOT NULL, borrower_id text NOT NULL, loan_ids json NOT NULL, products json NOT NULL,
    currency text NOT NULL, principal numeric(17,2) NOT NULL, interest numeric(17,2) NOT NULL, fees
    numeric(17,2) NOT NULL, days_past_due integer NOT NULL, region text NOT NULL, segment text NOT NULL,
    score integer NOT NULL, arm text NOT NULL, strategy text NOT NULL, stage text NOT NULL, opened_at
    timestamptz NOT NULL, closed_at timestamptz, outcome text, via text, paid numeric(17,2), reopened_at
    timestamptz, PRIMARY KEY (case_id)
);
CREATE INDEX cases_by_borrower ON cases (borrower_id);
CREATE INDEX cases_open ON cases (stage, case_id) WHERE closed_at IS NULL;
CREATE TABLE placements (
    placement_id text NOT NULL, case_id text NOT NULL, borrower_id text NOT NULL, agency_id text NOT NULL,
    partition integer NOT NULL, state text NOT NULL, loan_ids json NOT NULL, currency text NOT NULL, arrears
    numeric(17,2) NOT NULL, days_past_due integer NOT NULL, region text NOT NULL, mandate_id text NOT NULL,
    proof_id text NOT NULL, attempt integer NOT NULL, candidates json NOT NULL, reason text NOT NULL,
    offered_at timestamptz NOT NULL, answer_by timestamptz NOT NULL, activated_at timestamptz, ends_at
    timestamptz, refused_at timestamptz, refusal text, recalled_at timestamptz, cause text, recall_reason
    text, attest_by timestamptz, attested_at timestamptz, on_time boolean, alarmed boolean, PRIMARY KEY
    (placement_id)
);
CREATE INDEX placements_by_agency ON placements (agency_id, state, placement_id);
CREATE INDEX placements_by_case ON placements (case_id);
CREATE INDEX placements_pending ON placements (partition, agency_id) WHERE state IN ('offered', 'active');
CREATE TABLE promises (
    promise_id text NOT NULL, case_id text NOT NULL, borrower_id text NOT NULL, loan_ids json NOT NULL,
    currency text NOT NULL, amount numeric(17,2) NOT NULL, due_on date NOT NULL, state text NOT NULL, via
    text NOT NULL, grace_days integer NOT NULL, threshold_percent integer NOT NULL, made_at timestamptz NOT
    NULL, paid numeric(17,2), decided_at timestamptz, reason text, reopened_at timestamptz, PRIMARY KEY
    (promise_id)
);
CREATE INDEX promises_by_case ON promises (case_id);
CREATE TABLE plans (
    plan_id text NOT NULL, case_id text NOT NULL, borrower_id text NOT NULL, loan_ids json NOT NULL,
    currency text NOT NULL, state text NOT NULL, via text NOT NULL, instalments json NOT NULL, proposed_at
    timestamptz NOT NULL, decided_at timestamptz, ended_at timestamptz, paid numeric(17,2), reason text,
    PRIMARY KEY (plan_id)
);
CREATE INDEX plans_by_case ON plans (case_id);
CREATE TABLE missed_instalments (
    plan_id text NOT NULL, due_on date NOT NULL, amount numeric(17,2) NOT NULL, paid numeric(17,2) NOT NULL,
    PRIMARY KEY (plan_id, due_on)
);
CREATE TABLE holds (
    hold_id text NOT NULL, case_id text NOT NULL, borrower_id text NOT NULL, reason text NOT NULL, until
    timestamptz, placed_at timestamptz NOT NULL, released_at timestamptz, why text, PRIMARY KEY (hold_id)
);
CREATE INDEX holds_by_case ON holds (case_id);
CREATE TABLE matters (
    matter_id text NOT NULL, kind text NOT NULL, borrower_id text NOT NULL, case_id text, agency_id text,
    visit_id text, state text NOT NULL, via text, answer_by date, opened_at timestamptz, decided_at
    timestamptz, reason text, PRIMARY KEY (matter_id)
);
CREATE INDEX matters_by_agency ON matters (agency_id, decided_at) WHERE state = 'upheld';
CREATE INDEX matters_by_borrower ON matters (borrower_id);
CREATE TABLE legal_decisions (
    decision_id text NOT NULL, case_id text NOT NULL, borrower_id text NOT NULL, state text NOT NULL,
    loan_ids json NOT NULL, currency text NOT NULL, arrears numeric(17,2) NOT NULL, days_past_due integer
    NOT NULL, reasons json NOT NULL, limitation_expires_on date, recommended_at timestamptz, decide_by
    timestamptz, decided_at timestamptz, PRIMARY KEY (decision_id)
);
CREATE INDEX legal_decisions_by_case ON legal_decisions (case_id);
CREATE TABLE payments (
    attribution_id text NOT NULL, payment_id text NOT NULL, case_id text NOT NULL, borrower_id text NOT
    NULL, loan_id text NOT NULL, currency text NOT NULL, amount numeric(17,2) NOT NULL, attributed_to text
    NOT NULL, agency_id text, placement_id text, promise_id text, plan_id text, reason text NOT NULL,
    value_date date NOT NULL, said_at timestamptz NOT NULL, PRIMARY KEY (attribution_id)
);
CREATE INDEX payments_by_case ON payments (case_id);
CREATE INDEX payments_by_payment ON payments (payment_id);
CREATE TABLE ledger (
    transaction_id text NOT NULL, line integer NOT NULL, fee_id text NOT NULL, payment_id text NOT NULL,
    case_id text NOT NULL, placement_id text NOT NULL, agency_id text NOT NULL, account text NOT NULL, debit
    numeric(17,2) NOT NULL, credit numeric(17,2) NOT NULL, currency text NOT NULL, said_at timestamptz NOT
    NULL, PRIMARY KEY (transaction_id, line)
);
CREATE INDEX ledger_by_agency ON ledger (agency_id, said_at);
CREATE TABLE repairs (
    repair_id text NOT NULL, case_id text NOT NULL, borrower_id text NOT NULL, loan_id text NOT NULL, found
    text NOT NULL, business_date date NOT NULL, PRIMARY KEY (repair_id)
);
CREATE TABLE visits_made (
    visit_id text NOT NULL, agency_id text NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (visit_id)
);
CREATE INDEX visits_made_by_agency ON visits_made (agency_id, at);
"""
NAMES = (
    *("agencies", "controls", "cases", "placements", "promises", "plans", "missed_instalments", "holds", "matters"),
    *("legal_decisions", "payments", "ledger", "repairs", "visits_made"),
)


def upgrade() -> None:
    """Create them."""
    op.execute(TABLES)


def downgrade() -> None:
    """Drop them; they are a projection of what was said."""
    for name in reversed(NAMES):
        op.execute(f"DROP TABLE {name}")
