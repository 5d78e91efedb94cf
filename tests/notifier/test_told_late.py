"""What became of a call or a visit is told late, or cannot be so: the counters hold what really happened, and when."""

from datetime import timedelta

import pytest

from schemas.contacts import ContactAllowed, ContactDenied, ContactSettled
from schemas.visits import VisitArrived, VisitCancelled
from services.kit.service import Refused, Unfit
from services.notifier import domain
from services.notifier.domain.settling import CLOCK_TOLERANCE, overrun, withdrawn_before
from tests.notifier.begun import DAY, ended, of_visit, permitted
from tests.notifier.ladder_story import shanghai

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def ask_to_call(story, by="A-south"):
    asked = domain.Asked("voice", by, story.now, contact_point="T-1", recording=True)
    return story.command(domain.propose, asked)[0].data


def tell(story, contact_id, at, outcome="connected", **more):
    return story.command(domain.settle, contact_id, domain.Settled(outcome, at, **more))


def counted(story, contact_id):
    return [(c.at, c.connected) for c in story.state.history if c.contact_id == contact_id]


def made(story, contact_id):
    return [s.made_at for s in story.said(ContactSettled) if s.contact_id == contact_id]


def outcomes(story, contact_id):
    return [s.outcome for s in story.said(ContactSettled) if s.contact_id == contact_id]


def withdrawn():
    """A call that was allowed and made; then a hold withdrew its permit, and was released, before anybody told."""
    story = permitted()
    call, made_at = ask_to_call(story), story.now + 10 * MINUTE
    story.bus.advance(30 * MINUTE)
    story.hold("officer").release("officer")
    assert (call.contact_id, "officer") in ended(story)
    assert counted(story, call.contact_id) == []
    return story, call.contact_id, made_at


@pytest.mark.parametrize("outcome", ["connected", "unanswered", "not_made"])
def test_nobody_tells_today_what_became_of_a_call_of_tomorrow(outcome):
    story = permitted()
    call = ask_to_call(story)
    with pytest.raises(Unfit, match="yet to come"):
        tell(story, call.contact_id, story.now + CLOCK_TOLERANCE + timedelta(seconds=1), outcome)
    assert outcomes(story, call.contact_id) == []
    tell(story, call.contact_id, story.now + CLOCK_TOLERANCE, outcome)


def test_a_clock_that_is_fast_counts_no_call_before_it_was_heard_of():
    story = permitted()
    call = ask_to_call(story)
    tell(story, call.contact_id, story.now + MINUTE)
    assert counted(story, call.contact_id) == [(story.now, True)]
    assert made(story, call.contact_id) == [story.now]


def test_a_call_counts_at_the_instant_at_which_it_was_made():
    story = permitted()
    call, asked_at = ask_to_call(story), story.now
    story.bus.advance(2 * HOUR)
    tell(story, call.contact_id, asked_at + HOUR, dials=2)
    assert counted(story, call.contact_id) == [(asked_at + HOUR, True)]
    assert counted(story, f"{call.contact_id}#2") == [(asked_at + HOUR, False)]


@pytest.mark.parametrize("away", [-DAY, -3 * MINUTE, 14 * HOUR])
def test_no_call_moves_to_another_day_by_a_wrong_instant(away):
    story = permitted()
    call, asked_at = ask_to_call(story), story.now
    story.bus.advance(16 * HOUR)
    with pytest.raises(Refused, match="was permitted from"):
        tell(story, call.contact_id, asked_at + away)
    assert counted(story, call.contact_id) == [(asked_at, True)]


def test_a_call_under_a_permit_that_was_withdrawn_since_counts_when_it_is_told_and_is_told_once():
    story, call, made_at = withdrawn()
    tell(story, call, made_at)
    assert counted(story, call) == [(made_at, True)]
    assert outcomes(story, call) == ["connected"]
    assert made(story, call) == [made_at]
    with pytest.raises(Refused, match="over, or not known"):
        tell(story, call, made_at)


def test_a_cap_that_was_exceeded_by_what_is_told_late_is_seen_in_the_rules_and_in_every_later_decision():
    story, call, made_at = withdrawn()
    others = [ask_to_call(story) for _ in range(3)]
    assert all(isinstance(other, ContactAllowed) for other in others)
    tell(story, call, made_at)
    broken = {reason.rule_id: reason.text for reason in overrun(story.state, call, Here(story))}
    assert broken.keys() == {"CN-FREQ-01", "CN-FREQ-02"}
    assert "3 of at most 3" in broken["CN-FREQ-02"]
    assert [s.exceeded for s in story.said(ContactSettled)] == [("CN-FREQ-01", "CN-FREQ-02")]
    denied = ask_to_call(story)
    assert isinstance(denied, ContactDenied)
    assert denied.counters["CN-FREQ-02"] == 4
    assert "4 of at most 3" in next(r.text for r in denied.reasons if r.rule_id == "CN-FREQ-02")


def test_a_call_within_its_cap_or_that_nobody_answered_exceeds_nothing():
    story, call, made_at = withdrawn()
    tell(story, call, made_at, "unanswered")
    for _ in range(3):
        tell(story, ask_to_call(story).contact_id, story.now)
    assert overrun(story.state, call, Here(story)) == ()
    assert overrun(story.state, "N-B-1-99", Here(story)) == ()


def test_a_call_that_was_made_after_its_permit_was_withdrawn_counts_and_says_why_it_should_not_have_been_made():
    story, call, made_at = withdrawn()
    assert withdrawn_before(story.state, call, made_at) == ""
    story.bus.advance(HOUR)
    assert withdrawn_before(story.state, call, story.now) == "officer"
    tell(story, call, story.now)
    assert counted(story, call) == [(story.now, True)]
    standing = ask_to_call(story).contact_id
    assert withdrawn_before(story.state, standing, story.now) == ""


def test_a_permit_that_ran_out_without_a_word_is_corrected_by_one():
    story = permitted()
    call, asked_at = ask_to_call(story), story.now
    story.days(5)
    assert outcomes(story, call.contact_id) == ["unreported"]
    tell(story, call.contact_id, asked_at + HOUR, "unanswered")
    assert outcomes(story, call.contact_id) == ["unreported", "unanswered"]
    assert counted(story, call.contact_id) == [(asked_at + HOUR, False)]


def test_who_says_that_a_call_was_not_made_cannot_say_later_that_it_was():
    story = permitted()
    call = ask_to_call(story)
    tell(story, call.contact_id, story.now, "not_made")
    with pytest.raises(Refused):
        tell(story, call.contact_id, story.now)


def test_what_was_made_so_long_ago_that_no_rule_looks_back_on_it_is_not_kept():
    story, call, _ = withdrawn()
    assert call in [permit.contact.contact_id for permit in story.state.lapsed]
    story.days(60, hours=24).overdue(90)
    assert story.state.lapsed == ()


def test_a_visit_that_was_made_counts_even_where_its_permit_was_withdrawn_before_we_heard_of_it():
    story = permitted()
    window = story.said(ContactAllowed)[-1].not_before
    story.until(window + HOUR)
    arrived = of_visit(story, VisitArrived, arrived_at=window + HOUR, known_as_of=window)
    off = {"reason": "replanned", "cause": "x", "cancelled_at": story.now, "stage": "appointed"}
    story.say(of_visit(story, VisitCancelled, **off), arrived)
    assert counted(story, "V-B-1-1") == [(window + HOUR, True)]
    assert outcomes(story, "V-B-1-1") == ["made"]
    story.say(arrived)
    assert outcomes(story, "V-B-1-1") == ["made"]


def test_a_visit_counts_on_its_day_even_where_a_telephone_shows_another():
    story = permitted()
    window = story.said(ContactAllowed)[-1].not_before
    story.until(window + HOUR)
    story.say(of_visit(story, VisitArrived, arrived_at=shanghai(story.today + 9 * DAY), known_as_of=window))
    assert counted(story, "V-B-1-1") == [(story.now, True)]


class Here:
    """The moment of a story."""

    cause = "told"

    def __init__(self, story):
        self.now = self.happened = self.known_as_of = story.now
        self.reference = story.policy
