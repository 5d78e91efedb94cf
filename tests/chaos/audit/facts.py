"""Intake: every input that the broker acknowledged took effect once in each service that reads it, in its place."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.chaos.audit.contract import INTAKE, SPOKEN
from tests.chaos.audit.findings import Findings
from tests.chaos.audit.reading import Record

Identity: TypeAlias = tuple[str, str]
"""Source and id."""


@dataclass(slots=True)
class Partition:
    """One partition number of all topics. `first`: the first copy of each input; `spoken`: per topic, as on the log."""

    number: int
    first: dict[Identity, Record] = field(default_factory=dict)
    copies: Counter[Identity] = field(default_factory=Counter)
    spoken: dict[str, list[Record]] = field(default_factory=dict)

    @classmethod
    def of(cls, number: int, records: Iterable[Record]) -> "Partition":
        """Sorted out."""
        made = cls(number, spoken={topic: [] for topic in SPOKEN})
        for record in records:
            if record.topic in INTAKE:
                identity = (record.source, record.id)
                made.copies[identity] += 1
                made.first.setdefault(identity, record)
            elif record.topic in SPOKEN:
                made.spoken[record.topic].append(record)
        return made


@dataclass(frozen=True, slots=True)
class FactRow:
    """A row of reporting's log of facts."""

    topic: str
    offset: int
    id: str
    source: str
    sequence: int


def on_the_log(partition: Partition, acknowledged: Mapping[Identity, int], findings: Findings) -> None:
    """The broker has what it acknowledged, and nothing else stands on the intake."""
    check = "the broker has every input that it acknowledged"
    for identity, copies in acknowledged.items():
        if copies:
            findings.looked(check)
            if identity not in partition.first:
                findings.found("lost", check, id=identity[1])
            elif partition.copies[identity] < copies:
                findings.found("lost", check, id=identity[1], copies=copies, found=partition.copies[identity])
    for identity in partition.first.keys() - acknowledged.keys():
        findings.found("invented", check, id=identity[1])


def nowhere(acknowledged: Mapping[Identity, int], findings: Findings) -> None:
    """Inputs that were acknowledged and stand on no partition."""
    for identity, copies in acknowledged.items():
        if copies:
            findings.found("lost", "the broker has every input that it acknowledged", id=identity[1])


def recorded(partition: Partition, rows: Iterable[FactRow], findings: Findings) -> None:
    """Reporting's log holds each input once, where its first copy stands, and each spoken event once."""
    check = "reporting has recorded every fact once"
    found: dict[Identity, list[FactRow]] = defaultdict(list)
    for row in rows:
        found[(row.source, row.id) if row.topic in INTAKE else (row.source, str(row.sequence))].append(row)
    wanted = dict(partition.first)
    for topic, records in partition.spoken.items():
        if "reporting" in SPOKEN[topic][2]:
            for record in records:
                wanted.setdefault((record.source, str(record.sequence)), record)
    findings.looked(check, len(wanted))
    for identity, record in wanted.items():
        _compare(found.pop(identity, []), record, check, findings)
    for identity, extra in found.items():
        findings.found("invented", check, id=identity[1], source=identity[0], offset=extra[0].offset)


def _compare(rows: list[FactRow], record: Record, check: str, findings: Findings) -> None:
    about = {"topic": record.topic, "partition": record.partition, "offset": record.offset, "id": record.id}
    if not rows:
        findings.found("lost", check, **about)
        return
    for _ in rows[1:]:
        findings.found("doubled", check, **about)
    if (rows[0].topic, rows[0].id) != (record.topic, record.id):
        findings.found("invented", check, **about, recorded=rows[0].id)
    elif rows[0].offset != record.offset and record.topic in INTAKE:
        findings.found("reordered", check, **about, recorded=rows[0].offset)


def taken_in(service: str, partition: Partition, inbox: Iterable[Identity], findings: Findings) -> None:
    """The service has taken in every input that it reads, and none that is not on the log."""
    check = f"{service} has taken in every input"
    wanted = {identity for identity, record in partition.first.items() if service in INTAKE[record.topic]}
    found = Counter(inbox)
    findings.looked(check, len(wanted))
    for identity in wanted - found.keys():
        findings.found("lost", check, id=identity[1], topic=partition.first[identity].topic)
    for identity, times in found.items():
        if identity not in wanted:
            findings.found("invented", check, id=identity[1])
        elif times > 1:
            findings.found("doubled", check, id=identity[1], times=times)
