"""Which word about a loan counts: a stop unless provably old, a start only where provably new, in any order."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rulebook.word import Known, counts, heard, said_at, word

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = NOON.date()
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def fold(*words):
    known = Known()
    for told in words:
        known = heard(told, known) if counts(told, known) else known
    return known


def stopped(*words):
    return fold(*words).stopped


def test_a_payment_of_the_same_version_as_the_arrears_it_pays_stops_and_the_arrears_told_again_start_nothing():
    overdue = word("starts", NOON, TODAY, 5)
    again = word("starts", NOON + DAY, TODAY + DAY, 5)
    assert stopped(overdue, word("stops", NOON, version=5), again)
    assert not stopped(overdue, word("stops", NOON, version=5), word("starts", NOON + DAY, TODAY + DAY, 6))


def test_a_date_from_the_future_proves_nothing():
    ahead = word("starts", said_at(NOON + 40 * DAY, NOON), TODAY + 40 * DAY)
    assert stopped(ahead, word("stops", NOON + HOUR))
    assert stopped(ahead, word("stops", NOON + HOUR, TODAY))


def test_a_cure_of_an_older_business_day_that_was_said_later_stops():
    overdue, cured = word("starts", NOON, TODAY), word("stops", NOON + HOUR, TODAY - 3 * DAY)
    assert stopped(overdue, cured)
    assert stopped(overdue, cured, word("starts", NOON, TODAY))
    assert not stopped(overdue, cured, word("starts", NOON + DAY, TODAY + DAY))


def test_a_cure_that_is_old_by_its_day_and_by_its_time_says_nothing_of_what_has_come_due_since():
    assert not stopped(word("starts", NOON, TODAY), word("stops", NOON - DAY, TODAY - DAY))


@pytest.mark.parametrize("when", [-400 * DAY, -DAY, DAY])
def test_what_ends_a_loan_needs_no_order(when):
    assert stopped(word("starts", NOON, TODAY, 9), word("ends", NOON + when, TODAY + when))


@pytest.mark.parametrize(
    "late",
    [
        word("starts", NOON, TODAY),
        word("starts", NOON - DAY, TODAY - DAY),
        word("starts", NOON + 5 * HOUR, TODAY - DAY),
        word("starts", NOON - HOUR, TODAY),
        word("starts", NOON - HOUR, TODAY + DAY),
        word("tells", NOON),
    ],
    ids=[
        "the same instant",
        "yesterday's",
        "yesterday's, said now",
        "the morning's",
        "older, dated ahead",
        "a payment",
    ],
)
def test_a_late_repetition_does_not_start_again_what_has_stopped(late):
    assert stopped(word("stops", NOON, TODAY), late)


def test_a_payment_taken_back_in_the_instant_in_which_it_came_is_past_due_again():
    assert not stopped(word("stops", NOON), word("undoes", NOON))


KINDS = st.sampled_from(["starts", "tells", "undoes", "stops"])


@given(st.lists(KINDS, min_size=1, max_size=7), st.booleans(), st.randoms(use_true_random=False))
def test_words_in_any_order_and_any_number_end_as_the_last_one_said(kinds, versions, random):
    told = [word(kind, NOON + n * DAY, TODAY + n * DAY, n + 1 if versions else None) for n, kind in enumerate(kinds)]
    mixed = told + [each for each in told if random.random() < 0.3]
    random.shuffle(mixed)
    assert stopped(*mixed) == (kinds[-1] == "stops")


@given(st.lists(st.tuples(KINDS, st.integers(-3, 3), st.integers(-3, 3)), max_size=6), st.integers(0, 3))
def test_a_stop_said_last_stops_whatever_its_business_day(before, back):
    words = [word(kind, NOON + said * HOUR, TODAY + day * DAY) for kind, said, day in before]
    assert stopped(*words, word("stops", NOON + 3 * HOUR, TODAY - back * DAY))
