"""Offers, answers, recalls, attestations."""

from datetime import date, timedelta

from schemas.cases import (
    LegalRecommended,
    PlacementActivated,
    PlacementAlarmed,
    PlacementEnded,
    PlacementOffered,
    PlacementRecalled,
    PlacementRefused,
)
from tests.assignment.story import ONE_DAY, Story, agency, house


def test_silence_after_a_proved_notice_offers_the_case_with_every_candidate_named(story):
    story.noticed()
    offer = story.offer
    assert offer.proof_id == "proof-1"
    assert offer.answer_by - offer.offered_at == 2 * ONE_DAY
    assert len(offer.candidates) == 5
    assert offer.agency_id in {c.agency_id for c in offer.candidates if c.eligible}
    assert story.state.case.stage == "noticed"


def test_no_notice_no_offer(story):
    story.overdue().days(60)
    assert story.said(PlacementOffered) == []


def test_an_accepted_offer_is_active_for_its_term(story):
    story.placed()
    assert story.placement.ends_at - story.placement.activated_at == 30 * ONE_DAY
    assert story.state.case.stage == "placed"


def test_a_declined_offer_goes_to_the_next_one_and_after_three_to_the_house(story):
    story.noticed()
    for _ in range(3):
        story.declines()
    asked = [offer.agency_id for offer in story.said(PlacementOffered)]
    assert len(set(asked)) == 4
    assert asked[-1] == "in-house"
    assert [refusal.agency_id for refusal in story.said(PlacementRefused)] == asked[:3]
    assert story.placement.agency_id == "in-house"
    assert story.offer.attempt == 4


def test_no_answer_in_time_is_a_refusal_and_a_late_one_changes_nothing(story):
    story.noticed()
    first = story.offer
    story.days(2)
    assert story.last(PlacementRefused).reason == "no answer in time"
    mark = story.mark()
    story.accepts(first)
    assert story.kinds_since(mark) == []


def test_another_agency_cannot_answer_for_it(story):
    story.noticed()
    wrong = story.offer.model_copy(update={"agency_id": "A-other"})
    story.accepts(wrong).declines(wrong)
    assert story.said(PlacementActivated) == []
    assert story.said(PlacementRefused) == []


def test_a_second_acceptance_changes_nothing(story):
    story.placed()
    mark = story.mark()
    story.accepts(story.offer)
    assert story.kinds_since(mark) == []


def test_a_recall_is_attested_in_time(story):
    story.placed().cured()
    assert story.recall.attest_by - story.recall.recalled_at == 3 * ONE_DAY
    story.days(2).attests()
    assert story.last(PlacementEnded).on_time
    assert story.state.leaving == ()


def test_a_missing_attestation_raises_the_alarm_once_and_still_ends_late(story):
    story.placed().cured().days(3)
    assert len(story.said(PlacementAlarmed)) == 1
    story.days(5).attests()
    assert len(story.said(PlacementAlarmed)) == 1
    assert not story.last(PlacementEnded).on_time


def test_the_in_house_team_keeps_no_copy(story):
    story.noticed()
    for _ in range(3):
        story.declines()
    story.cured()
    assert story.last(PlacementEnded).agency_id == "in-house"


def test_a_returned_case_goes_to_the_next_one(story):
    story.placed()
    first = story.placement.agency_id
    story.returns()
    assert story.recall.cause == "returned"
    assert story.offer.agency_id != first


def test_a_term_that_ends_goes_to_the_next_one_and_in_the_end_to_the_court():
    story = Story(agency("A-red"), house())
    story.placed().days(30)
    assert story.recall.cause == "term_ended"
    assert story.placement.agency_id == "in-house"
    story.days(30)
    assert len(story.said(LegalRecommended)) == 1


def test_a_suspended_agency_keeps_nothing(story):
    story.placed()
    story.agency_changes(story.placement.agency_id, suspended="conduct")
    assert story.recall.cause == "agency_suspended"
    assert story.offer.agency_id != story.recall.agency_id


def test_a_licence_that_has_run_out_keeps_nothing(story):
    story.placed()
    story.agency_changes(story.placement.agency_id, licensed_until=date(2026, 3, 1))
    assert story.recall.cause == "agency_suspended"
    assert "licence" in story.recall.reason


def test_a_drained_agency_keeps_what_it_has(story):
    story.placed()
    story.agency_changes(story.placement.agency_id, drained=True)
    assert story.said(PlacementRecalled) == []


def test_a_stop_while_the_offer_is_open_withdraws_it(story):
    story.noticed().disputes()
    assert story.last(PlacementRefused).reason.startswith("withdrawn (dispute)")
    assert story.said(PlacementRecalled) == []


def test_a_promise_rests_the_placement_and_withdraws_an_offer(story):
    story.placed().promises()
    assert story.said(PlacementRecalled) == []
    assert story.state.placement.state == "active"
    other = Story().noticed().promises()
    assert other.state.placement is None


def test_a_paused_strategy_offers_nothing_and_goes_on_when_resumed():
    story = Story(paused=True).noticed()
    assert story.said(PlacementOffered) == []
    story.reference = type(story.reference)(story.reference.strategy, story.reference.panel, paused=False)
    story.bus.advance(timedelta(hours=2))
    assert len(story.said(PlacementOffered)) == 1


def test_a_wait_for_a_paused_strategy_that_a_hold_overtakes_does_not_spin():
    story = Story(paused=True).noticed().disputes()
    story.bus.advance(timedelta(hours=5))
    assert story.state.case.seek_at is None
