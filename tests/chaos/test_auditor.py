"""The auditor finds each planted loss, double, invention, disorder and gap, and only those."""

import ast
import base64
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from services.notifier.links import Links
from tests.chaos.audit import books, enough, facts, messages, streams
from tests.chaos.audit.contract import LOANS, SERVICES, source_of
from tests.chaos.audit.facts import FactRow, Partition
from tests.chaos.audit.findings import KINDS, Findings
from tests.chaos.audit.page import page
from tests.chaos.audit.reading import Record
from tests.chaos.audit.streams import Counted

HERE = Path(__file__).parent
CASES = "collections.cases.v1"


def told(offset: int, id_: str = "", kind: str = "loan.overdue.v1", **data: object) -> Record:
    """An input of borrower B on partition 3."""
    facts_of = {"loan_id": "L", "arrears": {"principal": "9.00", "interest": "1.00", "fees": "0.00"}, **data}
    return Record(LOANS, 3, offset, "B", id_ or f"E-{offset}", "/bank", kind, data=facts_of)


def said(sequence: int, offset: int | None = None, cause: str = "E-0", id_: str = "", **data: object) -> Record:
    """An event of assignment on partition 3."""
    at = sequence - 1 if offset is None else offset
    return Record(
        CASES, 3, at, "B", id_ or f"S-{sequence}", source_of(CASES, 3), "case.opened.v1", sequence, cause, data=data
    )


def partition(*records: Record) -> Partition:
    return Partition.of(3, records)


def row(record: Record, **changes: object) -> FactRow:
    values = {"topic": record.topic, "offset": record.offset, "id": record.id, "source": record.source}
    return FactRow(**{**values, "sequence": record.sequence, **changes})


def only(findings: Findings, **expected: int) -> None:
    assert findings.totals() == {kind: expected.get(kind, 0) for kind in KINDS}


# -- inputs -----------------------------------------------------------------------------------------------------------


def recorded(rows: list[FactRow], *records: Record) -> Findings:
    findings = Findings()
    facts.recorded(partition(*records), rows, findings)
    assert findings.looked_at.total()
    return findings


def test_what_was_recorded_once_in_its_place_is_fine():
    records = [told(0), told(1), told(2, "E-0"), said(1), said(2), said(2, 2)]
    only(recorded([row(told(0)), row(told(1)), row(said(1)), row(said(2))], *records))


def test_an_input_without_a_row_is_lost():
    only(recorded([row(told(0))], told(0), told(1)), lost=1)


def test_an_input_with_two_rows_is_doubled():
    only(recorded([row(told(0)), row(told(1, "E-0"))], told(0), told(1, "E-0")), doubled=1)


def test_a_row_of_a_later_copy_is_reordered():
    only(recorded([row(told(1, "E-0"))], told(0), told(1, "E-0")), reordered=1)


def test_a_row_without_an_input_is_invented():
    only(recorded([row(told(0)), row(told(7))], told(0)), invented=1)


def test_a_spoken_event_that_reporting_never_recorded_is_lost():
    only(recorded([row(said(1))], said(1), said(2)), lost=1)


def test_what_the_broker_acknowledged_and_does_not_have_is_lost():
    findings = Findings()
    known = {("/bank", "E-0"): 2, ("/bank", "E-1"): 1, ("/bank", "E-9"): 1}
    facts.on_the_log(partition(told(0), told(1), told(2, "X")), known, findings)
    only(findings, lost=2, invented=1)


@pytest.mark.parametrize(
    ("inbox", "expected"),
    [
        (["E-0", "E-1"], {}),
        (["E-0"], {"lost": 1}),
        (["E-0", "E-1", "E-1"], {"doubled": 1}),
        (["E-0", "E-1", "E-7"], {"invented": 1}),
    ],
)
def test_an_inbox_is_held_to_the_log(inbox, expected):
    findings = Findings()
    facts.taken_in("notifier", partition(told(0), told(1)), [("/bank", id_) for id_ in inbox], findings)
    only(findings, **expected)


# -- events that were said --------------------------------------------------------------------------------------------


def counted(books_: Counted, *records: Record) -> Findings:
    findings = Findings()
    streams.counted(CASES, 3, records, books_, findings)
    return findings


def test_a_repeat_by_the_relay_is_no_double():
    only(counted(Counted(3, 3), said(1), said(2), said(1, 2), said(2, 3), said(3, 4)))


def test_a_number_that_never_came_is_a_gap():
    only(counted(Counted(3, 3), said(1), said(3)), gaps=1)


def test_what_is_committed_to_be_said_and_not_published_is_unseen():
    only(counted(Counted(3, 2), said(1), said(2), said(3)), unseen=1)


def test_one_number_with_two_events_is_doubled():
    only(counted(Counted(2, 2), said(1), said(2), said(2, 2, id_="other")), doubled=1)


def test_one_event_under_two_numbers_is_doubled():
    only(counted(Counted(2, 2), said(1), said(2, id_="S-1")), doubled=1)


def test_a_number_above_the_books_is_invented():
    only(counted(Counted(1, 1), said(1), said(2)), invented=1)


def test_numbers_that_come_in_another_order_are_reordered():
    only(counted(Counted(3, 3), said(1), said(3, 1), said(2, 2)), reordered=1)


def test_an_outbox_row_that_is_not_on_the_log_is_lost():
    findings = Findings()
    streams.kept(CASES, 3, [said(1), said(2)], [(1, "S-1"), (2, "S-other"), (3, "S-3")], findings)
    only(findings, lost=1, invented=1)


def test_a_reader_that_stopped_short_has_lost_something():
    findings = Findings()
    streams.heard("visits", partition(said(1), said(2)), {source_of(CASES, 3): 1}, findings)
    only(findings, lost=1)


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ("E-0", {}),
        ("timer/assignment/B/4", {}),
        ("timer/assignment/B/5", {"invented": 1}),
        ("timer/assignment/nobody/0", {"invented": 1}),
        ("command/assignment/panel/A", {}),
        ("command/assignment/else", {"invented": 1}),
        ("E-9", {"invented": 1}),
        ("", {"invented": 1}),
    ],
)
def test_an_event_needs_a_cause_that_exists(cause, expected):
    findings = Findings()
    versions = {name: {} for name in SERVICES} | {"assignment": {"B": 5}}
    commands = {name: set() for name in SERVICES} | {"assignment": {"panel/A"}}
    streams.caused(partition(told(0), said(1, cause=cause)), versions, commands, findings)
    only(findings, **expected)


def test_effects_in_another_order_than_their_causes_are_reordered():
    findings = Findings()
    streams.in_order(partition(told(0), told(1), said(1, cause="E-1"), said(2, cause="E-0")), findings)
    only(findings, reordered=1)
    streams.in_order(partition(told(0), told(1), said(1, cause="E-0"), said(2, cause="E-1")), findings)
    only(findings, reordered=1)


@pytest.mark.parametrize(
    ("statuses", "said_of", "expected"),
    [
        ([200], {"A-1"}, {}),
        ([200], set(), {"lost": 1}),
        ([200], {"A-1", "A-2"}, {"doubled": 1}),
        ([200, 409], {"A-1"}, {"doubled": 1}),
        ([422, 200, 200], {"A-1"}, {}),
        ([422, 200, 422], {"A-1"}, {"doubled": 1}),
        ([409], set(), {}),
        ([409], {"A-1"}, {"invented": 1}),
    ],
)
def test_a_command_counts_once_and_is_always_answered_the_same(statuses, said_of, expected):
    findings = Findings()
    streams.commanded([{"key": "k", "statuses": statuses}], {"command/notifier/http/k": said_of}, findings)
    only(findings, **expected)


# -- books ------------------------------------------------------------------------------------------------------------


def paid(offset: int, payment: str, amount: str, *, back: bool = False) -> Record:
    kind = "loan.payment_reversed.v1" if back else "loan.payment_received.v1"
    return told(offset, kind=kind, payment_id=payment, amount=amount)


def money(*records: Record) -> books.Money:
    made = books.Money()
    made.hear(partition(*records))
    made.attributed = Counter({"P": 2, "Q": 1})
    return made


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("P", 2, "0.00"), ("Q", 1, "7.00")], {}),
        ([("P", 2, "0.00")], {"lost": 2}),
        ([("P", 2, "0.00"), ("Q", 2, "14.00")], {"doubled": 1, "lost": 1}),
        ([("P", 2, "0.00"), ("Q", 1, "7.01")], {"invented": 1}),
        ([("P", 2, "0.00"), ("Q", 1, "7.00"), ("R", 1, "1.00")], {"invented": 1}),
    ],
)
def test_every_payment_counts_once_to_the_cent(rows, expected):
    findings = Findings()
    told_of = money(paid(0, "P", "5.00"), paid(1, "P", "5.00", back=True), paid(2, "Q", "7.00"))
    if expected.get("lost") == 2:
        told_of.attributed["Q"] = 1  # what was said of it counts too: a row is missing for it
    books.counted_once(told_of, [(p, n, Decimal(a)) for p, n, a in rows], findings)
    if expected.get("lost") == 2:
        assert findings.total("lost") == 1
        assert findings.total("doubled") == 1
        return
    only(findings, **expected)


def test_a_fee_ledger_that_does_not_balance_is_found():
    findings, of = Findings(), books.Money()
    of.fees["F"] = Decimal("3.00")
    books.balanced(of, [("T", "F", Decimal("3.00"), Decimal("2.99"), Decimal("3.00"))], findings)
    only(findings, invented=1)
    findings = Findings()
    books.balanced(of, [], findings)
    only(findings, lost=1)


def loan(arrears: str, version: int) -> dict:
    return {"loan_id": "L", "principal": arrears, "interest": "0.00", "fees": "0.00", "version": version}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"loans": [loan("10.00", 2)]}, {}),
        ({"loans": [loan("8.00", 1)]}, {"lost": 1}),
        ({"loans": [loan("8.00", 2)]}, {"reordered": 1}),
        ({"loans": []}, {"lost": 1}),
        ({}, {"lost": 1}),
    ],
)
def test_a_loan_stands_as_the_bank_left_it(state, expected):
    findings = Findings()
    first, last = told(0, loan_version=1), told(1, loan_version=2)
    books.held("assignment", partition(first, last), {"B": state}, findings)
    only(findings, **expected)


def test_a_late_copy_that_was_applied_again_shows_in_visits():
    records = told(0), told(1, arrears={"principal": "0.00", "interest": "0.00", "fees": "4.00"}), told(2, "E-0")
    findings = Findings()
    books.held(
        "visits", partition(*records), {"B": {"loans": {"L": {"arrears": "10.00", "status": "overdue"}}}}, findings
    )
    only(findings, reordered=1)


# -- messages ---------------------------------------------------------------------------------------------------------


KEY = b"k" * 32
OPENER = messages.Opener(base64.b64encode(KEY).decode())


def sms(notice: str, key: bytes = KEY) -> dict[str, str]:
    links = Links("http://127.0.0.1", (key,))
    token = links.sign("n", notice, datetime(2026, 6, 1, tzinfo=UTC))
    return {"channel": "sms", "to": "+86", "text": f"you owe {links.address(token)} ."}


@pytest.mark.parametrize(
    ("handed", "state", "reference", "expected"),
    [
        (1, "delivered", "r", {}),
        (2, "delivered", "r", {"doubled": 1}),
        (0, "submitted", "r", {"lost": 1}),
        (1, "pending", None, {"invented": 1}),
        (1, "cancelled", None, {"invented": 1}),
        (0, "unknown", None, {}),
        (1, "unknown", None, {}),
        (2, "unknown", None, {"doubled": 1}),
    ],
)
def test_one_message_per_notice(handed, state, reference, expected):
    findings = Findings()
    found = messages.handed_over([sms("N-B-1")] * handed, None, OPENER)
    messages.once(found, [("N-B-1", "sms", state, reference)], findings)
    only(findings, **expected)


@pytest.mark.parametrize("message", [{"channel": "sms", "to": "", "text": "hello"}, sms("N-B-1", b"another" * 5)])
def test_a_message_about_no_notice_is_invented(message):
    findings = Findings()
    messages.once(messages.handed_over([message], None, OPENER), [], findings)
    only(findings, invented=1)


# -- enough -----------------------------------------------------------------------------------------------------------


def run(**changes: object) -> enough.Run:
    step = {"number": 1, "fault": "kill", "service": "visits", "how": "before poll"}
    plan = {"steps": [step], "kills": 1, "windows": ["before poll"], "events": 10, "copies_max": 1}
    done = {"what": "fault", **step, "killed": 1, "at": 1.0}
    journal = [{"what": "progress", "number": 1, "moved": {"visits": 5}}, done]
    notes = [{"what": "hit", "window": "before poll", "service": "visits", "at": 1.0}]
    for name in SERVICES:
        for worker in "12":
            notes.append({"what": "start", "service": name, "worker": worker, "at": 0.0})
            notes += [{"what": "owns", "service": name, "worker": worker, "partitions": [0], "at": 0.0}] * 2
    notes.append({"what": "start", "service": "visits", "worker": "1", "at": 2.0})
    given = {"plan": plan, "journal": journal, "notes": notes}
    return enough.Run(**{**given, **changes})


LOOKED = dict.fromkeys(enough.MEANT, 1)


def test_a_run_in_which_enough_happened_is_enough():
    assert enough.too_little(run(), LOOKED, 10, 10) == []


def test_a_fault_that_was_not_done_is_too_little():
    assert len(enough.too_little(run(journal=[]), LOOKED, 10, 10)) == 2


def test_a_window_that_nobody_was_in_is_too_little():
    notes = [note for note in run().notes if note["what"] != "hit"]
    assert enough.too_little(run(notes=notes), LOOKED, 10, 10) == ["the window 'before poll' was never hit"]


def test_kills_that_the_workers_do_not_bear_out_are_too_little():
    notes = [note for note in run().notes if not (note["what"] == "start" and note["at"] == 2.0)]
    assert len(enough.too_little(run(notes=notes), LOOKED, 10, 10)) == 1


def test_progress_that_was_not_proved_is_too_little():
    journal = [{"what": "progress", "number": 1, "moved": {"visits": 0}}, *run().journal[1:]]
    assert enough.too_little(run(journal=journal), LOOKED, 10, 10) == ["faults [1] were done without proved progress"]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("disk", {"how": "broker", "refused": 0}),
        ("partition", {"how": "down", "cut": 0, "opened_again": 0}),
        ("freeze", {"how": "random", "taken_over": False}),
    ],
)
def test_a_fault_that_hurt_nobody_is_too_little(fault, told):
    whole = run()
    step = {"number": 2, "fault": fault, "service": "visits", **told}
    proof = {"what": "progress", "number": 2, "moved": {"visits": 5}}
    journal = [*whole.journal, proof, {"what": "fault", "at": 3.0, **step}]
    reasons = enough.too_little(run(journal=journal), LOOKED, 10, 10)
    assert len(reasons) == 1
    assert "fault 2" in reasons[0]


def test_a_check_with_nothing_to_look_at_is_too_little():
    assert len(enough.too_little(run(), {}, 10, 10)) == len(enough.MEANT)
    assert len(enough.too_little(run(), LOOKED, 9, 9)) == 1


# -- the program ------------------------------------------------------------------------------------------------------


def test_the_auditor_shares_no_code_with_what_it_audits():
    for path in (HERE / "auditor.py", *(HERE / "audit").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        names += [alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names]
        ours = [n for n in names if n.split(".")[0] in ("services", "schemas", "deploy", "tests")]
        assert all(n.startswith("tests.chaos.audit") for n in ours), path


def test_the_page_shows_what_was_found_and_needs_nothing_from_elsewhere():
    report = {
        "passed": False,
        "found": {kind: 0 for kind in KINDS} | {"lost": 7_001},
        "too_little": ["the window 'x<y' was never hit"],
        "plan": {"seed": 42, "windows": ["before poll"], "events": 1},
        "inputs": 1,
        "records": 2,
        "events_said": 3,
        "faults": {"kill": {"visits": 4}},
        "windows": {"before poll": 5},
        "skipped": ["no mount"],
        "evidence": {"workers killed": 4},
        "recovery_seconds": [1.0, 2.0],
        "looked_at": {"one message per notice": 6},
        "examples": {"lost": [{"check": "c", "id": "E-1"}]},
        "unseen": [{"at": 1.0, "unseen": {"visits": 3}}, {"at": 2.0, "unseen": {"visits": 0}}],
        "steps": [{"number": 1, "at": 1.5, "fault": "kill", "service": "visits", "how": "random", "told": "killed 1"}],
        "begun": 0.0,
        "ended": 3.0,
        "audit_seconds": 0.1,
    }
    shown = page(report)
    assert "7,001" in shown
    assert "x&lt;y" in shown
    assert "E-1" in shown
    assert "http" not in shown
    assert "<script" not in shown
