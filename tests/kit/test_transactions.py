"""One batch is one transaction on the real database: applied once, wholly, and fenced."""

import threading
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import text

from schemas.bank import LoanPaymentReceived
from schemas.topics import CASES, LOANS
from schemas.values import Sealed
from services.kit.bench import Bench
from services.kit.plug import KeyReused
from services.kit.records import Batch
from services.kit.service import Context, Refused
from services.kit.work import Fenced
from tests.kit.benched import open_letters, place, record, rows, said_by, said_ids
from tests.kit.counter import (
    COUNTER,
    Count,
    overdue,
    paid,
    recorded,
    stop,
)

pytestmark = pytest.mark.stack


def test_a_batch_changes_states_says_facts_and_writes_rows(bench):
    bench.deliver(overdue("B-1"), paid("B-1"), overdue("B-2"))
    assert bench.state("B-1") == Count("B-1", overdue=1, paid=Decimal("10.00"), said=1)
    assert sorted(said_ids(bench)) == ["R-B-1-1", "R-B-2-1"]
    assert rows(bench, "SELECT request_id, note FROM sayings ORDER BY 1") == [
        ("R-B-1-1", "changed"),
        ("R-B-2-1", "changed"),
    ]
    assert rows(bench, "SELECT count(*) FROM reads") == [(3,)]


def test_large_batches_take_the_way_through_copy(bench):
    facts = [overdue(f"B-{n % 400}") for n in range(2000)]
    bench.deliver(*facts)
    assert rows(bench, "SELECT count(*), sum(version) FROM states") == [(400, 400)]
    assert rows(bench, "SELECT count(*) FROM sayings WHERE note = 'changed'") == [(2000,)]
    bench.deliver(*facts)
    assert rows(bench, "SELECT count(*), sum(version) FROM states") == [(400, 800)]
    assert bench.state("B-7").overdue == 10


def test_sequences_have_no_gap_and_stand_in_the_payload(bench):
    bench.deliver(*[overdue(f"B-{n}") for n in range(50)])
    bench.deliver(*[overdue(f"B-{n}") for n in range(50)])
    by_source: dict[str, list[int]] = {}
    for event in bench.said():
        by_source.setdefault(event.source, []).append(event.sequence or 0)
    assert all(sorted(found) == list(range(1, len(found) + 1)) for found in by_source.values())
    assert sum(map(len, by_source.values())) == 100


def test_the_same_event_again_changes_nothing(bench):
    bench.deliver(overdue(), id="E-1")
    bench.deliver(overdue(), overdue(), id="E-1")
    assert bench.state("B-1").overdue == 1
    assert open_letters(bench) == []


def test_an_id_used_again_with_other_content_is_refused(bench):
    bench.deliver(paid(), id="E-1")
    bench.deliver(paid(amount=Decimal("99.00")), id="E-1")
    assert bench.state("B-1").paid == Decimal("10.00")
    (letter,) = open_letters(bench)
    assert letter.kind == "reused_id"
    assert "other content" in letter.reason


def test_other_contact_data_under_a_used_id_is_refused_and_the_same_is_a_repeat(bench):
    bench.deliver(recorded("B-1"), id="E-1")
    bench.deliver(recorded("B-1"), id="E-1")
    assert open_letters(bench) == []
    bench.deliver(recorded("B-1", name="王大明"), id="E-1")
    (letter,) = open_letters(bench)
    assert letter.kind == "reused_id"
    count = bench.state("B-1")
    assert bench.vault.open("B-1", "name", Sealed(sealed=count.name_sealed, key=count.name_key)) == "王小明"


def test_repeats_and_gaps_on_our_own_topics_are_found_by_sequence(bench):
    def put(*numbers: int) -> None:
        bench.put(CASES, place("B-1"), *[said_by(f"/arrears/assignment/{place('B-1')}", n) for n in numbers])

    put(1, 2)
    put(2, 1, 3)
    assert rows(bench, "SELECT * FROM gaps") == []
    put(6)
    assert bench.state("B-1").paid == 4
    assert rows(bench, "SELECT after, before FROM gaps") == [(3, 6)]
    assert rows(bench, "SELECT kind, text FROM alarms") == [
        ("gap", f"numbers 4 to 5 of /arrears/assignment/{place('B-1')} never came")
    ]


def test_a_stale_owner_is_fenced(bench):
    number = place("B-1")
    bench.deliver(overdue("B-1"))
    stale = Batch(LOANS, number, 0, 1, [record(overdue("B-1"), "E-9")])
    with pytest.raises(Fenced):
        bench.batches.apply(stale)
    hole = Batch(LOANS, number, 1, 3, [replace(record(overdue("B-1"), "E-9"), offset=2)])
    with pytest.raises(Fenced):
        bench.batches.apply(hole)
    assert bench.state("B-1").overdue == 1


def test_a_hot_state_that_a_command_elsewhere_changed_is_read_again(bench, engine):
    bench.deliver(overdue("B-1"))
    elsewhere = Bench(COUNTER, engine, bench.clock)
    elsewhere.command("B-1", stop)
    bench.deliver(overdue("B-1"))
    assert said_ids(bench) == ["R-B-1-1", "R-B-1-2", "R-B-1-3"]


def test_a_decision_to_do_nothing_is_not_made_on_a_stale_state(bench, engine):
    """A handler that looks and leaves the state alone must have looked at what a command elsewhere had changed."""
    looked = []

    def look(count, _fact, _context):
        looked.append(count.said)
        return count, ()

    bench.room.service = replace(COUNTER, handlers={**COUNTER.handlers, LoanPaymentReceived: look})
    bench.deliver(overdue("B-1"))
    Bench(COUNTER, engine, bench.clock).command("B-1", stop)
    bench.deliver(paid("B-1"))
    assert looked[-1] == 2


def test_commands_are_idempotent_by_key(bench):
    first = bench.runtime.command("B-1", stop, key="K-1", request=b"{}")
    again = bench.runtime.command("B-1", stop, key="K-1", request=b"{}")
    assert [e.id for e in first] == [e.id for e in again]
    assert bench.state("B-1").said == 1
    with pytest.raises(KeyReused):
        bench.runtime.command("B-1", stop, key="K-1", request=b"other")
    with pytest.raises(KeyReused):
        bench.runtime.command("B-2", stop, key="K-1", request=b"{}")


def test_a_refused_command_changes_nothing_and_frees_its_key(bench):
    def refuse(_count: Count, _context: Context[None]):
        raise Refused("not today")

    with pytest.raises(Refused):
        bench.runtime.command("B-1", refuse, key="K-1")
    bench.runtime.command("B-1", stop, key="K-1")
    assert bench.state("B-1").said == 1


def test_many_commands_at_once_on_one_borrower_all_count(bench):
    def run(n: int) -> None:
        bench.runtime.command("B-1", stop, key=f"K-{n}")

    threads = [threading.Thread(target=run, args=[n]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bench.state("B-1").said == 8
    assert sorted(said_ids(bench)) == [f"R-B-1-{n}" for n in range(1, 9)]


def test_old_documents_take_the_defaults_of_later_fields(bench):
    bench.deliver(overdue("B-1"))
    bench.room.hot.forget(place("B-1"))
    with bench.engine.begin() as db:
        db.execute(text("""UPDATE states SET state = '{"borrower_id": "B-1", "overdue": 4}'"""))
    bench.deliver(overdue("B-1"))
    assert bench.state("B-1") == Count("B-1", overdue=5, said=1)
