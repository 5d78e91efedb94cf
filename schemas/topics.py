"""Every topic, declared once: who says it, who reads it, how it is keyed and kept.

Brokers, access rules, documents and services all read this table. All borrower-keyed topics share one partition
count and the Java default partitioner (murmur2), so that one borrower is one partition number everywhere.
"""

from dataclasses import dataclass
from typing import Literal

PARTITIONS = 12
"""Partitions of every borrower-keyed topic. Fixed for the life of a topic: order per borrower depends on it."""

NOTIFIER, ASSIGNMENT, VISITS, REPORTING = SERVICES = ("notifier", "assignment", "visits", "reporting")
DAY_MILLISECONDS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `stream` names the sequence its sayings are counted in: source = /arrears/<stream>/<partition>."""

    name: str
    owner: str
    readers: tuple[str, ...]
    key: Literal["borrower_id", "agency_id", "report", "target", "original"] = "borrower_id"
    cleanup: Literal["delete", "compact"] = "delete"
    retention_days: int = 30
    stream: str = ""
    partitions: int = PARTITIONS

    @property
    def intake(self) -> bool:
        """True where outsiders publish: no sequence stamps are trusted, binary mode is read too."""
        return self.owner not in SERVICES

    @property
    def config(self) -> dict[str, str]:
        """Broker settings of this topic (Kafka topic configuration names)."""
        keep = -1 if self.retention_days < 0 else self.retention_days * DAY_MILLISECONDS
        return {
            "cleanup.policy": self.cleanup,
            "retention.ms": str(keep),
            "max.message.bytes": "1048588",
            # A fact counts from when the broker has it; a producer's clock, or its wait for a broker, proves nothing.
            "message.timestamp.type": "LogAppendTime",
        }


FOR_EVER = -1
LOANS = Topic("bank.loans.v1", "bank", (NOTIFIER, ASSIGNMENT, VISITS, REPORTING), retention_days=FOR_EVER)
BORROWERS = Topic(
    "bank.borrowers.v1", "bank", (NOTIFIER, ASSIGNMENT, VISITS, REPORTING), cleanup="compact", retention_days=FOR_EVER
)
SNAPSHOTS = Topic("bank.snapshots.v1", "bank", (ASSIGNMENT, REPORTING), cleanup="compact", retention_days=FOR_EVER)
AGENCY_REPORTS = Topic("agencies.reports.v1", "agencies", (ASSIGNMENT, VISITS, REPORTING), retention_days=FOR_EVER)
CONTACTS = Topic(
    "collections.contacts.v1", NOTIFIER, (ASSIGNMENT, VISITS, REPORTING), retention_days=FOR_EVER, stream="notifier"
)
CASES = Topic(
    "collections.cases.v1", ASSIGNMENT, (NOTIFIER, VISITS, REPORTING), retention_days=FOR_EVER, stream="assignment"
)
AGENCIES = Topic(
    "collections.agencies.v1",
    ASSIGNMENT,
    (NOTIFIER, VISITS, REPORTING),
    key="agency_id",
    retention_days=FOR_EVER,
    stream="assignment-agencies",
)
VISITS_TOPIC = Topic(
    "collections.visits.v1", VISITS, (NOTIFIER, ASSIGNMENT, REPORTING), retention_days=FOR_EVER, stream="visits"
)
REPORTS = Topic("collections.reports.v1", REPORTING, (), key="report", retention_days=FOR_EVER, stream="reporting")
CONTROL = Topic(
    "collections.control.v1", "ops", (NOTIFIER, ASSIGNMENT, VISITS, REPORTING), key="target", retention_days=FOR_EVER
)
DEAD_LETTERS = {
    service: Topic(f"{service}.dead-letters.v1", service, (), key="original", retention_days=FOR_EVER)
    for service in SERVICES
}

TOPICS = (
    LOANS,
    BORROWERS,
    SNAPSHOTS,
    AGENCY_REPORTS,
    CONTACTS,
    CASES,
    AGENCIES,
    VISITS_TOPIC,
    REPORTS,
    CONTROL,
    *DEAD_LETTERS.values(),
)
BY_NAME = {topic.name: topic for topic in TOPICS}


def topics_of(service: str) -> tuple[Topic, ...]:
    """The topics that a service reads."""
    return tuple(topic for topic in TOPICS if service in topic.readers)
