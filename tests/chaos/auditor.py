"""The auditor: `python -m tests.chaos.auditor`. Reads topics with librdkafka and tables by SQL, and counts.

It imports nothing of services, schemas or deploy: what it knows of them it knows from the contract. Prints what was
lost, doubled, invented, reordered, unseen and missing, and where the faults landed. `ARREARS_LINK_KEY` is the key that
notifier was given: what a carrier had says only under seal which notice it is. Exit status 0 only when all of it
is nothing and enough happened.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.audit import books, enough, facts, messages, streams
from tests.chaos.audit.contract import INTAKE, PARTITIONS, SERVICES, SPOKEN
from tests.chaos.audit.enough import Run
from tests.chaos.audit.facts import FactRow, Identity, Partition
from tests.chaos.audit.findings import KINDS, Findings
from tests.chaos.audit.page import page
from tests.chaos.audit.reading import Tables, Topics, lines
from tests.chaos.audit.streams import Counted

HOLDING = ("notifier", "assignment", "visits")
"""Services that keep a state per borrower."""

FACTS = 'SELECT topic, "offset", event_id, source, coalesce(sequence, 0) FROM reporting.facts WHERE partition = %s'
PAYMENTS = "SELECT payment_id, count(*), sum(amount) FROM assignment.payments GROUP BY payment_id"
FEES = (
    "SELECT transaction_id, fee_id, sum(debit), sum(credit), sum(CASE WHEN account LIKE '%%payable%%'"
    " THEN credit - debit ELSE 0 END) FROM assignment.ledger GROUP BY transaction_id, fee_id"
)
LINK_KEY = "ARREARS_LINK_KEY"
CONTACTS = "SELECT contact_id, channel, state, carrier_reference FROM notifier.contacts WHERE step IS NOT NULL"


@dataclass
class Audit:
    """One audit. What it finds grows partition by partition, so that a million events fit into memory."""

    topics: Topics
    tables: Tables
    acknowledged: Mapping[int, Mapping[Identity, int]]
    findings: Findings = field(default_factory=Findings)
    money: books.Money = field(default_factory=books.Money)
    answers: dict[str, set[str]] = field(default_factory=dict)
    records: int = 0
    inputs: int = 0
    said: int = 0
    repeats_on_logs: int = 0

    def run(self) -> None:
        """Look at everything."""
        self._commands = {
            name: {key for (key,) in self.tables.rows(f"SELECT key FROM {name}.commands")} for name in SERVICES
        }
        for number in range(PARTITIONS):
            self._partition(number)
        books.counted_once(self.money, self.tables.rows(PAYMENTS), self.findings)
        books.balanced(self.money, self.tables.rows(FEES), self.findings)
        self._letters()

    def _partition(self, number: int) -> None:
        ends = self.topics.ends(number)
        partition = Partition.of(number, self.topics.partition(number, ends))
        self.inputs += len(partition.first)
        self.records += sum(partition.copies.values())
        self.money.hear(partition)
        self.answers |= streams.answers_of(partition)
        facts.on_the_log(partition, self._acknowledged(partition), self.findings)
        rows = (FactRow(*row) for row in self.tables.rows(FACTS, number))
        facts.recorded(partition, rows, self.findings)
        self._services(partition, ends)
        self._spoken(partition)

    def _acknowledged(self, partition: Partition) -> Mapping[Identity, int]:
        """What the producers know, of this partition. An input that nobody knows the place of belongs to all."""
        return self.acknowledged.get(partition.number, {})

    def _services(self, partition: Partition, ends: Mapping[str, int]) -> None:
        for name in SERVICES:
            sql = f"SELECT source, event_id FROM {name}.inbox WHERE partition = %s AND source NOT LIKE '/arrears/%%'"
            facts.taken_in(name, partition, self.tables.rows(sql, partition.number), self.findings)
            streams.heard(
                name, partition, dict(self.tables.rows(f"SELECT source, sequence FROM {name}.stamps")), self.findings
            )
            self._at_the_end(name, partition.number, ends)
        for name in HOLDING:
            sql = f"SELECT borrower_id, state FROM {name}.states WHERE partition = %s"
            books.held(name, partition, dict(self.tables.rows(sql, partition.number)), self.findings)

    def _at_the_end(self, service: str, number: int, ends: Mapping[str, int]) -> None:
        check = f"{service} has read every log to its end"
        sql = f"SELECT topic, next FROM {service}.positions WHERE partition = %s"
        for topic, at in self.tables.rows(sql, number):
            self.findings.looked(check)
            for _ in range(ends.get(topic, 0) - at):
                self.findings.found("unseen", check, topic=topic, partition=number, position=at, end=ends[topic])

    def _spoken(self, partition: Partition) -> None:
        for topic, records in partition.spoken.items():
            service, self.said = SPOKEN[topic][0], self.said + len(streams.firsts(records))
            place = (topic, partition.number)
            found = self.tables.rows(
                f"SELECT said, published FROM {service}.sequences WHERE topic = %s AND partition = %s", *place
            )
            counted = Counted(*found[0]) if found else Counted()
            self.repeats_on_logs += streams.counted(*place, records, counted, self.findings)
            outbox = f"SELECT sequence, id FROM {service}.outbox WHERE topic = %s AND partition = %s"
            streams.kept(*place, records, self.tables.rows(outbox, *place), self.findings)
        versions = {
            name: dict(self.tables.rows(f"SELECT borrower_id, version FROM {name}.states")) for name in SERVICES
        }
        streams.caused(partition, versions, self._commands, self.findings)
        streams.in_order(partition, self.findings)

    def _letters(self) -> None:
        """Nothing rests in the dead letters or behind them, and no service has seen a gap."""
        for name in SERVICES:
            check = f"{name}: nothing waits behind a dead letter"
            self.findings.looked(check)
            for number, kind, reason in self.tables.rows(
                f"SELECT number, kind, reason FROM {name}.dead_letters WHERE redriven_at IS NULL"
            ):
                self.findings.found("unseen", check, number=number, kind_of=kind, reason=reason)
            for borrower, topic, offset in self.tables.rows(f"SELECT borrower_id, topic, position FROM {name}.parked"):
                self.findings.found("unseen", check, borrower=borrower, topic=topic, offset=offset)
            for source, after, before in self.tables.rows(f"SELECT source, after, before FROM {name}.gaps"):
                self.findings.found("gaps", f"{name} saw no gap", source=source, after=after, before=before)

    def letters(self) -> int:
        """Dead letters that were run again."""
        return sum(
            int(self.tables.rows(f"SELECT count(*) FROM {name}.dead_letters WHERE redriven_at IS NOT NULL")[0][0])
            for name in SERVICES
        )


def acknowledged_by(path: Path, partition_of: Mapping[Identity, int]) -> dict[int, dict[Identity, int]]:
    """What the producers know to be on the broker, by the partition on which it stands; -1 where it stands nowhere."""
    found: dict[int, dict[Identity, int]] = defaultdict(dict)
    for line in lines(path):
        identity = (line["source"], line["id"])
        found[partition_of.get(identity, -1)][identity] = line["copies"]
    return found


def places(topics: Topics) -> dict[Identity, int]:
    """On which partition each input stands."""
    found: dict[Identity, int] = {}
    for number in range(PARTITIONS):
        ends = {name: end for name, end in topics.ends(number).items() if name in INTAKE}
        for record in topics.partition(number, ends):
            found[record.source, record.id] = number
    return found


def report_of(audit: Audit, run: Run, unknown: int, folder: Path, begun: float) -> dict[str, Any]:
    """All that is known of the run, for machines."""
    too_little = enough.too_little(run, audit.findings.looked_at, audit.records, audit.inputs)
    found = audit.findings.totals()
    notes = Counter(note["what"] for note in run.notes)
    return {
        "passed": not any(found.values()) and not too_little,
        "found": found,
        "too_little": too_little,
        "plan": {name: value for name, value in run.plan.items() if name != "steps"},
        "inputs": audit.inputs,
        "records": audit.records,
        "events_said": audit.said,
        "faults": {fault: dict(where) for fault, where in run.faults().items()},
        "windows": dict(run.windows()),
        "skipped": sorted({line["why"] for line in run.journal if line["what"] == "skipped"}),
        "evidence": {
            "workers killed": run.kills,
            "starts of workers": sum(run.starts().values()),
            "assignments of partitions": notes["owns"],
            "batches fenced": notes["fenced"],
            "batches that failed and came again": notes["batch failed"],
            "copies of inputs dropped": audit.records - audit.inputs,
            "events published twice and dropped by readers": audit.repeats_on_logs,
            "dead letters run again": audit.letters(),
            "notices whose outcome is unknown": unknown,
        },
        "recovery_seconds": run.recoveries(),
        "looked_at": dict(audit.findings.looked_at),
        "by_check": {f"{kind}: {check}": count for (kind, check), count in audit.findings.counts.items()},
        "examples": audit.findings.examples,
        "unseen": lines(folder / "unseen.jsonl"),
        "steps": [_step(line) for line in sorted(run.done.values(), key=lambda line: line["at"])],
        "begun": run.journal[0]["at"] if run.journal else begun,
        "ended": run.journal[-1]["at"] if run.journal else begun,
        "audit_seconds": round(time.time() - begun, 1),
    }


def _step(line: Mapping[str, Any]) -> dict[str, Any]:
    shown = {
        k: v for k, v in line.items() if k not in ("what", "at", "number", "fault", "service", "how", "hit_at") and v
    }
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.items())
    return {**{name: line[name] for name in ("number", "at", "fault", "service", "how")}, "told": told}


def say(report: Mapping[str, Any]) -> None:
    """The report in a terminal."""
    out = sys.stdout.write
    out(f"\ninputs {report['inputs']:,}, records {report['records']:,}, events said {report['events_said']:,}\n")
    for kind in KINDS:
        out(f"  {kind:10} {report['found'][kind]:8,}\n")
    for fault, where in sorted(report["faults"].items()):
        out(f"  {fault:10} {sum(where.values()):8,}  {', '.join(f'{k} {n}' for k, n in sorted(where.items()))}\n")
    for window in report["plan"]["windows"]:
        out(f"  {report['windows'].get(window, 0):3} x {window}\n")
    for name, count in report["evidence"].items():
        out(f"  {count:8,}  {name}\n")
    if waits := report["recovery_seconds"]:
        out(f"  recovery: median {waits[len(waits) // 2]:.1f} s, worst {waits[-1]:.1f} s\n")
    for why in report["skipped"]:
        out(f"  left out: {why}\n")
    for check, count in report["by_check"].items():
        out(f"  FOUND {count:,} {check}\n")
    for reason in report["too_little"]:
        out(f"  TOO LITTLE: {reason}\n")
    out(f"{'PASSED' if report['passed'] else 'FAILED'} (audited in {report['audit_seconds']} s)\n")


def main() -> int:
    """Audit a run that is over and at rest."""
    told = _arguments()
    begun, folder = time.time(), told.run
    topics, tables = Topics(told.bootstrap), Tables(told.database)
    try:
        run = Run(
            json.loads((folder / "plan.json").read_text()),
            lines(folder / "journal.jsonl"),
            lines(folder / "notes.jsonl"),
        )
        known = acknowledged_by(folder / "acknowledged.jsonl", places(topics))
        audit = Audit(topics, tables, known)
        facts.nowhere(known.get(-1, {}), audit.findings)
        audit.run()
        opener = messages.Opener(os.environ.get(LINK_KEY, ""))
        handed = messages.handed_over(lines(folder / "handed-over.jsonl"), told.letters, opener)
        streams.commanded(lines(folder / "commands.jsonl"), audit.answers, audit.findings)
        unknown = messages.once(handed, tables.rows(CONTACTS), audit.findings)
        report = report_of(audit, run, unknown, folder, begun)
    finally:
        topics.close()
        tables.close()
    if told.json:
        told.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if told.html:
        told.html.write_text(page(report), encoding="utf-8")
    say(report)
    return 0 if report["passed"] else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--database", required=True, help="URL of a role that may read all four schemas")
    parser.add_argument("--run", type=Path, required=True, help="the folder with plan, journal and notes")
    parser.add_argument("--letters", type=Path, help="the print folder")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--html", type=Path)
    told = parser.parse_args()
    if not os.environ.get(LINK_KEY):
        parser.error(f"{LINK_KEY} is not set: the key with which notifier seals the links in its messages, in base64")
    return told


if __name__ == "__main__":
    sys.exit(main())
