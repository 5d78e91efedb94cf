"""One story per way out of a case."""

from datetime import timedelta

import pytest

from schemas.cases import (
    CaseClosed,
    CaseOpened,
    CaseStageChanged,
    DisputeResolved,
    HardshipGranted,
    HardshipRejected,
    HoldPlaced,
    HoldReleased,
    LegalNotPursued,
    LegalRecommended,
    LegalReferred,
    PlacementOffered,
    PlacementRecalled,
    PlanCompleted,
    PlanDefaulted,
    PromiseBroken,
    PromiseKept,
)
from services.assignment.domain.scoring import one_of
from tests.assignment.story import Story, money


def at_stage(stage):
    story = Story()
    return {
        "open": story.opened,
        "noticed": story.noticed,
        "placed": story.placed,
        "in_field": lambda: story.placed().goes(),
        "agreed": lambda: story.opened().promises(),
        "refused": lambda: story.placed().visited("refused"),
        "legal": lambda: story.opened().wants_no_contact(),
    }[stage]()


@pytest.mark.parametrize(
    ("stage", "stands_in"),
    [
        ("open", "open"),
        ("noticed", "noticed"),
        ("placed", "placed"),
        ("in_field", "in_field"),
        ("agreed", "agreed"),
        ("refused", "legal"),
        ("legal", "legal"),
    ],
)
def test_a_payment_of_everything_cures_the_case_at_any_stage(stage, stands_in):
    story = at_stage(stage)
    story.pays(500)
    closed = story.last(CaseClosed)
    assert (closed.outcome, closed.stage, closed.paid) == ("cured", stands_in, money(500))
    assert story.state.case is None
    assert story.state.placement is None


def test_loan_cured_closes_the_case_without_a_payment(story):
    story.placed().cured()
    assert story.outcomes() == ["cured"]
    assert story.recall.cause == "cured"


def test_the_end_of_the_last_loan_is_repaid(story):
    story.placed().loan_closed()
    assert story.outcomes() == ["repaid"]
    assert story.recall.cause == "closed"


def test_a_kept_promise_of_everything_cures_the_case(story):
    story.opened().promises(500)
    story.days(4).pays(500)
    assert story.said(PromiseKept)[0].paid == money(500)
    assert story.outcomes() == ["cured"]
    assert story.last(CaseClosed).via == "promise"
    assert {hold.reason for hold in story.said(HoldPlaced)} == {hold.reason for hold in story.said(HoldReleased)}


def test_a_broken_promise_lets_the_path_go_on_to_the_field(story):
    story.noticed().promises(500, in_days=5)
    assert story.state.placement is None
    story.days(10)
    assert len(story.said(PromiseBroken)) == 1
    assert story.last(HoldReleased).reason == "promise"
    assert len(story.said(PlacementOffered)) == 2
    assert story.state.case.stage == "noticed"


def test_a_plan_paid_to_the_end_completes_even_where_its_last_payment_cures_the_loan(story):
    story.placed(400).asks_for_plan(4)
    assert story.recall.cause == "plan"
    for _ in range(4):
        story.pays(100)
        story.days(7)
    assert len(story.said(PlanCompleted)) == 1
    assert story.outcomes() == ["plan_completed"]


def test_a_plan_with_two_missed_instalments_is_over_and_the_path_goes_on(story):
    story.noticed(400).asks_for_plan(4)
    story.days(14)
    assert len(story.said(PlanDefaulted)) == 1
    assert story.outcomes() == []
    assert story.state.holds == ()
    assert story.state.placement.state == "offered"


def test_unemployment_is_relieved(story):
    story.placed().hardship("unemployment")
    assert story.recall.cause == "hardship"
    story.days(2)
    assert story.last(HardshipGranted).reason == "unemployment"
    assert story.outcomes() == ["hardship_relief"]


def test_once_the_bank_has_put_the_loan_right_an_upheld_dispute_holds_nothing_any_more(story):
    story.opened().disputes(dispute_id(upheld=True)).days(4)
    assert story.outcomes() == ["dispute_upheld"]
    assert [hold.reason for hold in story.state.holds] == ["dispute"]
    story.cured()
    assert story.state.holds == ()
    assert story.last(HoldReleased).reason == "dispute"


def test_a_dispute_that_is_not_answered_yet_is_held_although_the_loan_is_cured(story):
    story.opened().disputes()
    story.cured()
    assert [hold.reason for hold in story.state.holds] == ["dispute"]


def test_another_reason_is_relieved_only_for_the_vulnerable():
    plain, vulnerable = Story(), Story().recorded(vulnerable=True)
    for story in (plain, vulnerable):
        story.opened().hardship("other").days(2)
    assert plain.outcomes() == []
    assert len(plain.said(HardshipRejected)) == 1
    assert plain.state.holds == ()
    assert vulnerable.outcomes() == ["hardship_relief"]


def dispute_id(upheld):
    return next(f"D-{n}" for n in range(100) if (one_of(f"D-{n}", 3) == 0) == upheld)


def test_a_dispute_that_is_right_ends_the_case(story):
    story.placed().disputes(dispute_id(upheld=True))
    assert story.recall.cause == "dispute"
    story.days(3)
    assert story.last(DisputeResolved).upheld
    assert story.outcomes() == ["dispute_upheld"]


def test_a_dispute_that_is_wrong_lets_the_path_go_on(story):
    first = story.placed().placement
    story.disputes(dispute_id(upheld=False)).days(3)
    assert not story.last(DisputeResolved).upheld
    assert story.outcomes() == []
    assert story.last(HoldReleased).reason == "dispute"
    assert story.offer.agency_id != first.agency_id


def test_who_refuses_at_the_door_leaves_the_field_for_the_court(story):
    story.placed(4000).goes().visited("refused")
    assert story.recall.cause == "exhausted"
    assert [change.after for change in story.said(CaseStageChanged)][-2:] == ["refused", "legal"]
    story.days(2)
    assert story.outcomes() == ["legal_referred"]
    assert story.last(CaseClosed).via == "refused"


def test_who_cannot_be_met_leaves_the_field_for_the_court(story):
    story.placed().goes().visited("not_home").exhausted("unreachable")
    assert story.recall.cause == "exhausted"
    story.days(2)
    assert story.last(CaseClosed).via == "unreachable"
    assert story.outcomes() == ["legal_referred"]


def test_a_small_claim_is_not_pursued(story):
    story.placed(500, outstanding=2500).exhausted()
    story.days(2)
    assert story.outcomes() == ["legal_not_pursued"]
    assert len(story.said(LegalNotPursued)) == 1


def test_the_vulnerable_are_not_taken_to_court():
    story = Story().recorded(vulnerable=True).placed(5000)
    story.exhausted().days(2)
    assert story.outcomes() == ["legal_not_pursued"]
    assert any("vulnerable" in reason.text for reason in story.last(LegalNotPursued).reasons)


def test_who_wants_no_contact_leaves_only_the_court(story):
    story.placed(5000).wants_no_contact()
    assert story.recall.cause == "stop_request"
    assert len(story.said(LegalRecommended)) == 1
    story.days(2)
    assert len(story.said(LegalReferred)) == 1
    assert story.outcomes() == ["legal_referred"]
    assert story.last(CaseClosed).via == "stop_request"


@pytest.mark.parametrize("how", ["record", "door"])
def test_death_ends_the_case_at_once(story, how):
    story.placed()
    _ = story.recorded(status="deceased") if how == "record" else story.visited("deceased")
    assert story.outcomes() == ["deceased"]
    assert story.recall.cause == "deceased"
    assert [hold.reason for hold in story.state.holds] == ["deceased"]
    story.days().overdue(600)
    assert len(story.said(CaseOpened)) == 1


def test_a_charge_off_of_the_last_loan_ends_the_case(story):
    story.placed().charged_off()
    assert story.outcomes() == ["charged_off"]
    assert story.recall.cause == "charged_off"


def test_a_charge_off_of_one_of_two_loans_does_not(story):
    story.placed().overdue(300, loan_id="l2").charged_off("l1")
    assert story.outcomes() == []
    assert story.said(PlacementRecalled) == []


@pytest.mark.parametrize(
    "end",
    [
        lambda story: story.hardship("illness").days(2),
        lambda story: story.disputes(dispute_id(upheld=True)).days(3),
        lambda story: story.wants_no_contact().days(2),
    ],
)
def test_a_default_that_was_dealt_with_makes_no_case_when_it_is_told_again(story, end):
    end(story.opened())
    assert len(story.outcomes()) == 1
    for _ in range(3):
        story.days().overdue(500, dpd=(story.today - story.state.loans[0].oldest_due).days)
    assert len(story.said(CaseOpened)) == 1


def test_a_later_default_makes_a_new_case(story):
    story.opened().hardship("illness").days(2)
    story.days(40).overdue(500, dpd=3)
    assert [case.case_id for case in story.said(CaseOpened)] == ["C-b1-1", "C-b1-2"]
    assert story.state.holds == ()


def test_a_default_that_outlives_its_relief_is_a_case_again(story):
    story.opened(dpd=5).hardship("illness").days(2)
    story.bus.advance(timedelta(days=95))
    story.overdue(500, dpd=102)
    assert len(story.said(CaseOpened)) == 2
