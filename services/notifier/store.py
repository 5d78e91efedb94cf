"""What people and pages may ask of notifier: its read tables, and how each fact said or read becomes rows of them."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    DateTime,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    null,
    select,
    text,
    union_all,
)

from services.rulebook.shelf import Activation

metadata = MetaData(schema="notifier")

INSTANT = DateTime(timezone=True)

contacts = Table(
    "contacts",
    metadata,
    Column("contact_id", String, primary_key=True, comment="N-… of a notice or call, V-… of a visit"),
    Column("partition", Integer, nullable=False),
    Column("borrower_id", String, nullable=False),
    Column("case_id", String),
    Column("loan_ids", JSON, nullable=False),
    Column("channel", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("step", String, comment="ladder step; null for visits and calls"),
    Column(
        "state",
        String,
        nullable=False,
        comment="pending submitting submitted delivered failed unknown cancelled (ours); permitted settled (others')",
    ),
    Column("proposed_by", String, nullable=False),
    Column("not_before", INSTANT, nullable=False),
    Column("expires_at", INSTANT, nullable=False),
    Column("language", String),
    Column("template", String),
    Column("amounts", JSON, comment="currency, principal, interest, fees (decimal strings), days_past_due"),
    Column("contact_point_id", String, comment="the sealed value stands in borrowers.points under this id"),
    Column("attempt", Integer, nullable=False, comment="1, or 2 for a fall-back channel"),
    Column("claimed_at", INSTANT),
    Column("submitted_at", INSTANT),
    Column("carrier_reference", String),
    Column("delivered_at", INSTANT),
    Column("settled_at", INSTANT),
    Column("proof", JSON),
    Column("reason", Text),
    Index("contacts_by_borrower", "borrower_id"),
    Index(
        "contacts_under_way",
        "partition",
        "not_before",
        postgresql_where=text("state IN ('pending', 'submitting')"),
    ),
    Index("contacts_by_carrier_reference", "carrier_reference"),
    Index("contacts_unknown", "settled_at", "contact_id", postgresql_where=text("state = 'unknown'")),
)

decisions = Table(
    "decisions",
    metadata,
    Column("decision_id", String, primary_key=True, comment="id of the event that said it"),
    Column("contact_id", String, nullable=False),
    Column("borrower_id", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("party", String, nullable=False),
    Column("proposed_by", String, nullable=False),
    Column("allowed", Boolean, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("counters", JSON, nullable=False),
    Column("rulebook", String, nullable=False),
    Column("proposed_for", INSTANT, nullable=False),
    Column("decided_at", INSTANT, nullable=False),
    Column("local_time", String, nullable=False),
    Column("time_zone", String, nullable=False),
    Column("known_as_of", INSTANT, nullable=False),
    Column("retry_at", INSTANT),
    Column("expires_at", INSTANT),
    Column("inputs", JSON, nullable=False, comment="proposal, profile and history: all that is needed to re-run it"),
    Index("decisions_by_contact", "contact_id", "decided_at"),
    Index("decisions_by_borrower", "borrower_id", "decided_at"),
)

borrowers = Table(
    "borrowers",
    metadata,
    Column("borrower_id", String, primary_key=True),
    Column("region", String, nullable=False),
    Column("time_zone", String, nullable=False),
    Column("language", String, nullable=False),
    Column("status", String, nullable=False),
    Column("name", JSON, comment="sealed"),
    Column("points", JSON, nullable=False, comment="contact point id → {channel, source, value: sealed}"),
    Column("recorded_at", INSTANT, nullable=False),
)

answers = Table(
    "answers",
    metadata,
    Column("answer_id", String, primary_key=True),
    Column("notice_id", String, nullable=False),
    Column("borrower_id", String, nullable=False),
    Column("answer", String, nullable=False),
    Column("answered_at", INSTANT, nullable=False),
    Column("details", JSON, nullable=False, comment="promised_on, amount, currency, instalments; statement sealed"),
    Index("answers_by_borrower", "borrower_id"),
)

found_out = Table(
    "found_out",
    metadata,
    Column("contact_id", String, primary_key=True, comment="a notice whose end nobody knew"),
    Column("finding", String, nullable=False, comment="arrived, not_arrived or not_known: what the carrier says"),
    Column("said_by", String, nullable=False),
    Column("found_at", INSTANT, nullable=False),
)

agencies = Table(
    "agencies",
    metadata,
    Column("agency_id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("contact", String, nullable=False),
    Column("in_house", Boolean, nullable=False),
)

control = Table(
    "control",
    metadata,
    Column("target", String, primary_key=True, comment="a strategy, an agency or a rule book"),
    Column("kind", String, primary_key=True, comment="strategy, agency, rulebook"),
    Column("state", String, nullable=False, comment="paused, resumed, drained, or the version activated"),
    Column("reason", Text, nullable=False),
    Column("said_by", String, nullable=False),
    Column("effective_from", INSTANT, nullable=False),
)


rulebooks = Table(
    "rulebooks",
    metadata,
    Column("target", String, primary_key=True, comment="a jurisdiction, as ops named it"),
    Column("effective_from", INSTANT, primary_key=True),
    Column("version", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("said_by", String, nullable=False),
)

_PAUSED = select(control.c.target, null().label("version"), null().label("effective_from")).where(
    control.c.kind == "strategy", control.c.state == "paused"
)
_ACTIVATED = select(rulebooks.c.target, rulebooks.c.version, rulebooks.c.effective_from)


def ordered_by_ops(db: Connection) -> tuple[frozenset[str], tuple[Activation, ...]]:
    """The strategies that ops have paused, as they named them, and the rule books that they activated: one question."""
    rows = db.execute(union_all(_PAUSED, _ACTIVATED)).all()
    paused = frozenset(row.target for row in rows if row.version is None)
    return paused, tuple(Activation(*row) for row in rows if row.version is not None)


def activations_of(db: Connection) -> tuple[Activation, ...]:
    """Which versions of rule books ops put in force, from when on."""
    return tuple(Activation(*row) for row in db.execute(_ACTIVATED))
