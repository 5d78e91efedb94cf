"""Disputes, hardship, complaints, the wish for no contact, and the decision about the court."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.bank import LoanPaymentReversed
from schemas.cases import (
    ComplaintReceived,
    ComplaintRejected,
    ComplaintUpheld,
    DisputeResolved,
    HoldPlaced,
    HoldReleased,
    LegalRecommended,
    LegalReferred,
    PlacementOffered,
    PlacementRecalled,
)
from schemas.contacts import ConsentGiven
from services.assignment import handlers_commands as commands
from services.assignment.domain.legal import expires_on
from services.assignment.domain.loans import clock, interrupted
from services.assignment.domain.registry import breaker_trips
from services.assignment.domain.state import Loan, State
from services.kit.service import Refused
from services.rulebook.limitation import Interruption, limitation
from tests.assignment.story import ONE_DAY, Story, arrears, money


@pytest.mark.parametrize("stop", ["disputes", "hardship", "wants_no_contact"])
def test_every_stop_recalls_in_the_same_breath(story, stop):
    story.placed()
    mark = story.mark()
    getattr(story, stop)()
    assert {"hold.placed", "placement.recalled"} <= set(story.kinds_since(mark))


def test_a_stop_before_there_is_a_case_holds_it_from_its_first_moment(story):
    story.disputes().overdue()
    assert story.last(HoldPlaced).reason == "dispute"
    story.days(3)
    assert len(story.said(DisputeResolved)) == 1


def test_the_same_dispute_told_twice_is_one(story):
    story.opened().disputes().disputes()
    assert len(story.said(HoldPlaced)) == 1


def test_a_complaint_rests_the_case_and_is_answered(story):
    story.placed().answers("complaint")
    received = story.last(ComplaintReceived)
    assert received.agency_id == story.placement.agency_id
    assert received.answer_by == story.today + 15 * ONE_DAY
    assert story.recall.cause == "complaint"
    story.days(2)
    assert len(story.said(ComplaintRejected)) == 1
    assert story.last(HoldReleased).reason == "complaint"


def test_an_incident_at_the_door_is_a_complaint_that_is_right(story):
    story.placed().visited("incident", visit_id="V-1")
    assert story.last(ComplaintReceived).visit_id == "V-1"
    story.days(2)
    assert story.last(ComplaintUpheld).agency_id == story.placement.agency_id


def test_an_incident_counts_even_after_the_recall(story):
    story.placed().cured().overdue(300, dpd=1)
    story.visited("incident")
    assert len(story.said(ComplaintReceived)) == 1


@pytest.mark.parametrize(
    ("upheld", "visits", "trips"), [(2, 10, False), (3, 10, True), (3, 101, False), (6, 200, True), (0, 0, False)]
)
def test_the_breaker_trips_at_three_upheld_per_hundred_visits(upheld, visits, trips):
    assert breaker_trips(upheld, visits, 3, 100) == trips


def test_a_visit_under_a_placement_that_is_gone_changes_nothing(story):
    story.placed()
    old = story.placement
    story.returns()
    mark = story.mark()
    story.visited("refused", placement=old)
    assert story.kinds_since(mark) == []


def test_who_takes_back_the_wish_may_be_contacted(story):
    story.opened().wants_no_contact()
    story.bus.publish(
        ConsentGiven(consent_id="c", borrower_id="b1", kind="channel", channel="sms", given_at=story.clock.now())
    )
    assert story.last(HoldReleased).reason == "stop_request"


@pytest.mark.parametrize("kind", ["night_contact", "third_party", "workplace_visit"])
def test_a_consent_to_something_else_takes_no_wish_back(story, kind):
    story.opened().wants_no_contact()
    story.bus.publish(ConsentGiven(consent_id="c", borrower_id="b1", kind=kind, given_at=story.clock.now()))
    assert story.said(HoldReleased) == []


def test_a_wish_about_one_channel_stops_no_placement(story):
    story.placed().wants_no_contact(channels=("sms",))
    assert story.said(PlacementRecalled) == []


def test_who_wants_no_visits_is_left_to_letters_and_messages(story):
    story.placed(5000).wants_no_contact(channels=("visit",))
    assert story.recall.cause == "stop_request"
    assert story.said(HoldPlaced) == []
    story.days(29)
    assert story.said(LegalRecommended) == []
    assert len(story.said(PlacementOffered)) == 1
    assert story.outcomes() == []


def test_whom_nothing_written_has_moved_is_left_to_the_court_when_a_placement_would_have_ended(story):
    story.placed(5000).wants_no_contact(channels=("visit",))
    story.days(30)
    (said,) = story.said(LegalRecommended)
    assert said.reasons[0].text == "No other way is left: unanswered in writing."
    story.days(2)
    assert story.outcomes() == ["legal_referred"]


def test_who_wants_visits_again_is_visited_again(story):
    story.placed(5000).wants_no_contact(channels=("visit",)).days(3)
    story.bus.publish(
        ConsentGiven(consent_id="c", borrower_id="b1", kind="channel", channel="visit", given_at=story.clock.now())
    )
    assert len(story.said(PlacementOffered)) == 2
    story.accepts().days(29)
    assert story.said(LegalRecommended) == []


def test_a_case_without_proof_of_notice_waits_for_it_before_it_counts_the_days_of_writing(story):
    story.opened(5000).wants_no_contact(channels=("visit",)).days(40)
    assert story.said(LegalRecommended) == []
    story.silent().days(29)
    assert story.said(LegalRecommended) == []
    story.days(1)
    assert len(story.said(LegalRecommended)) == 1


def test_every_channel_stopped_one_by_one_is_a_wish_for_no_contact(story):
    story.opened(5000)
    for channel in ("sms", "email", "letter", "voice"):
        story.wants_no_contact(channels=(channel,))
    assert story.said(LegalRecommended) == []
    story.wants_no_contact(channels=("visit",))
    assert story.last(HoldPlaced).reason == "stop_request"
    assert len(story.said(LegalRecommended)) == 1


def test_who_allows_text_messages_again_is_still_not_visited(story):
    story.wants_no_contact().noticed(5000)
    story.bus.publish(
        ConsentGiven(consent_id="c", borrower_id="b1", kind="channel", channel="sms", given_at=story.clock.now())
    )
    story.days(3)
    assert story.last(HoldReleased).reason == "stop_request"
    assert story.said(PlacementOffered) == []


def test_the_wish_outlives_the_case(story):
    story.opened().wants_no_contact().pays(500)
    story.days(20).overdue(300, dpd=2)
    assert [hold.reason for hold in story.state.holds] == ["stop_request"]


@pytest.mark.parametrize("status", ["bankrupt", "incapacitated"])
def test_the_bankrupt_and_the_incapacitated_leave_only_the_court(story, status):
    story.placed().recorded(status=status)
    assert story.recall.cause == "legal"
    assert len(story.said(LegalRecommended)) == 1


def test_the_decision_about_the_court_waits_for_what_is_under_review(story):
    story.placed(5000).exhausted().disputes("D-1")
    story.days(2)
    assert story.said(LegalReferred) == []
    story.days(4)
    assert len(story.said(LegalReferred)) + len(story.outcomes()) >= 1


def test_the_decision_names_its_reasons_and_the_day_of_limitation(story):
    story.overdue(5000, dpd=20).days(3).delivered("letter").silent()
    delivered_on = story.today
    story.accepts().exhausted().days(2)
    referred = story.last(LegalReferred)
    assert referred.limitation_expires_on == delivered_on.replace(year=delivered_on.year + 3)
    assert {reason.rule_id for reason in referred.reasons} >= {"CN-REC-07", "HOUSE-LEGAL-AMOUNT"}
    (clock,) = [reason.text for reason in referred.reasons if reason.rule_id == "CN-REC-07"]
    assert f"counted from the demand by sms of {delivered_on} about l1 (evidence proof-" in clock


def test_who_promises_to_pay_acknowledges_the_debt(story):
    story.overdue(dpd=20).answers("promise", amount="100.00", promised_on=story.today + timedelta(days=3))
    event = story.state.loans[0].interruption
    assert (event.kind, event.on) == ("acknowledgement", story.today)


def test_a_demand_revives_no_claim_that_is_barred(story):
    story.overdue(dpd=1200).delivered("letter")
    assert story.state.loans[0].interruption is None


@pytest.mark.parametrize(
    ("due", "demanded", "expires"),
    [
        (date(2024, 2, 29), None, date(2027, 3, 1)),
        (date(2024, 5, 1), None, date(2027, 5, 1)),
        (date(2024, 5, 1), date(2025, 6, 2), date(2028, 6, 2)),
        (date(2024, 5, 1), date(2024, 4, 2), date(2027, 5, 1)),
        (None, date(2025, 6, 2), date(2028, 6, 2)),
        (None, None, None),
    ],
)
def test_the_limitation_period_runs_from_the_due_date_or_the_latest_proved_demand(due, demanded, expires):
    event = demanded and Interruption("demand", demanded, "PF-1")
    assert expires_on((Loan("l1", oldest_due=due, interruption=event),), 3) == expires


DAYS = st.integers(0, 2500).map(lambda n: date(2020, 1, 1) + timedelta(n))


@given(DAYS, st.lists(DAYS, max_size=6), st.integers(1, 4))
def test_the_latest_event_that_is_kept_tells_as_much_as_the_whole_chain(due, demands, years):
    events = [Interruption("demand", on, f"PF-{n}") for n, on in enumerate(sorted(demands))]
    state = State("b1", loans=(Loan("l1", oldest_due=due, principal=money(5)),))
    for event in events:
        state = interrupted(state, ("l1",), event, years)
    assert clock(state.loans[0], years).barred_from == limitation(due, events, years).barred_from


def test_the_loan_that_expires_first_decides():
    loans = (Loan("l1", oldest_due=date(2025, 1, 1)), Loan("l2", oldest_due=date(2024, 1, 1)))
    assert expires_on(loans, 3) == date(2027, 1, 1)


def test_a_warning_before_the_due_date_is_no_demand(story):
    story.overdue().delivered("early_warning")
    assert story.state.loans[0].interruption is None
    story.delivered("notice")
    assert story.state.loans[0].interruption.on == story.today


def test_a_barred_claim_is_not_taken_to_court(story):
    story.overdue(5000, dpd=1200).silent().accepts().exhausted().days(2)
    assert story.outcomes() == ["legal_not_pursued"]


# officers


def officer(**more):
    return {"reason": "seen by hand", "officer": "li.wei"} | more


def test_an_officer_lets_a_case_rest_and_go_on(story):
    story.placed().commands(commands.place_hold("C-b1-1", until=None, **officer()))
    hold = story.last(HoldPlaced)
    assert hold.reason == "officer"
    assert story.recall.cause == "officer"
    story.commands(commands.release_hold(hold.hold_id, **officer()))
    assert story.last(HoldReleased).why == "li.wei: seen by hand"
    assert story.state.placement.state == "offered"


def test_an_officers_hold_ends_on_its_day(story):
    until = story.clock.now() + timedelta(days=3)
    story.opened().commands(commands.place_hold("C-b1-1", until=until, **officer()))
    story.days(4)
    assert story.state.holds == ()


def test_an_officer_decides_about_the_court_early(story):
    story.opened(500).commands(commands.decide_legal("C-b1-1", pursue=True, **officer()))
    assert story.outcomes() == ["legal_referred"]
    assert "li.wei" in story.last(LegalReferred).reasons[0].text


def test_an_officer_answers_a_dispute(story):
    story.placed().disputes("D-7").commands(commands.resolve_dispute("D-7", upheld=True, **officer()))
    assert story.outcomes() == ["dispute_upheld"]


def test_an_officer_recalls_a_placement_and_the_next_one_is_asked(story):
    story.placed()
    first = story.placement.agency_id
    story.commands(commands.recall_placement("C-b1-1", **officer()))
    assert story.recall.cause == "officer"
    assert story.offer.agency_id != first


@pytest.mark.parametrize(
    "act",
    [
        commands.place_hold("C-b1-9", until=None, **officer()),
        commands.release_hold("H-b1-9", **officer()),
        commands.decide_legal("C-b1-9", pursue=True, **officer()),
        commands.resolve_dispute("D-9", upheld=True, **officer()),
        commands.recall_placement("C-b1-1", **officer()),
    ],
)
def test_what_is_not_there_cannot_be_changed(act):
    story = Story().opened()
    before = story.state
    with pytest.raises(Refused):
        story.commands(act)
    assert story.state == before


@pytest.mark.parametrize("days", [-400, -60, 0, 30])
def test_a_value_date_moves_no_limitation_date_to_before_what_is_known(story, days):
    story.opened(1000)
    before = story.state.loans[0].oldest_due
    story.days(3).pays(10, left=990, value_date=story.today + timedelta(days=days), days_past_due_after=8)
    assert story.state.loans[0].oldest_due == before, "the same instalment is past due, three days more"
    assert expires_on(story.state.loans, 3) == expires_on((Loan("l1", oldest_due=before),), 3)


def test_a_payment_of_the_oldest_instalment_moves_the_limitation_date_to_the_next(story):
    story.opened(1000, dpd=40)
    story.pays(500, left=500, value_date=story.today - timedelta(days=60), days_past_due_after=10)
    assert story.state.loans[0].oldest_due == story.today - timedelta(days=10)


def test_a_payment_taken_back_with_an_early_value_date_makes_the_debt_as_old_as_the_bank_says(story):
    story.opened(1000, dpd=40)
    payment = story.pays(500, left=500, days_past_due_after=10)
    story.bus.publish(
        LoanPaymentReversed(
            payment_id=payment,
            loan_id="l1",
            borrower_id=story.borrower_id,
            currency="CNY",
            amount=money(500),
            value_date=story.today - timedelta(days=300),
            arrears_after=arrears(1000),
            days_past_due_after=40,
            reason="bounced",
        )
    )
    assert story.state.loans[0].oldest_due == story.today - timedelta(days=40)
