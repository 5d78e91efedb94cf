"""A busy worker makes one transaction of what has piled up, and never across a hole or a seek."""

from types import SimpleNamespace

from schemas.topics import CASES, LOANS
from services.kit.lines import JOINED_RECORDS_MAX, Fetched, joined
from services.kit.records import Batch


def fetched(start, stop, topic=LOANS, epoch=1):
    records = [SimpleNamespace(offset=offset) for offset in range(start, stop)]
    return Fetched(Batch(topic, 0, start, stop, records), epoch)


def spans(*waiting):
    return [(*f.stream[:1], f.batch.start, f.batch.next, [r.offset for r in f.batch.records]) for f in joined(waiting)]


def test_batches_that_follow_each_other_become_one():
    assert spans(fetched(0, 2), fetched(2, 3), fetched(3, 5)) == [(LOANS.name, 0, 5, [0, 1, 2, 3, 4])]


def test_topics_are_not_mixed_and_keep_their_own_order():
    found = spans(fetched(0, 1), fetched(0, 1, CASES), fetched(1, 2), fetched(1, 2, CASES))
    assert found == [(LOANS.name, 0, 2, [0, 1]), (CASES.name, 0, 2, [0, 1])]


def test_nothing_is_joined_over_a_hole():
    assert len(spans(fetched(0, 2), fetched(3, 4))) == 2


def test_nothing_is_joined_over_a_seek():
    assert len(spans(fetched(0, 2), fetched(2, 4, epoch=2))) == 2


def test_a_joined_batch_does_not_grow_without_end():
    half = JOINED_RECORDS_MAX // 2 + 1
    assert len(spans(fetched(0, half), fetched(half, 2 * half))) == 2
