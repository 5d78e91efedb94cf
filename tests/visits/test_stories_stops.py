"""What stops a visit, at whatever stage, and what lets it go on."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from schemas.cases import ComplaintReceived, ComplaintRejected, DisputeResolved
from schemas.contacts import (
    ConsentGiven,
    ContactStopRequested,
)
from schemas.visits import (
    VisitCancelled,
    VisitPermitRequested,
)
from tests.visits import building as b
from tests.visits.building import BORROWER, NOON
from tests.visits.story import Story
from tests.visits.words import complaint, dispute, hardship, stop_request

STOPS = {
    "cured": b.cured,
    "payment": b.paid,
    "closed": b.closed,
    "charged_off": b.charged_off,
    "paused": b.paused,
    "dispute": dispute,
    "hardship": hardship,
    "stop_request": stop_request,
    "complaint": complaint,
    "deceased": lambda: b.recorded(status="deceased"),
    "bankrupt": lambda: b.recorded(status="bankrupt"),
    "vulnerable": lambda: b.recorded(vulnerable=True),
    "promise": lambda: b.hold("promise"),
    "plan": lambda: b.hold("plan"),
    "officer": b.hold,
    "recalled": b.recalled,
}


@pytest.mark.parametrize("reason", STOPS)
@pytest.mark.parametrize("stage", ["permit_requested", "appointed", "dispatched"])
def test_a_stop_cancels_the_pending_visit_at_once_whatever_its_stage(reason, stage):
    story = Story.placed()
    if stage != "permit_requested":
        story.allow()
    if stage == "dispatched":
        story.to_the_door()
    story.hear(STOPS[reason]())
    cancelled = story.bus.said_of(VisitCancelled)[0]
    assert (cancelled.reason, cancelled.stage) == (reason, stage)
    assert story.state.visit is None
    assert not story.ask(visit_id=cancelled.visit_id).go


def test_a_new_schedule_stops_the_visit_as_a_cure_does():
    story = Story.placed()
    story.hear(b.restructured())
    story.bus.advance(timedelta(days=40))
    assert [fact.reason for fact in story.bus.said_of(VisitCancelled)] == ["cured"]
    assert len(story.bus.said_of(VisitPermitRequested)) == 1


@pytest.mark.parametrize("reason", STOPS)
def test_nothing_is_planned_while_the_stop_stands(reason):
    story = Story.placed()
    story.hear(STOPS[reason]())
    story.bus.advance(timedelta(days=40))
    assert len(story.bus.said_of(VisitPermitRequested)) == 1


def test_a_payment_at_the_door_stops_the_visit():
    story = Story.dispatched()
    story.hear(b.paid())
    answer = story.ask()
    assert (answer.go, answer.code, answer.detail) == (False, "over", "payment")
    assert story.said()[-1] == "visit.halted"


def test_a_partial_payment_has_the_visit_decided_anew_with_a_new_permit():
    story = Story.placed()
    story.allow()
    story.hear(b.paid(left="400.00"))
    assert story.said()[-2:] == ["visit.cancelled", "visit.permit_requested"]
    assert story.asked.visit_id == "V-B-1-2"
    assert story.asked.attempt == 1


def test_when_one_of_two_loans_is_cured_the_visit_is_asked_for_anew_about_the_other():
    story = Story.placed("L-1", "L-2")
    story.hear(b.cured("L-1"))
    assert story.bus.said_of(VisitCancelled)[0].reason == "cured"
    assert story.asked.loan_ids == ("L-2",)


def test_a_payment_on_a_loan_that_was_not_entrusted_changes_nothing():
    story = Story.placed("L-1")
    story.hear(b.overdue("L-9"), b.paid(loan_id="L-9"))
    assert story.said() == ["visit.permit_requested"]


@pytest.mark.parametrize(
    ("stop", "release"),
    [
        (b.cured, lambda: b.overdue(business_date=date(2026, 3, 5))),
        (b.paid, b.taken_back),
        (b.paused, b.resumed),
        (lambda: b.paused(until=date(2026, 3, 4)), lambda: b.overdue(business_date=date(2026, 3, 5))),
        (b.hold, b.released),
        (lambda: b.hold("promise"), lambda: b.released("promise")),
        (stop_request, lambda: ConsentGiven(consent_id="CO-1", borrower_id=BORROWER, kind="channel", given_at=NOON)),
    ],
)
def test_when_the_stop_is_gone_a_new_visit_is_asked_for(stop, release):
    story = Story.placed()
    story.hear(stop())
    story.bus.advance(timedelta(days=3))
    story.hear(release())
    assert story.asked.visit_id == "V-B-1-2"


@pytest.mark.parametrize(("channels", "cancelled"), [(("sms", "email"), 0), (("sms", "visit"), 1), ((), 1)])
def test_a_wish_about_other_channels_leaves_the_visit_as_it_is(channels, cancelled):
    story = Story.placed()
    story.hear(
        ContactStopRequested(request_id="SR-1", borrower_id=BORROWER, requested_at=NOON, via="link", channels=channels)
    )
    assert len(story.bus.said_of(VisitCancelled)) == cancelled


def test_the_daily_word_that_a_paused_loan_is_overdue_does_not_end_the_pause():
    story = Story.placed()
    story.hear(b.paused(), b.overdue(), b.overdue())
    assert story.state.visit is None


@pytest.mark.parametrize("money", [b.cured, b.paid])
def test_a_pause_outlasts_the_money_that_comes_under_it(money):
    story = Story.placed()
    story.hear(b.paused(), money())
    story.bus.advance(timedelta(days=1))
    story.hear(b.overdue(business_date=date(2026, 3, 3)))
    assert story.state.visit is None
    story.hear(b.resumed())
    assert story.asked.visit_id == "V-B-1-2"


@pytest.mark.parametrize("money", [b.cured, b.paid])
def test_a_pause_that_ends_where_nothing_is_owed_asks_for_no_visit(money):
    story = Story.placed()
    story.hear(b.paused(), money(), b.resumed())
    assert story.state.visit is None


def test_a_second_reason_to_stop_outlasts_the_first():
    story = Story.placed()
    story.hear(dispute(), b.hold("officer"), b.released("officer"))
    story.bus.advance(timedelta(days=3))
    assert story.state.visit is None


def test_the_same_fact_twice_changes_nothing():
    story = Story.placed()
    story.hear(b.overdue(), b.overdue(), b.recorded(), b.activated())
    story.allow()
    story.allow()
    assert story.said() == ["visit.permit_requested", "visit.planned", "visit.appointed"]


def test_an_upheld_dispute_stops_until_its_case_is_closed():
    story = Story.placed()
    resolved = DisputeResolved(
        case_id=b.CASE,
        borrower_id=BORROWER,
        dispute_id="D-1",
        upheld=False,
        reason="the bank was right",
        resolved_at=NOON,
    )
    story.hear(dispute(), resolved.model_copy(update={"upheld": True}))
    assert story.state.visit is None
    story.hear(resolved)
    assert story.asked.visit_id == "V-B-1-2"


def test_what_is_known_of_a_borrower_survives_being_written_down():
    from services.kit.states import Codec
    from services.visits.app import service

    story = Story.arrived("L-1", "L-2")
    story.hear(b.hold("promise"), b.paid(left="1.00"))
    codec = Codec(service(b"k" * 32))
    assert codec.decode(codec.encode(story.state)) == story.state
    assert "Long Lane" not in codec.encode(story.state)
    assert story.state.loans["L-1"].arrears == Decimal("1.00")


def test_the_answered_complaint_is_the_one_that_was_received():
    story = Story.placed()
    case = {"case_id": b.CASE, "borrower_id": BORROWER, "complaint_id": "CP-1"}
    story.hear(complaint(), ComplaintReceived(**case, received_at=NOON, answer_by=date(2026, 3, 20), via="notice"))
    assert story.state.visit is None
    story.hear(ComplaintRejected(**case, reason="conduct was correct", decided_at=NOON))
    assert story.asked.visit_id == "V-B-1-2"


def test_a_stop_that_is_released_while_another_stands_changes_nothing():
    story = Story.placed()
    story.hear(b.hold("officer", "H-1"), b.hold("dispute", "H-2"), b.released("officer", "H-1"))
    assert story.state.visit is None
    assert story.said().count("visit.permit_requested") == 1


def test_what_is_not_known_freshly_is_a_stop_that_can_be_asked_again():
    story = Story.dispatched()
    assert story.ask(fresh=False).code == "not_fresh"
    assert story.ask().go
