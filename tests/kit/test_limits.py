"""Too many dead letters, by run and by ratio, however the records are cut into batches."""

import random

import pytest

from services.kit.limits import FEWEST, LATEST, Limits, TooManyDeadLetters


def fed(limits, *batches):
    for batch in batches:
        limits = limits.check(batch)
    return limits


def test_a_run_counts_over_batches():
    limits = fed(Limits(5, 1.0), [True, True], [True, True])
    with pytest.raises(TooManyDeadLetters, match="5 records in a row"):
        limits.check([True])


def test_one_good_record_ends_a_run():
    fed(Limits(5, 1.0), *([[True, True, False, True, True]] * 50))


@pytest.mark.parametrize("size", [1, 7, 400])
def test_a_ratio_counts_once_there_are_enough_records(size):
    pick = random.Random(1)
    few, enough = (FEWEST - 1) // size, FEWEST // size + 1
    batches = [[pick.random() < 0.6 for _ in range(size)] for _ in range(enough)]
    fed(Limits(10**9, 0.3), *batches[:few])
    with pytest.raises(TooManyDeadLetters, match="of the latest"):
        fed(Limits(10**9, 0.3), *batches)


def test_what_is_long_past_does_not_count():
    limits = fed(Limits(10**9, 0.5), *([[False]] * 10 * LATEST))
    with pytest.raises(TooManyDeadLetters):
        fed(limits, *([[True]] * LATEST))


def test_a_batch_longer_than_the_window_counts_in_whole():
    with pytest.raises(TooManyDeadLetters):
        Limits(10**9, 0.5).check([False] * LATEST + [True] * 2 * LATEST)
