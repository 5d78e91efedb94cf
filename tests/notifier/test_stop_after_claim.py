"""A stop that is read after a notice was claimed, and before it is handed over, still keeps it in the house."""

import pytest

from schemas.contacts import NoticeSent
from services.notifier import domain
from tests.notifier.test_stories_stops import REASONS, STOPS, begun, ended, stopping_facts

NOTICE = "N-B-1-1"


def claimed():
    story = begun()
    story.command(domain.claimed, NOTICE)
    return story


def test_a_claimed_notice_that_nothing_stops_is_still_meant():
    story = claimed()
    assert domain.meant(story.state, NOTICE, story.now)


@pytest.mark.parametrize("stop", STOPS)
def test_a_notice_that_is_stopped_after_its_claim_is_given_back_and_cancelled(stop):
    story = claimed()
    stopping_facts(story)[stop]()
    assert not domain.meant(story.state, NOTICE, story.now)
    story.command(domain.released, NOTICE)
    assert ended(story) == [(NOTICE, REASONS.get(stop, stop))]
    story.days(30)
    assert story.said(NoticeSent) == []


def test_what_was_never_claimed_or_is_gone_is_not_handed_over():
    story = begun()
    assert not domain.meant(story.state, NOTICE, story.now)
    assert not domain.meant(story.state, "N-B-1-9", story.now)
