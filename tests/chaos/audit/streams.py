"""What services said: gapless per source in table and topic, each event once, with a cause, in the causes' order."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.audit.contract import SPOKEN, source_of
from tests.chaos.audit.facts import Partition
from tests.chaos.audit.findings import Findings
from tests.chaos.audit.reading import Record


@dataclass(frozen=True, slots=True)
class Counted:
    """How far a source has counted by its own books: said in transactions, marked as published."""

    said: int = 0
    published: int = 0


def firsts(records: Sequence[Record]) -> dict[int, Record]:
    """The first record of each sequence number. Later ones are repeats by the relay; readers drop them."""
    found: dict[int, Record] = {}
    for record in records:
        found.setdefault(record.sequence, record)
    return found


def counted(topic: str, partition: int, records: Sequence[Record], books: Counted, findings: Findings) -> int:
    """Hold one stream to its books; answer how many repeats stand on the log."""
    check = f"{topic} is gapless and says each event once"
    first = firsts(records)
    ids: dict[str, int] = {}
    findings.looked(check, len(first))
    about = {"topic": topic, "partition": partition}
    for number in range(1, books.said + 1):
        if number not in first:
            findings.found("gaps", check, **about, sequence=number)
    for record in records:
        if record.source != source_of(topic, partition) or not 1 <= record.sequence <= books.said:
            findings.found("invented", check, **about, id=record.id, sequence=record.sequence)
        if first[record.sequence].id != record.id:
            findings.found(
                "doubled", check, **about, id=record.id, sequence=record.sequence, why="a number given twice"
            )
        if ids.setdefault(record.id, record.sequence) != record.sequence:
            findings.found("doubled", check, **about, id=record.id, sequence=record.sequence, why="said twice")
    for before, after in zip(first, list(first)[1:], strict=False):
        if after < before:
            findings.found("reordered", check, **about, sequence=after, behind=before)
    for _ in range(books.said - books.published):
        findings.found("unseen", check, **about, said=books.said, published=books.published)
    return len(records) - len(first)


def kept(topic: str, partition: int, records: Sequence[Record], rows: Iterable[tuple[int, str]], f: Findings) -> None:
    """What stands in the outbox stands on the log under the same number."""
    check = f"the outbox of {topic} is on the log"
    first = firsts(records)
    for sequence, id_ in rows:
        f.looked(check)
        if sequence not in first:
            f.found("lost", check, topic=topic, partition=partition, sequence=sequence, id=id_)
        elif first[sequence].id != id_:
            f.found("invented", check, topic=topic, partition=partition, sequence=sequence, id=first[sequence].id)


def heard(service: str, partition: Partition, stamps: Mapping[str, int], findings: Findings) -> None:
    """The service has heard every spoken event that it reads, to the last."""
    check = f"{service} has heard every source to its end"
    for topic, records in partition.spoken.items():
        if records and service in SPOKEN[topic][2]:
            findings.looked(check)
            last, at = max(r.sequence for r in records), stamps.get(source_of(topic, partition.number), 0)
            if at < last:
                findings.found("lost", check, topic=topic, partition=partition.number, heard=at, last=last)
            elif at > last:
                findings.found("invented", check, topic=topic, partition=partition.number, heard=at, last=last)


def caused(
    partition: Partition, versions: Mapping[str, Mapping[str, int]], commands: Mapping[str, set[str]], f: Findings
) -> None:
    """Every event has a cause that exists: a fact on the log, a due timer of a state, a command that was kept.

    versions: per service, borrower → version of the state. commands: per service, the idempotency keys.
    """
    check = "every event has a cause that exists"
    facts = {record.id for record in partition.first.values()}
    facts |= {record.id for records in partition.spoken.values() for record in records}
    for topic, records in partition.spoken.items():
        service = SPOKEN[topic][0]
        f.looked(check, len(records))
        for record in records:
            if not _exists(record.cause, service, facts, versions[service], commands[service]):
                f.found("invented", check, topic=topic, id=record.id, type=record.type, cause=record.cause)


def _exists(cause: str, service: str, facts: set[str], versions: Mapping[str, int], commands: set[str]) -> bool:
    kind, _, rest = cause.partition(f"/{service}/")
    if kind == "timer" and rest:
        borrower, _, version = rest.rpartition("/")
        return int(version) < versions.get(borrower, 0)
    if kind == "command" and rest:
        return rest in commands
    return cause in facts


def answers_of(partition: Partition) -> dict[str, set[str]]:
    """The answers of borrowers that were said, by cause."""
    said: dict[str, set[str]] = defaultdict(set)
    for record in firsts(partition.spoken.get("collections.contacts.v1", ())).values():
        if record.type == "notice.answered.v1":
            said[record.cause].add(record.id)
    return said


def commanded(told: Iterable[Mapping[str, Any]], said: Mapping[str, set[str]], findings: Findings) -> None:
    """Each command that was answered with 200 said its event once, however often and wherever it was asked for.

    told: key, and the statuses of all its answers in order. A refusal changes nothing and is not kept, so what was
    refused may be taken later; what was taken is answered so for ever. said: event ids by cause.
    """
    check = "a command counts once"
    for one in told:
        findings.looked(check)
        count = len(said.get(f"command/notifier/http/{one['key']}", ()))
        statuses = list(one["statuses"])
        taken = statuses[statuses.index(200) :] if 200 in statuses else []
        if any(status != 200 for status in taken):
            findings.found("doubled", check, key=one["key"], why=f"answered differently: {statuses}")
        if taken and count != 1:
            findings.found("lost" if count == 0 else "doubled", check, key=one["key"], said=count)
        if not taken and count:
            findings.found("invented", check, key=one["key"], why=f"refused with {statuses}, and said")


def in_order(partition: Partition, findings: Findings) -> None:
    """Per borrower, what a service says follows the order in which the causes stand on their topic."""
    check = "per borrower, effects follow the order of their causes"
    causes: dict[str, Record] = {record.id: record for record in partition.first.values()}
    for records in partition.spoken.values():
        causes |= {record.id: record for record in firsts(records).values()}
    for topic, records in partition.spoken.items():
        latest: dict[tuple[str, str], int] = defaultdict(lambda: -1)
        for record in sorted(firsts(records).values(), key=lambda r: r.sequence):
            cause = causes.get(record.cause)
            if cause is None:
                continue
            findings.looked(check)
            line = (record.key, cause.topic)
            if cause.offset < latest[line]:
                findings.found("reordered", check, topic=topic, id=record.id, cause=cause.offset, behind=latest[line])
            latest[line] = max(latest[line], cause.offset)
