"""What cannot be applied is kept, said, and run again in order; nothing overtakes what waits. Real database."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from schemas.topics import BORROWERS, CASES, LOANS
from schemas.values import Sealed
from services.kit import accepted, dlq
from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.kit.database import transaction
from services.kit.limits import Limits, TooManyDeadLetters
from services.kit.outbox import Frame
from services.kit.records import STRUCTURED, Record
from tests.kit.benched import open_letters, place, record, rows, said_by
from tests.kit.counter import (
    COUNTER,
    MONDAY,
    UNSTORABLE,
    Count,
    due_soon,
    overdue,
    paid,
    poison,
    recorded,
)

pytestmark = pytest.mark.stack


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
