"""The kit's own tables, the same in every service's schema. Created by `migrations/versions`.

Times named `seen_at`, `failed_at` and so on are true time (the database's clock); `next_at` and `known_as_of` are
business time (the clock port's).
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

metadata = MetaData()
_INSTANT = DateTime(timezone=True)


def _now(name: str) -> "Column[object]":
    return Column(name, _INSTANT, nullable=False, server_default=func.now())


positions = Table(
    "positions",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("topic_id", Text, nullable=False),
    Column("next", BigInteger, nullable=False),
)
position_decisions = Table(
    "position_decisions",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("stored", BigInteger, nullable=False),
    Column("stored_topic_id", Text, nullable=False),
    Column("log_first", BigInteger, nullable=False),
    Column("log_last", BigInteger, nullable=False),
    Column("topic_id", Text, nullable=False),
    Column("accepted", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    _now("decided_at"),
)
accepted_letters = Table(
    "accepted_letters",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    _now("decided_at"),
)
states = Table(
    "states",
    metadata,
    Column("borrower_id", Text, primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("next_at", _INSTANT),
    Column("state", JSON, nullable=False),
    Index("states_due", "partition", "next_at", postgresql_where=text("next_at IS NOT NULL")),
)
inbox = Table(
    "inbox",
    metadata,
    Column("partition", Integer, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    _now("seen_at"),
    Index("inbox_age", "seen_at", postgresql_using="brin"),
)
stamps = Table(
    "stamps",
    metadata,
    Column("source", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)
gaps = Table(
    "gaps",
    metadata,
    Column("source", Text, primary_key=True),
    Column("after", BigInteger, primary_key=True, comment="last sequence seen before the gap"),
    Column("before", BigInteger, nullable=False, comment="first sequence seen behind the gap"),
    _now("found_at"),
)
sequences = Table(
    "sequences",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("said", BigInteger, nullable=False, comment="last sequence given out; its row lock orders the commits"),
    Column("published", BigInteger, nullable=False, server_default="0", comment="all up to here are on the broker"),
)
outbox = Table(
    "outbox",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("aggregatetype", Text, nullable=False),
    Column("aggregateid", Text),
    Column("key", LargeBinary),
    Column("payload", LargeBinary),
    Column("headers", JSON, comment="null: those that every event has"),
    _now("said_at"),
)
dead_letters = Table(
    "dead_letters",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", JSON, nullable=False),
    Column("borrower_id", Text),
    Column("parks", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="1"),
    _now("first_failed_at"),
    Column("redrive_requested_at", _INSTANT),
    Column("redriven_at", _INSTANT),
    UniqueConstraint("topic", "partition", "position"),
    Index("dead_letters_parking", "borrower_id", postgresql_where=text("parks AND redriven_at IS NULL")),
    Index("dead_letters_asked", "partition", postgresql_where=text("redrive_requested_at IS NOT NULL")),
)
parked = Table(
    "parked",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=True),
    Column("borrower_id", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", JSON, nullable=False),
    _now("parked_at"),
    UniqueConstraint("topic", "partition", "position"),
    Index("parked_borrower", "borrower_id", "number"),
)
freshness = Table(
    "freshness",
    metadata,
    Column("partition", Integer, primary_key=True),
    Column("known_as_of", _INSTANT, nullable=False),
    Column("wall", _INSTANT, nullable=False, comment="the same instant in true time"),
    Column("caught_up", Boolean, nullable=False),
)
commands = Table(
    "commands",
    metadata,
    Column("key", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("borrower_id", Text, nullable=False),
    Column("answer", JSON, nullable=False, server_default="[]"),
    _now("at"),
)
alarms = Table(
    "alarms",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("about", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("times", BigInteger, nullable=False, server_default="1"),
    _now("first_at"),
    _now("last_at"),
)
