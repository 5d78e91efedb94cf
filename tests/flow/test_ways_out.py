"""One story per way out of a case, over notifier, assignment and visits together; nothing between them but facts."""

from datetime import timedelta
from itertools import pairwise

import pytest

from schemas.cases import (
    CaseClosed,
    CaseReopened,
    HardshipGranted,
    HoldReleased,
    LegalRecommended,
    PlacementActivated,
    PlacementRecalled,
    PlanAccepted,
    PlanCompleted,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    PromiseReopened,
)
from schemas.contacts import ContactCancelled, NoticeDelivered, NoticeSent, NoticeUnanswered
from schemas.visits import VisitArrived, VisitCancelled, VisitDispatched, VisitPlanned
from tests.flow.town import DAY, Town, money


@pytest.fixture
def town():
    return Town()


def steps(town):
    return [sent.step for sent in town.said(NoticeSent)]


def placed(town):
    town.overdue()
    town.until(PlacementActivated)
    return town


def visited(town):
    """The team stands at the door and was told to go."""
    placed(town)
    town.until(VisitDispatched)
    assert town.at_the_door().go
    return town


def test_the_whole_ladder_is_climbed_before_anybody_is_sent(town):
    town.due_soon()
    town.hours(72)
    visited(town)
    assert [s for s in steps(town) if s in ("early_warning", "reminder", "letter")] == [
        "early_warning",
        "reminder",
        "letter",
    ]
    assert "notice" in steps(town)
    order = ["notice.unanswered", "placement.offered", "placement.activated", "visit.permit_requested", "visit.planned",
             "visit.dispatched", "visit.arrived"]  # fmt: skip
    said = town.types()
    assert [said.index(kind) for kind in order] == sorted(said.index(kind) for kind in order)


def test_no_visit_without_proof_of_notice(town):
    visited(town)
    unanswered = town.said(NoticeUnanswered)[-1]
    delivered = {notice.proof.proof_id for notice in town.said(NoticeDelivered)}
    assert {n.proof_id for n in unanswered.notices} <= delivered
    assert town.said(VisitPlanned)[-1].proof_id == unanswered.proof_id


def test_cured_after_the_reminder(town):
    town.overdue()
    town.hours(24)
    town.pays()
    assert (town.outcome(), steps(town)) == ("cured", ["reminder"])
    town.hours(24 * 20)
    assert steps(town) == ["reminder"], "nobody writes to a borrower who has paid"


def test_cured_while_a_notice_waits_to_go_out(town):
    town.overdue()
    town.bus.advance(timedelta(seconds=1))
    assert town.pending()
    town.pays()
    assert town.said(ContactCancelled)
    town.hours(24 * 10)
    assert (town.outcome(), town.said(NoticeSent)) == ("cured", [])


def test_cured_after_the_letter(town):
    town.overdue()
    while "letter" not in steps(town):
        town.hours()
    town.pays()
    town.hours(24 * 20)
    assert town.outcome() == "cured"
    assert town.said(NoticeUnanswered) == []


def test_cured_while_placed_recalls_the_placement_at_once(town):
    placed(town)
    town.pays()
    assert (town.outcome(), town.said(PlacementRecalled)[-1].cause) == ("cured", "cured")


def test_cured_while_the_visit_is_planned_cancels_the_visit(town):
    placed(town)
    town.until(VisitPlanned)
    town.pays()
    assert town.said(VisitCancelled)[-1].reason in ("cured", "payment")
    town.hours(24 * 10)
    assert town.said(VisitArrived) == []


def test_a_payment_on_the_way_to_the_door_stops_the_visit(town):
    placed(town)
    town.until(VisitDispatched)
    town.pays()
    answer = town.at_the_door()
    assert not answer.go
    assert (town.outcome(), town.said(VisitArrived)) == ("cured", [])


def test_the_team_is_told_to_stop_when_it_is_not_known_what_the_bank_knows(town):
    placed(town)
    town.until(VisitDispatched)
    assert not town.at_the_door(fresh=False).go
    assert town.said(VisitArrived) == []


def test_paid_at_the_door(town):
    visited(town)
    town.pays()
    town.hours(1)
    town.reports("paid_in_full")
    assert town.outcome() == "cured"


def test_a_promise_made_at_the_door_and_kept(town):
    visited(town)
    due = town.today + 3 * DAY
    town.reports("promise", promised_on=due, promised_amount=money(5000), currency="CNY")
    assert town.said(PromiseMade)[-1].amount == money(5000)
    town.hours(48)
    town.pays()
    assert town.said(PromiseKept)
    assert town.outcome() == "cured"


def test_a_promise_made_to_a_notice_and_broken_goes_on_up_the_ladder(town):
    town.overdue()
    town.hours(6)
    town.answers("promise", promised_on=town.today + 2 * DAY, amount=money(5000), currency="CNY")
    assert town.said(PromiseMade)
    town.until(PromiseBroken)
    assert town.said(HoldReleased)
    town.until(PlacementActivated)


def test_nobody_writes_while_a_promise_stands(town):
    town.overdue()
    town.hours(6)
    town.answers("promise", promised_on=town.today + 20 * DAY, amount=money(5000), currency="CNY")
    before = len(town.said(NoticeSent))
    town.hours(24 * 19)
    assert len(town.said(NoticeSent)) == before


def test_a_kept_promise_is_open_again_when_the_payment_bounces(town):
    town.overdue()
    town.hours(6)
    town.answers("promise", promised_on=town.today + 5 * DAY, amount=money(5000), currency="CNY")
    payment = town.pays()
    assert town.outcome() == "cured"
    town.takes_back(payment)
    assert town.said(PromiseReopened)
    assert town.said(CaseReopened)


def test_a_plan_that_is_paid_to_the_end(town):
    town.overdue(total=3000)
    town.hours(6)
    town.answers("plan_request", instalments=3)
    plan = town.said(PlanAccepted)[-1]
    for instalment in plan.instalments:
        while town.today < instalment.due_on:
            town.hours(12)
        town.pays(instalment.amount)
    assert town.said(PlanCompleted)
    assert town.outcome() == "plan_completed"


def test_hardship_ends_in_relief(town):
    placed(town)
    town.answers("hardship", hardship="unemployment")
    assert town.said(PlacementRecalled)[-1].cause == "hardship"
    town.until(HardshipGranted)
    assert town.outcome() == "hardship_relief"


def test_a_dispute_stops_everything_until_it_is_resolved(town):
    placed(town)
    town.answers("dispute")
    assert town.said(PlacementRecalled)[-1].cause == "dispute"
    before = len(town.said(NoticeSent))
    town.hours(48)
    assert len(town.said(NoticeSent)) == before
    town.hours(48)
    assert "dispute.resolved" in town.types()


def test_refused_at_the_door_ends_in_a_recorded_decision_whether_to_go_to_law(town):
    visited(town)
    town.reports("refused")
    assert town.said(PlacementRecalled)[-1].cause == "exhausted"
    recommended = town.said(LegalRecommended)[-1]
    town.until(CaseClosed)
    assert recommended.reasons
    assert town.outcome() == "legal_referred"


def test_a_small_debt_is_not_taken_to_law(town):
    town.overdue(total=800, outstanding=900)
    town.until(VisitDispatched)
    assert town.at_the_door().go
    town.reports("refused")
    town.until(CaseClosed)
    assert town.outcome() == "legal_not_pursued"


def test_unreachable_after_three_visits_a_week_apart(town):
    placed(town)
    at = []
    for _ in range(3):
        town.until(VisitDispatched)
        at.append(town.clock.now())
        assert town.at_the_door().go
        town.reports("not_home")
    assert all(later - earlier >= 6 * DAY for earlier, later in pairwise(at))
    assert "visit.attempts_exhausted" in town.types()
    town.until(CaseClosed)
    assert town.outcome() == "legal_referred"


def test_the_borrower_has_died(town):
    placed(town)
    town.recorded(status="deceased")
    assert town.outcome() == "deceased"
    assert town.said(PlacementRecalled)[-1].cause == "deceased"
    town.hours(24 * 10)
    assert town.said(VisitArrived) == []


def test_death_found_at_the_door(town):
    visited(town)
    town.reports("deceased")
    assert town.outcome() == "deceased"


def test_charged_off(town):
    placed(town)
    town.charged_off()
    assert (town.outcome(), town.said(PlacementRecalled)[-1].cause) == ("charged_off", "charged_off")


def test_repaid_and_closed(town):
    town.overdue()
    town.hours(6)
    town.closes_loan()
    assert town.outcome() == "repaid"


def test_a_borrower_who_wants_no_contact_gets_none(town):
    town.overdue()
    town.hours(6)
    town.answers("stop_request")
    before = len(town.said(NoticeSent))
    town.hours(24 * 30)
    assert len(town.said(NoticeSent)) == before
    assert town.said(VisitArrived) == []


def test_a_partial_payment_has_the_visit_decided_anew(town):
    placed(town)
    planned = town.until(VisitPlanned)
    town.pays(1000)
    assert town.said(VisitCancelled)[-1].visit_id == planned.visit_id
    assert town.until(VisitPlanned).visit_id != planned.visit_id


def test_declined_everywhere_the_house_takes_the_case(town):
    town.accepting = False
    town.overdue()
    activated = town.until(PlacementActivated)
    assert activated.agency_id == "in-house"


def test_the_same_overdue_fact_every_day_changes_nothing(town):
    daily = Town()
    for day in range(1, 15):
        daily.overdue(dpd=day)
        if day == 1:
            town.overdue()
        town.hours(24)
        daily.hours(24)
    sent = [(notice.step, notice.channel, notice.submitted_at) for notice in town.said(NoticeSent)]
    assert [(notice.step, notice.channel, notice.submitted_at) for notice in daily.said(NoticeSent)] == sent
    assert len(sent) > 2
