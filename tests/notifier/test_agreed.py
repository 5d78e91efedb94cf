"""What was agreed with the borrower and answered to them is remembered, and shown on their page."""

from datetime import timedelta
from decimal import Decimal

import pytest

from schemas.cases import (
    DisputeResolved,
    HardshipGranted,
    HardshipRejected,
    Instalment,
    PlanAccepted,
    PlanDefaulted,
    PlanRejected,
    PromiseBroken,
    PromiseMade,
)
from schemas.contacts import ConsentGiven, ContactStopRequested
from services.notifier import domain
from tests.notifier.begun import OF_CASE, begun
from tests.notifier.ladder_story import LOAN

OF_LOAN = {**OF_CASE, "loan_ids": (LOAN,), "currency": "CNY"}


def promise(story):
    due = story.today + timedelta(days=5)
    ids = {**OF_LOAN, "promise_id": "PR-B-1-1", "amount": Decimal("300.00"), "due_on": due}
    made = PromiseMade(**ids, made_at=story.now, via="notice", grace_days=3, threshold_percent=90)
    return made, PromiseBroken(**ids, paid=Decimal(0), decided_at=story.now)


def plan(story):
    parts = tuple(Instalment(due_on=story.today + timedelta(days=n), amount=Decimal("262.50")) for n in (3, 10))
    return PlanAccepted(**OF_LOAN, plan_id="PL-B-1-1", instalments=parts, accepted_at=story.now)


def rejected(story, plan_id="PL-B-1-2"):
    why = "2 to 12 instalments can be agreed"
    return PlanRejected(**OF_LOAN, plan_id=plan_id, reason=why, rejected_at=story.now)


def resolved(story, number, upheld=False):
    ids = {**OF_CASE, "dispute_id": f"D-B-1-{number}"}
    return DisputeResolved(**ids, upheld=upheld, reason="by rule", resolved_at=story.now)


def test_a_promise_is_known_by_day_and_amount_until_it_is_decided():
    story = begun()
    made, broken = promise(story)
    story.say(made, made)
    assert [(p.on, p.amount, p.currency) for p in story.state.promises] == [(made.due_on, Decimal("300.00"), "CNY")]
    story.say(broken)
    assert story.state.promises == ()


def test_a_plan_is_known_by_its_instalments_until_it_is_over():
    story = begun()
    accepted = plan(story)
    story.say(accepted, rejected(story))
    assert [amount for _, amount in story.state.plan.parts] == [Decimal("262.50")] * 2
    story.say(PlanDefaulted(**OF_LOAN, plan_id="PL-B-1-1", paid=Decimal(0), defaulted_at=story.now))
    assert story.state.plan is None


def test_a_plan_that_was_refused_is_known_with_its_reason_until_one_is_agreed():
    story = begun()
    story.say(rejected(story))
    assert story.state.plan.refused == "2 to 12 instalments can be agreed"
    story.say(plan(story))
    assert story.state.plan.refused == ""


def test_the_answer_to_a_dispute_is_kept_until_another_is_raised():
    story = begun()
    story.answer("dispute")
    story.say(resolved(story, 1))
    assert [(r.about, r.granted, r.reason) for r in story.state.results] == [("dispute", False, "by rule")]
    story.answer("dispute")
    story.say(resolved(story, 1))
    assert story.state.results == ()


@pytest.mark.parametrize("granted", [True, False])
def test_the_answer_to_hardship_is_kept(granted):
    story = begun()
    story.answer("hardship", hardship="illness")
    ids = {**OF_CASE, "hardship_id": "HD-B-1-1"}
    until = story.today + timedelta(days=90)
    relief = HardshipGranted(**ids, relief="pause", until=until, reason="illness", granted_at=story.now)
    refused = HardshipRejected(**ids, reason="other alone is no reason", rejected_at=story.now)
    story.say(relief if granted else refused)
    (result,) = story.state.results
    assert (result.about, result.granted, result.until) == ("hardship", granted, until if granted else None)


def test_another_case_begins_without_the_answers_of_the_last():
    story = begun()
    story.answer("dispute")
    story.say(resolved(story, 1), rejected(story))
    story.case()
    assert (story.state.results, story.state.plan) == ((), None)


def choose(story, stop=(), allow=()):
    story.command(domain.choose, domain.Answered("stop_request", "N-B-1-1", channels=stop), allow)
    story.bus.advance(timedelta(minutes=1))


def stopped(story):
    return {c for c in ("sms", "email", "letter", "voice", "visit") if story.state.stopped(story.now, c)}


def test_a_channel_that_was_stopped_is_opened_by_taking_its_tick_away():
    story = begun().carry()
    choose(story, stop=("sms", "visit"))
    assert stopped(story) == {"sms", "visit"}
    choose(story, stop=("visit", "email"), allow=("sms",))
    assert stopped(story) == {"visit", "email"}
    assert [asked.channels for asked in story.said(ContactStopRequested)] == [("sms", "visit"), ("email",)]
    assert [(given.kind, given.channel) for given in story.said(ConsentGiven)] == [("channel", "sms")]
    assert story.ask("voice") == []
    assert story.ask("sms") == []


def test_a_choice_that_changes_nothing_says_nothing():
    story = begun().carry()
    choose(story, stop=("sms",))
    choose(story, stop=("sms",), allow=("email",))
    assert len(story.said(ContactStopRequested)) == 1
    assert story.said(ConsentGiven) == []


def test_who_wanted_no_contact_at_all_may_open_one_channel():
    story = begun().carry()
    choose(story, stop=("sms", "email", "letter", "voice", "visit"))
    choose(story, stop=("email", "letter", "voice", "visit"), allow=("sms",))
    assert stopped(story) == {"email", "letter", "voice", "visit"}
