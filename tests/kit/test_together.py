"""What waits of several topics shares a transaction: all of it or none, in the order in which it came."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from schemas.topics import BORROWERS, CASES, LOANS
from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.kit.limits import Limits, TooManyDeadLetters
from services.kit.lines import JOINED_RECORDS_MAX, Fetched, Handling, Lines, together
from services.kit.records import Batch
from services.kit.work import Fenced
from tests.kit.benched import open_letters, place, record, rows, said_by
from tests.kit.counter import COUNTER, MONDAY, POISON, overdue, paid, recorded

HERE = place("B-1")
SOURCE = f"/arrears/assignment/{HERE}"


@pytest.fixture
def commits() -> list[int]:
    return []


@pytest.fixture
def bench(engine, commits):
    return Bench(COUNTER, engine, ManualClock(MONDAY), committed=lambda frames: commits.append(len(frames)))


def of_loans(bench, *facts):
    return bench.batch(LOANS, HERE, *[record(fact, f"E-{n}") for n, fact in enumerate(facts)])


def of_cases(bench, *numbers):
    return bench.batch(CASES, HERE, *[said_by(SOURCE, number) for number in numbers])


@pytest.mark.stack
def test_batches_of_two_topics_are_one_transaction(bench, commits):
    bench.batches.apply(of_loans(bench, overdue("B-1"), paid("B-1")), of_cases(bench, 1, 2))
    assert (bench.state("B-1").overdue, bench.state("B-1").paid) == (1, Decimal("12.00"))
    assert commits == [1]
    assert rows(bench, "SELECT topic, next FROM positions ORDER BY topic") == [(LOANS.name, 2), (CASES.name, 2)]
    assert rows(bench, "SELECT sum(version) FROM states") == [(1,)]
    assert rows(bench, "SELECT count(*) FROM reads") == [(4,)]


@pytest.mark.stack
def test_a_batch_that_is_fenced_takes_the_others_back_with_it(bench, commits):
    good, stale = of_loans(bench, overdue("B-1")), of_cases(bench, 1)
    bench.batches.apply(stale)
    with pytest.raises(Fenced):
        bench.batches.apply(good, stale)
    assert (bench.state("B-1").overdue, bench.state("B-1").paid) == (0, 1)
    assert rows(bench, "SELECT next FROM positions ORDER BY topic") == [(0,), (1,)]
    bench.batches.apply(good)
    assert bench.state("B-1").overdue == 1


@pytest.mark.stack
def test_an_id_that_comes_on_two_topics_at_once_is_known_on_the_second(bench):
    person = bench.batch(BORROWERS, HERE, record(recorded("B-1"), "E-0"))
    bench.batches.apply(of_loans(bench, overdue("B-1")), person)
    (letter,) = open_letters(bench)
    assert (letter.kind, letter.topic) == ("reused_id", BORROWERS.name)


@pytest.mark.stack
def test_whoever_has_a_dead_letter_on_one_topic_waits_on_the_other(bench):
    bad = overdue("B-1", outstanding_principal=POISON)
    bench.batches.apply(of_loans(bench, bad), of_cases(bench, 1))
    (letter,) = open_letters(bench)
    assert letter.topic == LOANS.name
    assert bench.state("B-1").paid == 0
    assert rows(bench, "SELECT topic FROM parked") == [(CASES.name,)]


@pytest.mark.stack
def test_dead_letters_are_counted_for_the_topic_that_they_are_of(engine):
    bench = Bench(COUNTER, engine, ManualClock(MONDAY), limits=Limits(1, 1.0))
    garbage = replace(record(overdue("B-1")), value=b"garbage")
    bad, good = bench.batch(LOANS, HERE, *[garbage] * 3), of_cases(bench, 1)
    with pytest.raises(TooManyDeadLetters, match=LOANS.name):
        bench.batches.apply(good, bad)
    assert rows(bench, "SELECT next FROM positions ORDER BY topic") == [(0,), (0,)]


def fetched(topic, start=0, stop=1, epoch=1):
    return Fetched(Batch(topic, 0, start, stop, [object()] * (stop - start)), epoch)


def test_what_was_read_before_a_seek_is_not_together_with_what_was_read_after_it():
    before, after = fetched(LOANS), fetched(CASES, epoch=2)
    assert list(together([before, after])) == [[before], [after]]


def test_a_transaction_does_not_grow_without_end():
    half = JOINED_RECORDS_MAX // 2 + 1
    one, two = fetched(LOANS, 0, half), fetched(CASES, 0, half)
    assert list(together([one, two])) == [[one], [two]]
    assert list(together([one, small := fetched(CASES)])) == [[one, small]]


class Reader:
    """Applies whatever it is asked to, and notes where reading had to start again."""

    epoch, should_stop = 1, False

    def __init__(self):
        self.sought = []

    async def applying(self, group, run):
        await run(*(one.batch for one in group))
        return group

    async def seek_again(self, epoch):
        self.sought.append(epoch)

    def halt(self, stream):
        raise AssertionError(stream)


async def test_where_one_of_several_fails_the_others_are_applied():
    applied, moved, reader = [], [], Reader()

    def apply(*batches):
        if CASES in [batch.topic for batch in batches]:
            raise Fenced("stale")
        applied.append([batch.topic for batch in batches])

    lines = Lines(Handling(apply, lambda stream, position: moved.append((stream, position))), pytest.fail)
    for topic in (LOANS, CASES, BORROWERS):
        await lines.put(reader, fetched(topic))
    async with asyncio.timeout(5):
        while len(applied) < 2:
            await asyncio.sleep(0.01)
    lines.close()
    assert applied == [[LOANS], [BORROWERS]]
    assert moved == [((LOANS.name, 0), 1), ((BORROWERS.name, 0), 1)]
    assert reader.sought == [1]
    for task in lines.tasks:
        task.cancel()
