"""The tables: the log of all facts, and what queries need beside it. Append-only, but for alarms and letter counts.

The kit keeps tables of its own in the same schema (`positions`, `alarms`, `dead_letters` ...), hence the names.
"""

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.sql.schema import SchemaItem

metadata = MetaData()
Instant = DateTime(timezone=True)
Money = Numeric(18, 2)


def _place() -> tuple[SchemaItem, ...]:
    """Where in the log a row comes from: what orders facts, and what makes writing one twice harmless."""
    return (
        Column("topic", Text, primary_key=True),
        Column("partition", SmallInteger, primary_key=True),
        Column("offset", BigInteger, primary_key=True),
    )


facts = Table(
    "facts",
    metadata,
    *_place(),
    Column("event_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("sequence", BigInteger),
    Column("subject_id", Text),
    Column("label", Text),
    Column("detail", Text),
    Column("amount", Money),
    Column("currency", Text),
    Column("at", Instant),
    Column("borrower_id", Text),
    Column("case_id", Text),
    Column("loan_id", Text),
    Column("placement_id", Text),
    Column("agency_id", Text),
    Column("ids", ARRAY(Text), nullable=False),
    Column("rules", ARRAY(Text)),
    Column("valid_time", Instant, nullable=False),
    Column("recorded_time", Instant, nullable=False),
    Column("recorded_wall", Instant, nullable=False),
    Column("causation_id", Text),
    Column("correlation_id", Text),
)
Index("facts_by_type", facts.c.type, facts.c.recorded_time)
Index("facts_by_event", facts.c.event_id)
Index("facts_by_cause", facts.c.causation_id, postgresql_where=facts.c.causation_id.is_not(None))
Index("facts_by_correlation", facts.c.correlation_id, postgresql_where=facts.c.correlation_id.is_not(None))
Index("facts_by_source", facts.c.source, facts.c.sequence, postgresql_where=facts.c.sequence.is_not(None))
Index("facts_by_id", facts.c.ids, postgresql_using="gin")
Index("facts_by_agency", facts.c.agency_id, facts.c.recorded_time, postgresql_where=facts.c.agency_id.is_not(None))

bodies = Table("bodies", metadata, *_place(), Column("data", JSON, nullable=False))
"""The data of each fact without personal fields, apart from the log so that counting facts reads narrow rows."""

loan_positions = Table(
    "loan_positions",
    metadata,
    *_place(),
    Column("loan_id", Text, primary_key=True),
    Column("borrower_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("business_date", Date, nullable=False),
    Column("oldest_due_on", Date),
    Column("principal", Money, nullable=False),
    Column("interest", Money, nullable=False),
    Column("fees", Money, nullable=False),
    Column("arrears", Money, nullable=False),
    Column("outstanding", Money),
    Column("currency", Text),
    Column("product", Text),
    Column("region", Text),
    Column("valid_time", Instant, nullable=False),
    Column("recorded_time", Instant, nullable=False),
)
Index(
    "loan_positions_by_loan",
    loan_positions.c.loan_id,
    loan_positions.c.valid_time,
    loan_positions.c.recorded_time,
    loan_positions.c.topic,
    loan_positions.c.offset,
)

marks = Table(
    "marks",
    metadata,
    *_place(),
    Column("kind", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("borrower_id", Text, nullable=False),
    Column("loan_id", Text),
    Column("starts", Instant),
    Column("ends", Instant),
    Column("recorded_time", Instant, nullable=False),
    Column("word", Text),
    Column("said", Instant),
    Column("day", Date),
    Column("version", BigInteger),
)
"""What stops contact and what releases it; by word, said, day and version it is decided whether it counts."""
Index("marks_by_borrower", marks.c.borrower_id, marks.c.role, marks.c.kind, marks.c.recorded_time)

contacts_made = Table(
    "contacts_made",
    metadata,
    *_place(),
    Column("contact_id", Text, nullable=False),
    Column("borrower_id", Text, nullable=False),
    Column("loan_ids", ARRAY(Text), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("recorded_time", Instant, nullable=False),
    Column("channel", Text),
)
"""Contacts really made."""
Index("contacts_made_by_borrower", contacts_made.c.borrower_id)

reports_said = Table(
    "reports_said",
    metadata,
    Column("report", Text, primary_key=True),
    Column("known_as_of", Instant, primary_key=True),
    Column("valid_on", Instant, nullable=False),
    Column("restated", Boolean, nullable=False),
    Column("laws_hold", Boolean, nullable=False),
    Column("figures", JSON, nullable=False),
    Column("differences", ARRAY(Text), nullable=False),
)
alarms_raised = Table(
    "alarms_raised",
    metadata,
    Column("alarm_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("cleared_at", Instant),
)
letters = Table(
    "letters",
    metadata,
    Column("service", Text, primary_key=True),
    Column("letters", Integer, nullable=False),
    Column("seen_at", Instant, nullable=False),
)
"""How many records stand on each service's dead-letter topic."""
