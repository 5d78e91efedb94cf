"""A consent takes a wish not to be contacted back for its channels, until it is withdrawn or ends by itself."""

from datetime import timedelta

import msgspec

from schemas.cases import HoldPlaced, LegalRecommended, PlacementActivated
from schemas.contacts import ConsentGiven, ConsentWithdrawn
from services.assignment.domain.moment import Moment
from services.assignment.domain.onward import next_at, reacting
from services.assignment.domain.state import State


def allows(story, channel=None, consent_id="c", days=None):
    allowed = {"borrower_id": "b1", "kind": "channel", "channel": channel, "given_at": story.clock.now()}
    ends = None if days is None else story.clock.now() + timedelta(days=days)
    story.bus.publish(ConsentGiven(consent_id=consent_id, expires_at=ends, **allowed))
    return story


def takes_back(story, consent_id="c"):
    story.bus.publish(ConsentWithdrawn(consent_id=consent_id, borrower_id="b1", withdrawn_at=story.clock.now()))
    return story


def test_a_wish_stands_again_when_the_consent_that_took_it_back_is_withdrawn(story):
    allows(story.wants_no_contact().noticed(5000))
    assert story.state.holds == ()
    takes_back(story)
    assert story.state.stop_requested
    assert [hold.reason for hold in story.state.holds] == ["stop_request"]


def test_no_channel_is_stopped_again_that_the_consent_had_not_opened(story):
    takes_back(allows(story.placed(5000).wants_no_contact(channels=("sms", "visit")), "visit"))
    assert (story.state.stopped, story.state.stop_requested) == (("sms", "visit"), False)
    takes_back(allows(story, "sms"), "another")
    assert story.state.stopped == ("visit",)
    takes_back(takes_back(story))
    assert story.state.stopped == ("sms", "visit")


def test_a_channel_that_another_consent_keeps_open_stays_open(story):
    allows(allows(story.placed(5000).wants_no_contact(channels=("sms",)), "sms"), None, "d")
    assert takes_back(story).state.stopped == ()
    assert takes_back(story, "d").state.stopped == ("sms",)


def test_a_consent_of_before_keeps_no_channel_open_that_was_stopped_after_it(story):
    allows(story.placed(5000).wants_no_contact(channels=("sms",)), "sms").wants_no_contact(channels=("sms",))
    assert takes_back(allows(story, "sms", "d"), "d").state.stopped == ("sms",)


def test_a_wish_stands_again_when_the_consent_that_took_it_back_has_ended(story):
    allows(story.placed(5000).wants_no_contact(), days=10).accepts().days(9)
    assert (story.state.holds, len(story.said(PlacementActivated))) == ((), 2)
    story.days(1)
    assert story.state.stop_requested
    assert [hold.reason for hold in story.state.holds] == ["stop_request"]
    assert (story.recall.cause, story.said(LegalRecommended)[-1].decided_at) == ("stop_request", story.clock.now())


def test_whom_a_consent_lets_visit_for_some_days_is_visited_no_more_after_them(story):
    allows(story.placed(5000).wants_no_contact(channels=("visit",)), "visit", days=3).accepts().days(3)
    assert (story.state.stopped, story.recall.cause) == (("visit",), "stop_request")
    assert story.said(HoldPlaced) == []


def test_a_payment_neither_puts_the_end_of_a_consent_off_nor_loses_it(story):
    allows(story.opened(5000).wants_no_contact(), days=3)
    ends = story.clock.now() + timedelta(days=3)
    story.days(1)
    story.pays(1000)
    assert next_at(story.state) == ends
    story.pays(4000)
    story.days(3).overdue(300, dpd=2)
    assert [hold.reason for hold in story.state.holds] == ["stop_request"]


def test_the_end_of_a_consent_is_heeded_though_something_else_is_heard_first(story):
    allows(story.wants_no_contact().opened(5000), days=1)
    late, known = story.clock.now() + timedelta(days=1), story.reference
    _, said = reacting(story.state, Moment(late, late, late, late, "a cause", known.strategy, known.panel))
    assert [fact.reason for fact in said if isinstance(fact, HoldPlaced)] == ["stop_request"]


def test_a_consent_that_is_heard_of_after_its_end_takes_nothing_back(story):
    mark = story.opened(5000).wants_no_contact().mark()
    allows(story, days=0)
    assert story.days(1).kinds_since(mark) == []


def test_a_channel_that_a_longer_consent_keeps_open_stays_open_when_the_shorter_has_ended(story):
    allows(allows(story.placed(5000).wants_no_contact(channels=("sms",)), "sms", "c", 1), None, "d", 2)
    assert story.days(1).state.stopped == ()
    assert story.days(1).state.stopped == ("sms",)
    assert (story.state.opened, next_at(story.state)) == ((), story.state.placement.ends_at)


def test_a_consent_told_twice_ends_once(story):
    allows(allows(story.opened(5000).wants_no_contact(), days=2), days=2)
    mark = story.mark()
    story.days(3)
    assert story.kinds_since(mark)[:2] == ["hold.placed", "legal.recommended"]
    assert story.kinds_since(mark).count("hold.placed") == 1


def test_a_document_from_before_consents_had_an_end_still_reads(story):
    allows(story.opened(5000).wants_no_contact(), "sms")
    told = msgspec.json.decode(msgspec.json.encode(story.state))
    told["opened"] = [each[:2] for each in told["opened"]]
    assert msgspec.json.decode(msgspec.json.encode(told), type=State) == story.state
