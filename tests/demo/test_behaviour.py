"""Who does what: every story is told, early enough for its end to be seen, and the same every time."""

from collections import Counter
from functools import cache
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.local.behaviour import behaviours, stranger
from deploy.local.portfolio import World, portfolio
from deploy.local.stories import STORIES
from schemas.values import Answer, Disposition


@cache
def people(number, seed=1):
    world = World(loans=number, seed=seed)
    return behaviours(world, portfolio(world))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_every_story_is_told_by_somebody_whatever_the_seed(seed):
    assert {one.name for one in people(500, seed).values()} == {*STORIES, "punctual"}


def test_in_a_larger_world_every_story_is_told_several_times():
    counts = Counter(one.name for one in people(2000).values())
    assert min(counts.values()) >= 2


def test_stories_find_every_disposition_at_the_door_and_give_every_answer():
    found = {disposition for story in STORIES.values() for disposition in story.door}
    said = {word.answer for story in STORIES.values() for word in story.words}
    assert found == set(get_args(Disposition))
    assert said == set(get_args(Answer))


def test_messages_are_delivered_fail_and_vanish_on_every_channel_that_can():
    assert {story.sms for story in STORIES.values()} == {"delivered", "failed", "silent"}
    assert {story.letter for story in STORIES.values()} == {"delivered", "failed", "silent"}


def test_eight_in_ten_borrowers_pay_as_agreed():
    punctual = Counter(one.name for one in people(2000).values())["punctual"]
    assert 0.75 < punctual / len(people(2000)) < 0.85


def test_a_long_story_begins_in_the_first_days():
    late = [one for one in people(2000).values() if one.story.onset == "long"]
    assert all(one.onset is not None and one.onset <= 8 for one in late)


def test_loans_that_are_late_in_the_data_are_late_from_the_start():
    world = World(loans=2000)
    for one in portfolio(world):
        if any(loan.standing.startswith("Late") for loan in one.loans):
            assert people(2000)[one.borrower_id].onset <= -16


def test_who_owes_little_really_owes_little():
    world = World(loans=2000)
    owed = {one.borrower_id: one.outstanding for one in portfolio(world)}
    small = [one for one in people(2000).values() if one.story.need == "small_debt"]
    assert small
    assert all(owed[one.borrower_id] < 3000 for one in small)


def test_the_same_seed_gives_the_same_behaviour_and_another_seed_another():
    people.cache_clear()
    before = people(500)
    people.cache_clear()
    assert people(500) == before
    assert people(500, 2) != before


@pytest.mark.parametrize("attempt", [1, 2, 3, 9])
def test_a_stranger_can_be_visited_any_number_of_times(attempt):
    assert stranger(1, "X1").door(attempt) in get_args(Disposition)
