"""Promises and plans: made, paid, kept, broken, un-kept."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.cases import (
    HoldPlaced,
    HoldReleased,
    PlacementRecalled,
    PlanAccepted,
    PlanCancelled,
    PlanDefaulted,
    PlanInstalmentMissed,
    PlanProposed,
    PlanRejected,
    PromiseBroken,
    PromiseCancelled,
    PromiseKept,
    PromiseMade,
    PromisePartlyKept,
    PromiseReopened,
)
from services.assignment.domain.plans import split
from tests.assignment.story import ONE_DAY, Story, money


def test_a_promise_rests_the_case_until_grace_has_passed(story):
    story.opened().promises(500, in_days=5)
    made = story.last(PromiseMade)
    assert (made.amount, made.grace_days, made.threshold_percent, made.via) == (money(500), 3, 90, "notice")
    hold = story.last(HoldPlaced)
    assert hold.reason == "promise"
    assert hold.until.astimezone().date() >= made.due_on + 3 * ONE_DAY
    assert story.state.case.stage == "agreed"


@pytest.mark.parametrize(("paid", "kept"), [(450, True), ("449.99", False)])
def test_ninety_percent_keep_it(story, paid, kept):
    story.opened().promises(500)
    story.pays(paid)
    assert bool(story.said(PromiseKept)) == kept


def test_money_on_the_last_hour_of_grace_still_keeps_it(story):
    story.opened().promises(500, in_days=1)
    story.bus.advance_to(story.state.promises[0].decide_at - timedelta(hours=1))
    story.pays(450)
    story.days(3)
    assert len(story.said(PromiseKept)) == 1
    assert story.said(PromiseBroken) == []


def test_grace_ends_at_midnight_where_the_borrower_lives(story):
    story.recorded(time_zone="America/New_York").opened().promises(500, in_days=1)
    local = story.state.promises[0].decide_at.isoformat()
    assert "T00:00:00" in local
    assert local.endswith(("-05:00", "-04:00"))


def test_something_paid_is_partly_kept_and_nothing_is_broken(story):
    story.opened().promises(500, in_days=2)
    story.pays(100)
    story.days(7)
    assert story.last(PromisePartlyKept).paid == money(100)
    other = Story().opened().promises(500, in_days=2).days(7)
    assert other.last(PromiseBroken).paid == money(0)
    assert other.state.case.stage == "open"


def test_a_third_promise_after_two_broken_ones_is_only_recorded(story):
    for _ in range(2):
        (story if story.state.case else story.opened()).promises(500, in_days=1)
        story.days(6)
    story.promises(500)
    assert len(story.said(PromiseBroken)) == 2
    assert len(story.said(PromiseMade)) == 2
    assert story.state.holds == ()


def test_the_same_answer_counts_once(story):
    story.opened().promises(500, answer_id="x").promises(500, answer_id="x")
    assert len(story.said(PromiseMade)) == 1


@pytest.mark.parametrize("due", [date(2199, 12, 31), date(9999, 12, 31), date(1, 1, 1)])
def test_a_promise_for_the_end_of_time_is_only_recorded_and_the_next_fact_counts(story, due):
    story.opened().answers("promise", promised_on=due, amount=money(5), currency="CNY")
    assert story.said(PromiseMade) == []
    story.recorded(status="deceased")
    assert story.state.case is None


@pytest.mark.parametrize("more", [{"in_days": -1}, {"in_days": 3, "currency": "USD"}, {"in_days": 91}])
def test_a_promise_of_yesterday_far_ahead_or_in_foreign_money_is_only_recorded(story, more):
    story.opened()
    due = story.today + ONE_DAY * more.get("in_days", 3)
    story.answers("promise", promised_on=due, amount=money(5), currency=more.get("currency", "CNY"))
    assert story.said(PromiseMade) == []


def test_payments_fill_the_promise_that_is_due_first(story):
    story.opened(1000).promises(300, in_days=9).promises(300, in_days=3)
    story.pays(350)
    kept = story.last(PromiseKept)
    assert (kept.due_on, kept.paid) == (story.today + 3 * ONE_DAY, money(300))
    assert [p.paid for p in story.state.promises if p.state == "active"] == [money(50)]


def test_a_payment_that_bounces_unkeeps_its_promise_and_rests_the_case_again(story):
    story.opened(1000).promises(500, in_days=5)
    payment = story.pays(500)
    assert story.last(HoldReleased).reason == "promise"
    story.takes_back(payment, 500)
    reopened = story.last(PromiseReopened)
    assert (reopened.promise_id, reopened.payment_id) == ("PR-b1-1", payment)
    assert [hold.reason for hold in story.state.holds] == ["promise"]
    story.days(10)
    assert len(story.said(PromiseBroken)) == 1


def test_a_promise_unkept_after_grace_is_broken_at_once(story):
    story.opened(1000).promises(500, in_days=2)
    payment = story.pays(500)
    story.days(20).takes_back(payment, 500)
    story.days()
    assert len(story.said(PromiseReopened)) == 1
    assert len(story.said(PromiseBroken)) == 1


def test_a_promise_that_is_reached_without_the_bounced_payment_stays_kept(story):
    story.opened(1000).promises(500, in_days=5)
    payment = story.pays(40)
    story.pays(460)
    story.takes_back(payment, 40)
    assert story.said(PromiseReopened) == []


def test_a_promise_at_the_door_leaves_the_placement_where_it_is(story):
    story.placed().visited("promise", promised_on=story.today + 3 * ONE_DAY, promised_amount=money(500), currency="CNY")
    assert story.last(PromiseMade).via == "visit"
    assert story.said(PlacementRecalled) == []
    story.days(8)
    assert story.state.case.stage == "placed"


def test_a_promise_is_cancelled_when_the_debt_is_cured_otherwise(story):
    story.opened().promises(500).cured()
    assert len(story.said(PromiseCancelled)) == 1


def test_a_plan_is_accepted_by_rule_with_its_days(story):
    story.opened(1000).asks_for_plan(3)
    plan = story.last(PlanAccepted)
    assert [part.amount for part in plan.instalments] == [money("333.34"), money("333.33"), money("333.33")]
    days = [(part.due_on - story.today).days for part in plan.instalments]
    assert days == [3, 10, 17]
    assert story.state.case.stage == "agreed"


@pytest.mark.parametrize(("total", "count"), [(100, 4), (1000, 13), (1000, 1), (1000, 500)])
def test_a_plan_outside_the_rule_is_rejected_with_the_reason(story, total, count):
    story.opened(total).asks_for_plan(count)
    assert len(story.said(PlanProposed)) == 1
    assert story.last(PlanRejected).reason
    assert story.state.holds == ()


def test_a_second_plan_beside_the_first_is_rejected(story):
    story.opened(1000).asks_for_plan(3).asks_for_plan(4)
    assert len(story.said(PlanAccepted)) == 1
    assert "already" in story.last(PlanRejected).reason


def test_a_plan_takes_the_place_of_a_promise(story):
    story.opened(1000).promises(500).asks_for_plan(4)
    assert story.last(PromiseCancelled).reason == "a plan took its place"
    assert [hold.reason for hold in story.state.holds] == ["plan"]


def test_a_missed_instalment_is_said_and_one_is_forgiven(story):
    story.opened(1000).asks_for_plan(4).days(8)
    missed = story.last(PlanInstalmentMissed)
    assert (missed.amount, missed.paid) == (money(250), money(0))
    assert story.said(PlanDefaulted) == []
    story.pays(500)
    story.days(7)
    assert len(story.said(PlanInstalmentMissed)) == 1


def test_a_plan_whose_last_instalment_stays_unpaid_does_not_rest_for_ever(story):
    story.opened(1000).asks_for_plan(2)
    story.pays(500)
    story.days(60)
    assert len(story.said(PlanDefaulted)) == 1


def test_a_cure_by_other_means_cancels_the_plan(story):
    story.opened(1000).asks_for_plan(4).cured()
    assert len(story.said(PlanCancelled)) == 1
    assert story.outcomes() == ["cured"]


def test_a_bounced_instalment_is_owed_again(story):
    story.opened(1000).asks_for_plan(4)
    payment = story.pays(250)
    story.takes_back(payment, 250)
    assert story.state.plan.paid == money(0)


@given(st.decimals("0.01", "99999.99", places=2), st.integers(1, 60))
def test_instalments_add_up_to_the_cent(total, count):
    parts = split(Decimal(total), count)
    assert sum(parts) == total
    assert len(parts) == count
    assert min(parts) >= 0
