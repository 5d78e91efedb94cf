"""What a borrower allows and wishes, and what a contact person refuses, is said once and obeyed from then on."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, timezone

import pytest

from schemas.bank import Consent
from schemas.contacts import (
    ConsentGiven,
    ConsentWithdrawn,
    ContactAllowed,
    ContactCancelled,
    ContactDenied,
    ContactTimesPreferred,
    NoticeSent,
)
from services.kit.service import Refused, Unfit
from services.notifier import domain
from services.notifier.domain.state import Contact
from services.rulebook.question import Contacted
from tests.notifier.ladder_story import MORNING, POLICY, Story, day_of, known, shanghai

NIGHT = shanghai(day_of(MORNING), 1)


def test_a_consent_given_to_an_officer_lets_a_step_go_out_at_night_and_its_end_ends_it():
    story = Story(start=NIGHT).say(known())
    story.command(domain.consent, domain.Consented("night_contact", evidence="call 7"))
    story.overdue(1)
    assert story.allowed() == [("reminder", "sms")]
    (given,) = story.said(ConsentGiven)
    assert (given.consent_id, given.evidence) == ("CO-B-1-1", "call 7")
    story.command(domain.withdraw, "CO-B-1-1")
    assert len(story.said(ConsentWithdrawn)) == 1
    assert [c.reason for c in story.said(ContactCancelled)] == ["replanned"]
    assert story.pending() == []
    assert story.said(ContactDenied)[-1].retry_at == shanghai(day_of(MORNING), 8)


def test_the_banks_word_does_not_undo_what_the_borrower_told_us():
    story = Story(start=NIGHT).say(known())
    story.command(domain.consent, domain.Consented("night_contact", evidence="call 7"))
    story.say(known(vulnerable=False, language="en")).overdue(1)
    assert story.allowed() == [("reminder", "sms")]


def test_a_consent_to_be_contacted_lifts_a_stop():
    story = Story().say(known()).overdue(1).carry()
    story.answer("stop_request")
    assert story.state.stops
    story.days(8)
    assert len(story.said(NoticeSent)) == 1
    story.command(domain.consent, domain.Consented("channel", evidence="letter of 3 March"))
    assert not story.state.stopped(story.now, "voice")
    assert len(story.said(ContactAllowed)) > 1


@pytest.mark.parametrize("hold", ["no hold", "a hold that is released at once", "a hold whose release comes late"])
@pytest.mark.parametrize("until", [None, timedelta(days=9)])
@pytest.mark.parametrize("channel", [None, "voice"])
def test_a_stop_stands_again_once_the_consent_that_lifted_it_is_taken_back(channel, until, hold):
    story = stopped_and_held() if hold != "no hold" else stopped()
    expires_at = until and story.now + until
    story.command(domain.consent, domain.Consented("channel", channel, expires_at, evidence="call 9"))
    if hold == "a hold that is released at once":
        story.release("stop_request")
    story.command(domain.withdraw, "CO-B-1-1")
    if hold == "a hold whose release comes late":
        story.release("stop_request")
    assert story.ask("voice") == ["CN-STOP-02"]


def test_a_stop_stands_again_once_the_banks_record_no_longer_names_the_consent_that_lifted_it():
    story = stopped()
    consent = Consent(consent_id="CO-9", kind="channel", given_at=story.now + timedelta(minutes=1))
    story.bus.advance(timedelta(minutes=2))
    story.say(known(consents=(consent,)))
    assert story.ask("voice") == []
    story.say(known())
    assert story.ask("voice") == ["CN-STOP-02"]


def test_a_hold_for_a_stop_that_no_consent_has_answered_ends_with_its_release():
    story = stopped_and_held().release("stop_request")
    assert story.ask("voice") == []


def test_one_who_asks_for_peace_every_day_is_remembered_to_have_asked_once_for_each_choice_of_channels():
    story = stopped()
    for channels in (("sms",), (), ("sms", "voice"), ("voice",), ("sms",), ("sms", "voice")):
        story.answer("stop_request", channels=channels)
    assert [stop.channels for stop in story.state.stops] == [(), ("sms", "voice")]


def stopped():
    story = Story().say(known()).case().overdue(1).carry()
    story.answer("stop_request")
    assert story.ask("voice") == ["CN-STOP-02"]
    return story


def stopped_and_held():
    story = stopped().hold("stop_request")
    story.bus.advance(timedelta(minutes=1))
    return story


def test_a_consent_to_text_messages_lifts_a_stop_for_them_alone_also_once_the_hold_is_released():
    story = Story().say(known()).case().overdue(1).carry()
    story.answer("stop_request")
    story.hold("stop_request").days(1)
    story.command(domain.consent, domain.Consented("channel", channel="sms", evidence="call 8"))
    story.release("stop_request").days(12)
    assert {channel for _, channel in story.allowed()[1:]} == {"sms"}
    assert "email" not in {channel for _, channel in story.allowed()}


CONSENTS_THAT_DO_NOT_STAND = {
    "one that ended before it was heard of": (timedelta(minutes=1), timedelta(days=1)),
    "one that is yet to be given": (timedelta(days=300), None),
    "one from before the request": (timedelta(days=-1), None),
}


@pytest.mark.parametrize("which", CONSENTS_THAT_DO_NOT_STAND)
def test_a_consent_that_does_not_stand_lifts_no_stop(which):
    given, ends = CONSENTS_THAT_DO_NOT_STAND[which]
    story = Story().say(known()).overdue(1).carry()
    story.answer("stop_request")
    asked_at = story.now
    story.days(6)
    ends_at = asked_at + ends if ends else None
    consent = Consent(consent_id="CO-9", kind="channel", given_at=asked_at + given, expires_at=ends_at)
    story.say(known(consents=(consent,))).overdue(dpd=8).days(4)
    assert len(story.state.stops) == 1
    assert len(story.said(NoticeSent)) == 1


def test_a_consent_with_an_end_lifts_a_stop_until_then():
    story = Story().say(known()).overdue(1).carry()
    story.answer("stop_request")
    story.days(6)
    story.command(domain.consent, domain.Consented("channel", expires_at=story.now + timedelta(days=5), evidence="x"))
    story.overdue(dpd=7).days(4)
    sent = len(story.said(NoticeSent))
    assert sent > 1, "while the consent stands"
    story.days(20)
    assert len(story.said(NoticeSent)) == sent, "and no longer"


def test_a_consent_that_has_ended_or_is_not_known_is_refused():
    story = Story().say(known())
    with pytest.raises(Refused, match="ended already"):
        story.command(domain.consent, domain.Consented("channel", expires_at=MORNING, evidence="x"))
    with pytest.raises(Refused, match="CO-B-1-9"):
        story.command(domain.withdraw, "CO-B-1-9")
    with pytest.raises(Refused, match="nothing is known"):
        Story().command(domain.consent, domain.Consented("channel", evidence="x"))


def test_who_prefers_the_evening_is_left_in_peace_by_day():
    story = Story().say(known()).overdue(1)
    assert [c.state for c in story.state.contacts] == ["pending"]
    story.command(domain.prefer, domain.Times(time(18), time(21)))
    assert [c.reason for c in story.said(ContactCancelled)] == ["replanned"]
    (preferred,) = story.said(ContactTimesPreferred)
    assert (preferred.from_time, preferred.until_time, preferred.via) == (time(18), time(21), "link")
    story.days(9)
    times = {(n.submitted_at + timedelta(hours=8)).hour for n in story.said(NoticeSent)}
    assert times
    assert times <= {18, 19, 20}
    story.command(domain.prefer, domain.Times())
    assert story.state.quiet_times == ()


def test_times_that_name_no_stretch_of_the_day_are_refused():
    for times in (domain.Times(time(9)), domain.Times(time(9), time(9))):
        with pytest.raises(Refused, match="a beginning and an end"):
            Story().say(known()).command(domain.prefer, times)


@pytest.mark.parametrize(
    "times",
    [
        domain.Times(time(10, tzinfo=timezone(timedelta(hours=5))), time(12, tzinfo=UTC)),
        domain.Times(time(10), time(12, tzinfo=UTC)),
        domain.Times(time(10, tzinfo=UTC), time(10, tzinfo=UTC)),
    ],
)
def test_times_with_an_offset_are_refused_and_the_borrower_can_still_be_decided(times):
    story = Story().say(known())
    with pytest.raises(Unfit, match="names no offset"):
        story.command(domain.prefer, times)
    assert story.overdue(1).allowed() == [("reminder", "sms")]


@dataclass(frozen=True)
class At:
    """The moment of a decision under the default policy."""

    now: datetime
    reference: object = POLICY
    cause: str = "test"

    @property
    def happened(self):
        return self.now

    known_as_of = happened


def test_a_contact_person_who_refuses_is_never_asked_again():
    call = Contact(
        "N-B-1-1", "voice", "call", "permitted", ("L-1",), MORNING, MORNING + timedelta(hours=4), person_id="CP-1"
    )
    made = Contacted("N-B-1-1", "voice", MORNING, None, ("L-1",), party="contact_person")
    before = Story().say(known()).overdue(1).state
    state = replace(before, contacts=(call,), history=(made,))
    told = domain.Settled("connected", MORNING, refused=True)
    after, _ = domain.settle(state, "N-B-1-1", told, At(MORNING))
    assert after.refusals == ("CP-1",)
    person = domain.Asked("voice", "officer-1", MORNING, party="contact_person", person_id="CP-1", recording=True)
    rules = [{r.rule_id for r in domain.propose(s, person, At(MORNING))[1][-1].reasons} for s in (before, after)]
    assert ["CN-WHO-03" in found for found in rules] == [False, True]
    debtor = replace(made, party="debtor")
    unmoved, _ = domain.settle(replace(state, history=(debtor,)), "N-B-1-1", told, At(MORNING))
    assert unmoved.refusals == (), "who owes has other ways to ask for peace"
