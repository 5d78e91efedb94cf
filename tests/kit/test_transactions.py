"""One batch is one transaction on the real database: applied once, wholly, and nobody suffers for another's poison."""

import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from schemas.bank import LoanCured, LoanPaymentReceived
from schemas.contacts import ContactStopRequested
from schemas.envelope import Event
from schemas.topics import BORROWERS, CASES, LOANS
from schemas.values import Sealed
from services.kit import accepted, dlq
from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.kit.database import transaction
from services.kit.limits import Limits, TooManyDeadLetters
from services.kit.outbox import Frame
from services.kit.partitions import partition_for
from services.kit.plug import KeyReused
from services.kit.records import STRUCTURED, Batch, Record
from services.kit.service import Context, Put, Refused
from services.kit.work import Fenced
from tests.kit.counter import (
    COUNTER,
    MONDAY,
    UNSTORABLE,
    Count,
    case_opened,
    charged_off,
    due_soon,
    overdue,
    paid,
    poison,
    recorded,
    sayings,
    stop,
)

pytestmark = pytest.mark.stack


@pytest.fixture
def bench(engine) -> Bench[Count, None]:
    return Bench(COUNTER, engine, ManualClock(MONDAY))


def rows(bench: Bench[Count, None], sql: str):
    with bench.engine.connect() as db:
        return [tuple(row) for row in db.execute(text(sql))]


def open_letters(bench: Bench[Count, None]):
    return dlq.list_letters(bench.engine)


def said_ids(bench: Bench[Count, None]) -> list[str]:
    return [fact.request_id for fact in bench.said_of(ContactStopRequested)]


def place(borrower_id: str) -> int:
    return partition_for(borrower_id.encode(), LOANS.partitions)


def record(fact, id: str = "E-1") -> Record:
    event = Event.saying(fact, id=id, source="/bank", time=MONDAY)
    return Record(0, 0, fact.key.encode(), event.to_json())


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


def said_by(source, sequence):
    event = Event.saying(case_opened("B-1"), id=f"C-{sequence}", source=source, time=MONDAY, sequence=sequence)
    return Record(0, 0, b"B-1", event.to_json())


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


def test_garbage_a_wrong_key_and_a_wrong_partition_are_dead_letters_that_park_nobody(bench):
    number = place("B-1")
    good = record(overdue("B-1"))
    bench.put(
        LOANS,
        number,
        replace(good, value=b"{garbage"),
        replace(good, key=b"B-2"),
        replace(good, value=None),
        good,
    )
    bench.put(LOANS, (number + 1) % 12, replace(good, value=record(overdue("B-1"), "E-2").value))
    assert [letter.kind for letter in reversed(open_letters(bench))] == [
        "unreadable",
        "wrong_key",
        "unreadable",
        "wrong_partition",
    ]
    assert bench.state("B-1").overdue == 1
    assert rows(bench, "SELECT count(*) FROM parked") == [(0,)]


def test_a_tombstone_on_a_compacted_topic_is_no_dead_letter_and_elsewhere_it_is_one(bench):
    tombstone = Record(0, 0, b"B-1", None)
    bench.put(BORROWERS, place("B-1"), tombstone)
    assert open_letters(bench) == []
    bench.put(LOANS, place("B-1"), tombstone)
    assert [letter.kind for letter in open_letters(bench)] == ["unreadable"]


def test_a_dead_letter_leaves_with_the_original_bytes_and_its_origin(bench):
    number = place("B-1")
    bench.put(LOANS, number, replace(record(overdue()), value=b"\xff\x00garbage", headers=(("x-odd", b"\xfe"),)))
    ((topic, partition, key, payload, headers),) = rows(
        bench, "SELECT topic, partition, key, payload, headers FROM outbox"
    )
    told = dict(headers)
    assert (topic, partition, key, payload) == ("notifier.dead-letters.v1", number, b"B-1", b"\xff\x00garbage")
    assert told["x-original-topic"] == "bank.loans.v1"
    assert (told["x-original-partition"], told["x-original-offset"]) == (str(number), "0")
    assert told["x-exception-class"] == "Unreadable"
    assert told["x-reason"].startswith("not JSON")
    assert told["x-attempts"] == "1"
    assert {"x-first-failed-at", "x-original-timestamp"} <= set(told)
    assert "x-odd" not in told


def test_a_raising_handler_parks_its_borrower_and_nobody_else(bench):
    bench.deliver(overdue("B-1"), poison("B-1"), overdue("B-1"), overdue("B-2"))
    bench.deliver(recorded("B-1"), paid("B-1"))
    assert bench.state("B-1") == Count("B-1", overdue=1, said=1)
    assert bench.state("B-2").overdue == 1
    (letter,) = open_letters(bench)
    assert (letter.kind, letter.error, letter.reason) == ("handler", "RuntimeError", "indigestible")
    assert (letter.borrower_id, letter.waiting, letter.attempts) == ("B-1", 3, 1)
    assert bench.runtime.held(["B-1", "B-2"]) == {"B-1"}


@pytest.mark.parametrize("parked", [3, 150])
def test_whoever_waits_is_found_among_many(bench, parked):
    bench.deliver(*[poison(f"B-{n}") for n in range(parked)])
    assert bench.runtime.held([f"B-{n}" for n in range(1, 400)]) == {f"B-{n}" for n in range(1, parked)}


def test_rows_that_the_database_refuses_cost_one_record_only(bench):
    facts = [paid(f"B-{n % 40}") for n in range(200)]
    bench.deliver(*facts, paid("B-7", UNSTORABLE), *facts)
    (letter,) = open_letters(bench)
    assert (letter.borrower_id, letter.kind, letter.waiting) == ("B-7", "handler", 5)
    assert "NumericValueOutOfRange" in letter.reason or "out of range" in letter.reason
    assert bench.state("B-7").paid == Decimal("50.00")
    assert bench.state("B-8").paid == Decimal("100.00")


def test_a_redrive_applies_the_record_and_then_what_waited_once_each(bench):
    bench.deliver(poison("B-1"), overdue("B-1"), paid("B-1"))
    bench.deliver(due_soon("B-1"))
    assert dlq.request_redrive(bench.engine) == 1
    bench.redrive()
    (letter,) = open_letters(bench)
    assert (letter.attempts, letter.redrive_requested_at, letter.waiting) == (2, None, 3)

    def healed(count, _fact, _context):
        return replace(count, overdue=count.overdue + 1), ()

    bench.room.service = replace(COUNTER, handlers={**COUNTER.handlers, type(overdue()): healed})
    dlq.request_redrive(bench.engine)
    dlq.request_redrive(bench.engine)
    assert bench.redrive() == 1
    assert bench.redrive() == 0
    count = bench.state("B-1")
    assert (count.overdue, count.paid, count.due) == (2, Decimal("10.00"), MONDAY + timedelta(days=3))
    assert open_letters(bench) == []
    assert rows(bench, "SELECT count(*) FROM parked") == [(0,)]
    bench.deliver(overdue("B-1"))
    assert bench.state("B-1").overdue == 3


def test_a_second_poison_behind_the_first_becomes_the_next_dead_letter(bench):
    bench.deliver(poison("B-1"), overdue("B-1"), poison("B-1"), paid("B-1"))
    calls = []

    def second_time(count, fact, context):
        calls.append(fact)
        if len(calls) == 3:
            raise RuntimeError("again")
        return replace(count, overdue=count.overdue + 1), ()

    bench.room.service = replace(COUNTER, handlers={**COUNTER.handlers, type(overdue()): second_time})
    dlq.request_redrive(bench.engine)
    bench.redrive()
    (letter,) = open_letters(bench)
    assert (letter.reason, letter.waiting) == ("again", 1)
    assert (bench.state("B-1").overdue, bench.state("B-1").paid) == (2, Decimal("0.00"))


def test_what_waits_behind_a_dead_letter_is_not_set_free_by_the_redrive_of_another(bench):
    bench.deliver(poison("B-1"), paid("B-1"))
    bench.put(LOANS, place("B-1"), replace(record(overdue("B-1"), "E-77"), key=b"B-2"))
    dlq.request_redrive(bench.engine, kind="wrong_key")
    assert bench.redrive() == 1
    assert bench.state("B-1").paid == 0
    (letter,) = open_letters(bench)
    assert (letter.kind, letter.waiting) == ("handler", 1)


def test_a_record_on_the_wrong_partition_is_published_again_where_it_belongs(bench):
    wrong = (place("B-1") + 1) % 12
    bench.put(LOANS, wrong, record(overdue("B-1")))
    dlq.request_redrive(bench.engine, kind="wrong_partition")
    bench.redrive()
    found = rows(bench, "SELECT topic, partition, aggregateid, payload FROM outbox WHERE topic = 'bank.loans.v1'")
    assert found == [("bank.loans.v1", place("B-1"), "B-1", record(overdue("B-1")).value)]
    assert open_letters(bench) == []


def misplaced(bench: Bench[Count, None], partition: int, key: bytes = b"B-1") -> Record:
    """A record with contact data on this partition, as the bank published it."""
    sent = replace(record(recorded("B-1")), timestamp=1, key=key, headers=(*STRUCTURED, ("x-batch", b"7")))
    bench.put(BORROWERS, partition, sent)
    return sent


def test_a_sequence_counts_only_from_whom_the_topic_belongs_to(bench):
    """A forged one would make what really comes look like a repeat."""
    own = f"/arrears/assignment/{place('B-1')}"
    bench.put(CASES, place("B-1"), said_by("/arrears/visits/0", 9), said_by(own, 1))
    (letter,) = open_letters(bench)
    assert (letter.kind, letter.error) == ("wrong_partition", "WrongSource")
    assert rows(bench, "SELECT source, sequence FROM stamps") == [(own, 1)]
    dlq.request_redrive(bench.engine)
    bench.redrive()
    (letter,) = open_letters(bench)
    assert "published by that service alone" in letter.reason
    assert bench.log.published == []


@pytest.mark.parametrize("opens", [COUNTER.opens, frozenset()])
def test_contact_data_on_the_wrong_partition_is_published_again_as_the_bank_wrote_it(engine, opens):
    bench = Bench(replace(COUNTER, opens=opens), engine, ManualClock(MONDAY))
    sent = misplaced(bench, (place("B-1") + 1) % 12)
    dlq.request_redrive(bench.engine)
    assert bench.redrive() == 1
    again = Frame(0, b"B-1", sent.value, tuple(sent.headers))
    assert bench.log.published == [((BORROWERS.name, place("B-1")), again)]
    assert open_letters(bench) == []
    assert rows(bench, "SELECT count(*) FROM outbox WHERE topic = 'bank.borrowers.v1'") == [(0,)]


def test_contact_data_under_the_wrong_key_is_published_again_under_the_right_one(bench):
    misplaced(bench, place("B-1"), b"B-2")
    dlq.request_redrive(bench.engine)
    bench.redrive()
    ((stream, frame),) = bench.log.published
    assert (stream, frame.key) == ((BORROWERS.name, place("B-1")), b"B-1")


@pytest.mark.parametrize("other", [None, Record(0, 2, b"B-1", b"of another topic of that name")])
def test_contact_data_whose_original_is_gone_is_not_published_and_says_why(bench, other):
    wrong = (place("B-1") + 1) % 12
    misplaced(bench, wrong)
    bench.log.records.pop(((BORROWERS.name, wrong), 0))
    if other:
        bench.log.records[(BORROWERS.name, wrong), 0] = other
    dlq.request_redrive(bench.engine)
    bench.redrive()
    assert bench.log.published == []
    (letter,) = open_letters(bench)
    assert (letter.kind, letter.error, letter.redrive_requested_at) == ("wrong_partition", "OriginalGone", None)
    assert "gone from the broker" in letter.reason


def test_one_original_that_cannot_be_had_holds_up_no_other_redrive(bench):
    misplaced(bench, place("B-1"), b"B-2")
    bench.deliver(poison("B-1"))

    def away(stream, offset):
        raise TimeoutError

    bench.log.fetch = away
    dlq.request_redrive(bench.engine)
    assert bench.redrive() == 2
    assert sorted((letter.kind, letter.attempts) for letter in open_letters(bench)) == [
        ("handler", 2),
        ("wrong_key", 2),
    ]


@pytest.mark.parametrize("type_", ["borrower.recorded.v1", "borrower.recorded.v2"])
def test_contact_data_that_came_by_a_wrong_door_is_kept_by_nobody(bench, type_):
    told = record(recorded("B-1"))
    misplaced = replace(told, value=told.value.replace(b"borrower.recorded.v1", type_.encode()))
    bench.put(LOANS, place("B-1"), misplaced, replace(record(overdue("B-1")), value=b"{garbage"))
    assert [letter.kind for letter in open_letters(bench)] == ["unreadable", "unreadable"]
    kept = rows(bench, "SELECT value FROM dead_letters ORDER BY position")
    assert kept == [(None,), (b"{garbage",)]
    assert rows(bench, "SELECT payload FROM outbox ORDER BY sequence") == kept


def test_contact_data_is_in_clear_nowhere_in_the_schema(bench):
    bench.deliver(recorded("B-1"), poison("B-1"), recorded("B-1"))
    bench.deliver(recorded("B-1"))
    bench.put(recorded().TOPIC, place("B-1"), replace(record(recorded()), key=b"B-2"))
    count = bench.state("B-1")
    assert bench.vault.open("B-1", "name", Sealed(sealed=count.name_sealed, key=count.name_key)) == "王小明"
    for table in ("states", "inbox", "outbox", "dead_letters", "parked", "reads"):
        for row in rows(bench, f"SELECT * FROM {table}"):
            shown = " ".join(bytes(v).decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in row)
            assert "王小明" not in shown
            assert "13800000001" not in shown


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


def test_a_due_timer_runs_once(bench):
    bench.deliver(due_soon("B-1", days=2))
    bench.advance(timedelta(days=1))
    assert bench.state("B-1").ticks == 0
    bench.advance(timedelta(days=2))
    assert (bench.state("B-1").ticks, said_ids(bench)) == (1, ["R-B-1-1"])
    assert bench.tick_due() == 0


def test_a_fact_that_clears_the_timer_stops_it(bench):
    bench.deliver(due_soon("B-1", days=2))
    bench.deliver(LoanCured(loan_id="L-1", borrower_id="B-1", business_date=MONDAY.date()))
    bench.advance(timedelta(days=3))
    assert bench.state("B-1").ticks == 0


def test_a_tick_that_does_not_move_on_is_pushed_back_with_an_alarm(bench):
    bench.deliver(charged_off("B-1"))
    assert bench.tick_due() == 1
    assert bench.tick_due() == 0
    assert rows(bench, "SELECT kind, about, times FROM alarms") == [("stuck timer", "B-1", 1)]


def test_a_raising_tick_is_a_dead_letter_and_runs_again_after_a_redrive(bench):
    def raising(_count: Count, _context: Context[None]):
        raise RuntimeError("no tick today")

    bench.deliver(due_soon("B-1", days=1), due_soon("B-2", days=1))
    bench.room.service = replace(COUNTER, tick=raising)
    bench.advance(timedelta(days=1))
    assert [letter.kind for letter in open_letters(bench)] == ["timer", "timer"]
    bench.deliver(overdue("B-1"))
    bench.room.service = COUNTER
    assert bench.tick_due() == 0
    dlq.request_redrive(bench.engine)
    bench.redrive()
    assert bench.tick_due() == 2
    assert (bench.state("B-1").ticks, bench.state("B-1").overdue) == (1, 1)


def test_a_tick_whose_rows_the_database_refuses_harms_nobody_else(bench):
    def refused(event):
        note = "x" if event.data.borrower_id != "B-1" else {"not": "text"}
        return [Put(sayings, {"request_id": event.data.request_id, "borrower_id": "b", "note": note})]

    bench.room.service = replace(COUNTER, project=refused)
    bench.deliver(*[due_soon(f"B-{n}", days=1) for n in range(6)])
    bench.clock.instant += timedelta(days=1)
    for _ in range(20):
        bench.tick_due()
    assert [bench.state(f"B-{n}").ticks for n in range(6)] == [1, 0, 1, 1, 1, 1]
    assert [(letter.borrower_id, letter.kind) for letter in open_letters(bench)] == [("B-1", "timer")]


def test_a_woken_borrower_is_looked_at_at_once(bench):
    bench.deliver(due_soon("B-1", days=30))
    bench.runtime.wake(["B-1"])
    assert bench.tick_due() == 1
    assert bench.state("B-1").ticks == 1


def test_too_many_dead_letters_stop_the_service_before_they_are_kept(engine):
    bench = Bench(COUNTER, engine, ManualClock(MONDAY), limits=Limits(10, 1.0))
    good, number = record(overdue()), place("B-1")
    bench.put(LOANS, number, *[replace(good, value=b"bad")] * 9, good)
    with pytest.raises(TooManyDeadLetters, match="in a row"):
        bench.put(LOANS, number, *[replace(good, value=b"bad")] * 10)
    assert len(open_letters(bench)) == 9


def test_what_somebody_accepts_goes_to_the_dead_letters_and_no_more_than_that(engine):
    bench = Bench(COUNTER, engine, ManualClock(MONDAY), limits=Limits(5, 1.0))
    garbage, stream = [Record(0, 0, b"B-1", b"garbage")] * 6, (LOANS.name, place("B-1"))
    with pytest.raises(
        TooManyDeadLetters, match=r"arrears dlq accept notifier bank\.loans\.v1 \d+ --until 6\b"
    ) as stopped:
        bench.put(LOANS, place("B-1"), *garbage)
    assert "offsets 0 to 5, the first because: " in str(stopped.value)
    with transaction(engine) as (_, raw):
        assert accepted.accept(raw, stream, 2, "half of it", "ops")
    with pytest.raises(TooManyDeadLetters) as again:
        bench.put(LOANS, place("B-1"), *garbage, *garbage)
    assert (stopped.value.accepted, again.value.accepted) == (0, 2)
    assert open_letters(bench) == []
    with transaction(engine) as (_, raw):
        assert accepted.accept(raw, stream, 6, "a producer's test run", "ops")
    bench.put(LOANS, place("B-1"), *garbage)
    bench.deliver(overdue())
    assert (len(open_letters(bench)), bench.state("B-1").overdue) == (6, 1)
    with pytest.raises(TooManyDeadLetters):
        bench.put(LOANS, place("B-1"), *garbage)
    kept = rows(bench, "SELECT until, reason, decided_by FROM accepted_letters ORDER BY number")
    assert kept == [(2, "half of it", "ops"), (6, "a producer's test run", "ops")]
    with transaction(engine) as (_, raw):
        assert not accepted.accept(raw, stream, 7, "nothing is left below it", "ops")


def test_a_share_of_dead_letters_stops_the_service_too(engine):
    bench = Bench(COUNTER, engine, ManualClock(MONDAY), limits=Limits(10**6, 0.5))
    good, number = record(overdue()), place("B-1")
    with pytest.raises(TooManyDeadLetters, match="of the latest"):
        bench.put(LOANS, number, *[replace(good, value=b"bad")] * 600)


def test_old_documents_take_the_defaults_of_later_fields(bench):
    bench.deliver(overdue("B-1"))
    bench.room.hot.forget(place("B-1"))
    with bench.engine.begin() as db:
        db.execute(text("""UPDATE states SET state = '{"borrower_id": "B-1", "overdue": 4}'"""))
    bench.deliver(overdue("B-1"))
    assert bench.state("B-1") == Count("B-1", overdue=5, said=1)
