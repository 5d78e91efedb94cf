"""What waits of several topics shares a transaction: all of it or none, in the order in which it came."""

import asyncio
import threading
from dataclasses import replace
from decimal import Decimal

import pytest

from schemas.bank import LoanOverdue
from schemas.topics import BORROWERS, CASES, LOANS
from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.kit.limits import Limits, TooManyDeadLetters
from services.kit.lines import JOINED_RECORDS_MAX, SMALL, Fetched, Handling, Lines, first_group
from services.kit.records import Batch
from services.kit.work import Fenced
from tests.kit.benched import open_letters, place, record, rows, said_by
from tests.kit.counter import COUNTER, MONDAY, POISON, overdue, paid, recorded, say

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


@pytest.mark.stack
def test_borrowers_on_several_partition_numbers_share_a_transaction_and_each_has_its_own(bench, commits):
    everybody = [f"B-{n}" for n in range(60)]
    by_number = {n: [b for b in everybody if place(b) == n] for n in range(LOANS.partitions)}
    batches = [
        bench.batch(LOANS, n, *[record(overdue(b), f"E-{b}-{k}") for b in there for k in range(2)])
        for n, there in by_number.items()
        if there
    ]
    assert len(batches) > 6
    bench.batches.apply(*batches, bench.batch(CASES, HERE, said_by(SOURCE, 1)))
    assert commits == [len([there for there in by_number.values() if there])]
    assert {bench.state(b).overdue for b in everybody} == {2}
    assert rows(bench, "SELECT count(*), min(version), max(version) FROM states") == [(60, 1, 1)]
    assert {
        n: {b for b, number in rows(bench, "SELECT borrower_id, partition FROM states") if number == n}
        for n in by_number
    } == {n: set(there) for n, there in by_number.items()}
    heard = {(e.source, e.sequence) for e in bench.said()}
    assert heard == {
        (f"/arrears/notifier/{n}", k) for n, there in by_number.items() for k in range(1, 2 * len(there) + 1)
    }


@pytest.mark.stack
def test_a_repeat_on_one_partition_number_is_no_repeat_on_another(bench):
    other = next(b for b in (f"B-{n}" for n in range(2, 99)) if place(b) != HERE)
    there = bench.batch(LOANS, place(other), record(overdue(other), "E-1"))
    bench.batches.apply(bench.batch(LOANS, HERE, record(overdue("B-1"), "E-1")), there)
    bench.put(LOANS, place(other), record(overdue(other), "E-1"))
    assert (bench.state("B-1").overdue, bench.state(other).overdue) == (1, 1)
    assert not open_letters(bench)


@pytest.mark.stack
def test_one_reference_for_several_numbers_learns_for_all_of_them(engine):
    heard = []

    def learn(reference, _fact):
        return reference + 1

    def on_overdue(state, _fact, context):
        heard.append((context.partition, context.reference))
        return say(state, context)

    shared = replace(COUNTER, learn=learn, handlers={**COUNTER.handlers, LoanOverdue: on_overdue})
    for reference, expected in (
        (lambda _db, numbers, _now: dict.fromkeys(numbers, 0), [0, 1, 2]),
        (lambda _db, numbers, _now: {n: n * 1000 for n in numbers}, None),
    ):
        heard.clear()
        bench = Bench(replace(shared, reference=reference), engine, ManualClock(MONDAY))
        names = [next(b for b in (f"B-{k}" for k in range(99)) if place(b) == n) for n in (3, 5, 7)]
        told = [record(overdue(b), f"E-{b}-{expected}") for b in names]
        bench.batches.apply(*[bench.batch(LOANS, n, r) for n, r in zip((3, 5, 7), told, strict=True)])
        assert [reference for _, reference in heard] == (expected or [n * 1000 for n in (3, 5, 7)])


def fetched(topic, start=0, stop=1, epoch=1, number=0):
    return Fetched(Batch(topic, number, start, stop, [object()] * (stop - start)), epoch)


def test_what_was_read_before_a_seek_is_not_together_with_what_was_read_after_it():
    before, after = fetched(LOANS), fetched(CASES, epoch=2)
    line = [before, after]
    assert (first_group([line]), line) == ([before], [after])
    assert (first_group([line]), line) == ([after], [])


def test_a_transaction_does_not_grow_without_end():
    half = JOINED_RECORDS_MAX // 2 + 1
    one, two, small = fetched(LOANS, 0, half), fetched(CASES, 0, half), fetched(BORROWERS)
    line = [one, two, small]
    assert (first_group([line]), line) == ([one], [two, small])
    assert (first_group([line]), line) == ([two, small], [])


def test_one_batch_is_taken_however_large_it_is():
    line = [large := fetched(LOANS, 0, JOINED_RECORDS_MAX + 1)]
    assert (first_group([line]), line) == ([large], [])


def test_small_batches_of_further_numbers_join_until_it_is_no_longer_small():
    lines = [[fetched(LOANS, 0, SMALL // 2, number=n), fetched(CASES, number=n)] for n in range(4)]
    group = first_group(lines)
    assert [one.stream for one in group] == [(t.name, n) for n in range(2) for t in (LOANS, CASES)]
    assert [len(line) for line in lines] == [0, 0, 2, 2]


def test_what_stays_behind_in_its_line_is_not_overtaken():
    line, other = [fetched(LOANS), fetched(CASES, epoch=2), fetched(LOANS, 1, 2)], [fetched(LOANS, number=1)]
    group = first_group([line, other])
    assert [(one.stream, one.epoch) for one in group] == [((LOANS.name, 0), 1), ((LOANS.name, 1), 1)]
    assert [one.epoch for one in line] == [2]


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


async def test_nobody_else_is_at_a_number_meanwhile_and_others_go_on():
    going, under_way, most, done = threading.Event(), [0] * 3, [0] * 3, []

    def apply(*batches):
        numbers = {batch.partition for batch in batches}
        for number in numbers:
            under_way[number] += 1
            most[number] = max(most[number], under_way[number])
        if 0 in numbers and not done:
            going.wait(5)
        for number in numbers:
            under_way[number] -= 1
        done.append(sorted(numbers))

    lines = Lines(Handling(apply, lambda _stored: None), pytest.fail)
    await lines.put(Reader(), fetched(LOANS))
    await asyncio.sleep(0.05)
    for start in (1, 2, 3):
        await lines.put(Reader(), fetched(LOANS, start, start + 1), fetched(LOANS, start, start + 1, number=2))
        await asyncio.sleep(0.02)
    async with asyncio.timeout(5):
        while not done:
            await asyncio.sleep(0.01)
    assert all(numbers == [2] for numbers in done), "number 0 is somebody's"
    going.set()
    async with asyncio.timeout(5):
        while [0] not in done or done.index([0]) == len(done) - 1:
            await asyncio.sleep(0.01)
    lines.close()
    assert most == [1, 0, 1]
    for task in lines.tasks:
        task.cancel()


async def test_little_waits_for_the_transaction_under_way_and_much_does_not():
    going, done = threading.Event(), []

    def apply(*batches):
        if batches[0].partition == 0:
            going.wait(5)
        done.append([(batch.partition, batch.next - batch.start) for batch in batches])

    lines = Lines(Handling(apply, lambda _stored: None), pytest.fail)
    await lines.put(Reader(), fetched(LOANS))
    await asyncio.sleep(0.01)
    for number in (1, 2):
        await lines.put(Reader(), fetched(LOANS, number=number))
        await asyncio.sleep(0.01)
    assert done == []
    await lines.put(Reader(), fetched(LOANS, 0, SMALL, number=3))
    async with asyncio.timeout(5):
        while not done:
            await asyncio.sleep(0.001)
    assert done == [[(1, 1), (2, 1), (3, SMALL)]]
    going.set()
    lines.close()
    for task in lines.tasks:
        task.cancel()


async def test_where_one_of_several_fails_the_others_are_applied():
    applied, moved, reader = [], [], Reader()

    def apply(*batches):
        if CASES in [batch.topic for batch in batches]:
            raise Fenced("stale")
        applied.append([batch.topic for batch in batches])

    lines = Lines(Handling(apply, lambda stored: moved.extend(stored.items())), pytest.fail)
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
