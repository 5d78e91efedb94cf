"""Visits and calls that others propose, and what every contact is held to."""

from datetime import timedelta

import pytest

from schemas.agencies import Conduct, VisitResult
from schemas.bank import Consent, Phone
from schemas.contacts import (
    ContactAllowed,
    ContactCancelled,
    ContactDenied,
    ContactSettled,
    DisputeRaised,
    HardshipDeclared,
    NoticeDelivered,
    NoticeUnanswered,
)
from schemas.visits import VisitAborted, VisitArrived, VisitCancelled, VisitCompleted
from services.kit.service import Refused
from services.notifier import domain
from tests.notifier.begun import DAY, begun, ended, of_visit, permitted
from tests.notifier.ladder_story import MORNING, Story, known

# -- visits -----------------------------------------------------------------------------------------------------------


def test_a_visit_is_allowed_once_with_its_window_and_its_row():
    story = permitted()
    allowed = story.said(ContactAllowed)[-1]
    assert (allowed.contact_id, allowed.expires_at) == ("V-B-1-1", allowed.not_before + timedelta(hours=3))
    row = story.rows()["V-B-1-1"]
    assert (row["state"], row["proposed_by"], row["step"]) == ("permitted", "A-south", None)


def test_a_visit_that_asks_again_for_another_window_is_decided_anew():
    story = permitted()
    proof = story.said(NoticeUnanswered)[0].proof_id
    story.permit(proof_id=proof)
    assert len([a for a in story.said(ContactAllowed) if a.channel == "visit"]) == 1, "the same question, one answer"
    later = story.said(ContactAllowed)[-1].not_before + timedelta(hours=3)
    story.permit(proof_id=proof, window_start=later, window_end=later + timedelta(hours=2))
    assert ended(story) == [("V-B-1-1", "replanned")]
    assert story.said(ContactAllowed)[-1].not_before == later


def test_no_visit_without_a_proved_notice():
    story = begun().days(3).placed().permit(proof_id="PF-made-up")
    assert "CN-VIS-07-NOTICE" in [reason.rule_id for reason in story.said(ContactDenied)[-1].reasons]


def test_no_visit_under_a_recalled_placement():
    story = permitted().recalled()
    assert ended(story) == [("V-B-1-1", "recalled")]
    story.permit(visit=2, proof_id=story.said(NoticeUnanswered)[0].proof_id)
    assert "GATE-PLACEMENT" in [reason.rule_id for reason in story.said(ContactDenied)[-1].reasons]


def test_a_second_visit_waits_seven_days_and_a_cancelled_one_does_not_count():
    story = permitted()
    proof = story.said(NoticeUnanswered)[0].proof_id
    story.permit(visit=2, proof_id=proof)
    denied = story.said(ContactDenied)[-1]
    assert [reason.rule_id for reason in denied.reasons] == ["CN-VIS-07"]
    story.say(of_visit(story, VisitCancelled, reason="no_team", cause="x", cancelled_at=story.now, stage="appointed"))
    story.permit(visit=3, proof_id=proof)
    assert story.said(ContactAllowed)[-1].contact_id == "V-B-1-3"


def test_a_visit_that_was_made_is_settled_once_and_counts():
    story = permitted().days(1)
    story.say(of_visit(story, VisitArrived, arrived_at=story.now, known_as_of=story.now))
    story.say(completed(story, "promise"))
    assert [(s.contact_id, s.outcome) for s in story.said(ContactSettled)] == [("V-B-1-1", "made")]
    story.permit(visit=2, proof_id=story.said(NoticeUnanswered)[0].proof_id)
    assert [reason.rule_id for reason in story.said(ContactDenied)[-1].reasons] == ["CN-VIS-07"]


def test_a_team_stopped_at_the_door_made_no_visit():
    story = permitted().days(1)
    aborted = {"reason": "stop", "cause": "x", "aborted_at": story.now, "known_as_of": story.now, "at_door": True}
    story.say(of_visit(story, VisitAborted, **aborted))
    assert ended(story) == [("V-B-1-1", "aborted")]


def test_a_permit_of_which_nobody_tells_anything_counts_as_made():
    story = permitted().days(6)
    assert [s.outcome for s in story.said(ContactSettled)] == ["unreported"]


def completed(story, disposition, **result):
    return of_visit(
        story,
        VisitCompleted,
        arrived_at=story.now,
        completed_at=story.now,
        result=VisitResult(disposition=disposition, **result),
        conduct=Conduct(identity_shown=True),
        reported_at=story.now,
        on_time=True,
    )


def test_a_dispute_at_the_door_is_said_here_and_stops_everything():
    story = permitted().days(1)
    story.say(completed(story, "disputes_debt"))
    (raised,) = story.said(DisputeRaised)
    assert raised.via == "agency"
    story.recalled().days(10)
    assert [hold.reason for hold in story.state.holds] == ["dispute"]


def test_hardship_at_the_door_is_said_here_with_its_reason():
    story = permitted().days(1)
    story.say(completed(story, "hardship", reason_for_default="illness"))
    (declared,) = story.said(HardshipDeclared)
    assert (declared.via, declared.reason) == ("agency", "illness")


# -- agencies' calls --------------------------------------------------------------------------------------------------


def ask_to_call(story, by="A-south", point="T-1", source=None):
    asked = domain.Asked("voice", by, story.now, contact_point=point, contact_source=source, recording=True)
    return story.command(domain.propose, asked)[0].data


def test_lender_and_agencies_share_three_conversations_a_day():
    story = permitted()
    answers = [ask_to_call(story, by) for by in ("A-south", "officer-7", "A-south", "officer-7")]
    assert [isinstance(each, ContactAllowed) for each in answers] == [True, True, True, False]
    story.command(domain.settle, answers[0].contact_id, domain.Settled("unanswered", story.now))
    assert isinstance(ask_to_call(story), ContactAllowed), "nobody answered, so there was no conversation"


def test_an_agency_without_the_case_may_not_call():
    answer = ask_to_call(permitted(), "A-north")
    assert [reason.rule_id for reason in answer.reasons] == ["GATE-PLACEMENT"]


def rules_against(answer):
    return [reason.rule_id for reason in answer.reasons]


def test_nobody_is_called_on_a_number_at_which_somebody_else_was_reached():
    story = permitted()
    story.answer("wrong_person", "none", via="agency", contact_point="T-1")
    for point, source in (("T-1", None), ("T-1", "contract"), ("mobile", "contract")):
        assert rules_against(ask_to_call(story, point=point, source=source)) == ["GATE-WRONG-PERSON"]
    assert isinstance(ask_to_call(story, point="mobile", source="debtor_authorisation"), ContactAllowed)


@pytest.mark.parametrize("point", [None, "mobile", "E-1"])
def test_a_number_that_is_not_known_needs_a_source(point):
    answer = ask_to_call(permitted(), point=point)
    assert "GATE-POINT" in rules_against(answer)
    assert (point is not None) == isinstance(ask_to_call(permitted(), point=point, source="contract"), ContactAllowed)


def test_nobody_is_visited_where_somebody_else_lives():
    story = permitted()
    story.answer("wrong_person", "none", via="officer", contact_point="AD-1")
    assert [c.contact_id for c in story.said(ContactCancelled)] == ["V-B-1-1"]
    story.permit(2)
    assert rules_against(story.said(ContactDenied)[-1])[0] == "GATE-WRONG-PERSON"


def test_nobody_is_called_when_nothing_is_past_due():
    answer = ask_to_call(permitted().cured(), "officer-7")
    assert [reason.rule_id for reason in answer.reasons] == ["GATE-NOTHING-DUE"]


def test_a_call_for_the_day_after_a_hold_ends_is_allowed_and_stays_so_until_the_hold_is_longer():
    story = begun()
    story.hold("officer", until=story.now + DAY)
    assert story.ask("voice", at=story.now + 2 * DAY) == []
    (call,) = [c for c in story.state.contacts if c.state == "permitted"]
    assert call.contact_id not in [contact_id for contact_id, _ in ended(story)]
    story.hold("officer", until=story.now + 3 * DAY)
    assert (call.contact_id, "officer") in ended(story)


def test_a_call_for_a_time_at_which_a_hold_stands_is_denied():
    story = begun()
    story.hold("officer", until=story.now + 3 * DAY)
    assert story.ask("voice", at=story.now + 2 * DAY) == ["CN-STOP-01"]


def test_a_call_for_the_time_of_a_consent_that_is_yet_to_begin_is_allowed_and_stays_so():
    story = begun().carry()
    story.answer("stop_request")
    consent = Consent(consent_id="CO-9", kind="channel", given_at=story.now + DAY)
    story.say(known(consents=(consent,)))
    assert story.ask("voice", at=story.now + 2 * DAY) == []
    assert [c.state for c in story.state.contacts] == ["permitted"]
    assert story.ask("voice") == ["CN-STOP-02"]


NIGHT = MORNING + timedelta(hours=15)
BY_NIGHT = {"consent_id": "CO-1", "kind": "night_contact", "given_at": MORNING - DAY}


def called_by_night(**consent):
    """A call that only a consent in the bank's record allows."""
    story = Story(start=NIGHT).say(known(consents=(Consent(**BY_NIGHT, **consent),))).case().overdue(1).carry()
    assert story.ask("voice") == []
    return story


def permits(story):
    return [c.channel for c in story.state.contacts if c.state == "permitted"]


def test_a_call_by_night_is_withdrawn_when_the_banks_record_no_longer_holds_the_consent():
    story = called_by_night().say(known())
    assert permits(story) == []
    assert story.ask("voice") == ["CN-TIME-01", "CN-TIME-02"]


def test_a_call_by_night_is_withdrawn_when_the_consent_ends_earlier_than_it_did():
    consent = Consent(**BY_NIGHT, expires_at=NIGHT + timedelta(minutes=1))
    assert permits(called_by_night().say(known(consents=(consent,)))) == []


@pytest.mark.parametrize(
    "others",
    [
        {"language": "en"},
        {"consents": (Consent(**{**BY_NIGHT, "consent_id": "CO-7"}),)},
        {"consents": (Consent(**BY_NIGHT), Consent(**{**BY_NIGHT, "consent_id": "CO-2", "kind": "third_party"}))},
    ],
)
def test_a_call_by_night_stays_allowed_while_something_else_changes(others):
    assert permits(called_by_night().say(known(**{"consents": (Consent(**BY_NIGHT),), **others}))) == ["voice"]


def test_a_consent_that_has_ended_by_itself_takes_nothing_along():
    story = called_by_night()
    over = Consent(consent_id="CO-2", kind="third_party", given_at=MORNING, expires_at=NIGHT - DAY)
    story.say(known(consents=(Consent(**BY_NIGHT), over))).say(known(consents=(Consent(**BY_NIGHT),)))
    assert permits(story) == ["voice"]


@pytest.mark.parametrize(
    ("phones", "left"),
    [
        ((), []),
        ((Phone(phone_id="T-2", number="+8613800000002", source="contract"),), []),
        ((Phone(phone_id="T-1", number="+8613800000001", source="public_channel"),), []),
        ((Phone(phone_id="T-1", number="+8613800000001", source="contract", verified_on=MORNING.date()),), ["voice"]),
    ],
    ids=["none is left", "another one", "from elsewhere", "the same, confirmed"],
)
def test_a_call_is_withdrawn_when_its_number_leaves_the_record(phones, left):
    story = begun().carry()
    assert story.ask("voice") == []
    assert permits(story.say(known(phones=phones))) == left


def test_a_call_to_a_number_of_which_only_its_source_is_known_does_not_hang_on_the_record():
    story = begun().carry()
    assert story.ask("voice", point="X-1", contact_source="contract") == []
    assert permits(story.say(known(phones=()))) == ["voice"]


def test_a_visit_to_somebody_who_is_vulnerable_after_all_is_withdrawn():
    story = permitted().say(known(vulnerable=True))
    assert ended(story) == [("V-B-1-1", "replanned")]


def test_dials_are_counted_per_number():
    story = permitted()
    first = ask_to_call(story)
    story.command(domain.settle, first.contact_id, domain.Settled("unanswered", story.now, dials=6))
    assert [reason.rule_id for reason in ask_to_call(story).reasons] == ["CN-FREQ-03"]


def test_a_call_is_settled_once():
    story = permitted()
    call = ask_to_call(story)
    story.command(domain.settle, call.contact_id, domain.Settled("connected", story.now))
    with pytest.raises(Refused):
        story.command(domain.settle, call.contact_id, domain.Settled("connected", story.now))


# -- the law ----------------------------------------------------------------------------------------------------------


def test_nothing_is_claimed_outside_its_permit():
    story = begun()
    story.clock.instant += timedelta(hours=13)
    with pytest.raises(Refused, match="may go out"):
        story.command(domain.claimed, "N-B-1-1")


def test_a_receipt_that_overtakes_its_submission_is_to_be_tried_again_and_a_second_one_says_nothing():
    story = begun()
    story.command(domain.claimed, "N-B-1-1")
    with pytest.raises(Refused, match="try again"):
        story.deliver("N-B-1-1")
    story.command(domain.submitted, "N-B-1-1", domain.Accepted("r", story.now, "v1", "0" * 64))
    assert len(story.deliver("N-B-1-1")) == 1
    assert story.deliver("N-B-1-1") == []


def test_a_receipt_for_what_was_never_sent_proves_nothing():
    story = begun()
    assert story.deliver("N-B-1-1") == []
    assert story.rows()["N-B-1-1"]["state"] == "pending"


def test_a_carriers_clock_shortens_no_response_window():
    story = begun()
    story.send("N-B-1-1")
    sent = story.now
    story.bus.advance(timedelta(hours=2))
    story.command(domain.receipt, "N-B-1-1", domain.Delivered(sent - 9 * DAY, "r", "1" * 64))
    assert story.said(NoticeDelivered)[0].delivered_at == sent


def test_an_unclear_submission_is_unknown_for_ever_and_the_next_channel_is_taken():
    story = begun()
    story.command(domain.claimed, "N-B-1-1")
    story.command(domain.submitted, "N-B-1-1", domain.Unknown("connection lost"))
    assert story.rows()["N-B-1-1"]["state"] == "unknown"
    assert story.allowed() == [("reminder", "sms"), ("reminder", "email")]
    with pytest.raises(Refused):
        story.command(domain.claimed, "N-B-1-1")


def test_overdue_facts_of_an_old_day_change_nothing():
    story = begun().carry().cured()
    stale = {"business_date": MORNING.date() - DAY, "oldest_due_date": MORNING.date() - 5 * DAY, "days_past_due": 4}
    story.overdue(4, **stale)
    assert story.state.overdue == ()
