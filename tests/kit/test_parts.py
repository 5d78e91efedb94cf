"""A batch is read and decided part by part; what it comes to is what one part would come to."""

import pytest

from schemas.envelope import Event
from schemas.topics import CASES, LOANS
from services.kit import dlq
from services.kit.batches import ASKED_PART, PART
from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.kit.partitions import partition_for
from services.kit.records import Record
from tests.kit.counter import COUNTER, MONDAY, Count, case_opened, overdue, paid, poison

pytestmark = pytest.mark.stack
HERE = partition_for(b"B-1", LOANS.partitions)
NEIGHBOURS = [b for b in (f"B-{n}" for n in range(2, 2000)) if partition_for(b.encode(), LOANS.partitions) == HERE]


@pytest.fixture
def bench(engine) -> Bench[Count, None]:
    return Bench(COUNTER, engine, ManualClock(MONDAY))


def bank(fact, id: str) -> Record:
    return Record(0, 0, fact.key.encode(), Event.saying(fact, id=id, source="/bank", time=MONDAY).to_json())


def ours(fact, sequence: int) -> Record:
    said = Event.saying(fact, id=f"C-{sequence}", source=f"/arrears/assignment/{HERE}", time=MONDAY, sequence=sequence)
    return Record(0, 0, fact.key.encode(), said.to_json())


def padding(count: int) -> list[Record]:
    return [bank(overdue(NEIGHBOURS[n % len(NEIGHBOURS)]), f"P-{n}") for n in range(count)]


def test_an_id_that_comes_again_in_another_part_is_a_repeat(bench):
    bench.put(LOANS, HERE, bank(paid("B-1"), "E-1"), *padding(2 * ASKED_PART), bank(paid("B-1"), "E-1"))
    assert bench.state("B-1").paid == 10
    assert not dlq.list_letters(bench.engine)


def test_an_id_used_again_in_another_part_with_other_content_is_refused(bench):
    bench.put(LOANS, HERE, bank(paid("B-1"), "E-1"), *padding(2 * ASKED_PART), bank(overdue("B-1"), "E-1"))
    (letter,) = dlq.list_letters(bench.engine)
    assert (letter.kind, bench.state("B-1").overdue) == ("reused_id", 0)


def test_what_comes_in_a_later_part_waits_behind_its_borrowers_dead_letter(bench):
    bench.put(LOANS, HERE, bank(poison("B-1"), "E-1"), *padding(2 * ASKED_PART), bank(paid("B-1"), "E-2"))
    (letter,) = dlq.list_letters(bench.engine)
    assert (letter.kind, letter.waiting, bench.state("B-1").paid) == ("handler", 1, 0)


def test_states_and_what_is_said_go_on_from_part_to_part(bench):
    count = 3 * ASKED_PART + 1
    bench.put(LOANS, HERE, *[bank(overdue("B-1"), f"E-{n}") for n in range(count)])
    assert (bench.state("B-1").overdue, bench.state("B-1").said) == (count, count)
    assert [event.sequence for event in bench.said()] == list(range(1, count + 1))


def test_repeats_and_gaps_of_sequences_are_found_across_parts(bench):
    told = [*range(1, 2 * PART), 1, PART, 2 * PART, 2 * PART + 7]
    bench.put(CASES, HERE, *[ours(case_opened("B-1"), sequence) for sequence in told])
    with bench.engine.connect() as db:
        gaps = db.exec_driver_sql("SELECT after, before FROM gaps").all()
    assert gaps == [(2 * PART, 2 * PART + 7)]
    assert bench.state("B-1").paid == 2 * PART + 1
