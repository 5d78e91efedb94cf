"""What a borrower answers, and who says that they are not the borrower."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from schemas.contacts import (
    NoticeAnswered,
    NoticeSent,
    NoticeUnanswered,
)
from services.kit.service import Refused, Unfit
from services.notifier import domain
from tests.notifier.begun import begun
from tests.notifier.ladder_story import BORROWER, MORNING, POLICY, Story, known


@pytest.mark.parametrize(
    ("answer", "given"),
    [
        ("promise", {"amount": Decimal("1"), "currency": "CNY"}),
        ("promise", {"promised_on": MORNING.date(), "currency": "CNY"}),
        ("plan_request", {}),
        ("promise", {"promised_on": MORNING.date(), "amount": Decimal("0"), "currency": "CNY"}),
    ],
)
def test_an_answer_that_lacks_something_is_refused_and_changes_nothing(answer, given):
    story = begun()
    before = story.state
    with pytest.raises(Refused):
        story.answer(answer, **given)
    assert story.state == before


@pytest.mark.parametrize("ahead", [-1, 91, 365 * 400])
def test_a_promise_for_a_day_that_is_over_or_far_ahead_is_refused_and_changes_nothing(ahead):
    story = begun()
    before = story.state
    with pytest.raises(Unfit):
        story.answer("promise", promised_on=story.today + timedelta(days=ahead), amount=Decimal("100"), currency="CNY")
    assert story.state == before


def test_a_promise_for_the_last_day_that_may_be_promised_is_taken():
    story = begun()
    story.answer("promise", promised_on=story.today + timedelta(days=90), amount=Decimal("100"), currency="CNY")
    assert story.state.answers == 1


@pytest.mark.parametrize(("amount", "currency"), [("525.01", "CNY"), ("999999999999.99", "CNY"), ("1.00", "USD")])
def test_a_promise_of_more_than_is_owed_is_refused_and_changes_nothing(amount, currency):
    story = begun()
    before = story.state
    with pytest.raises(Unfit, match=f"at most .* {currency}"):
        story.answer("promise", promised_on=story.today, amount=Decimal(amount), currency=currency)
    assert story.state == before


def test_a_promise_of_all_that_is_owed_over_the_loans_is_taken():
    story = begun().overdue(loan="L-2")
    story.answer("promise", promised_on=story.today, amount=Decimal("1050.00"), currency="CNY")
    assert story.state.answers == 1


def test_a_strategy_may_let_more_be_promised_than_is_owed():
    generous = replace(POLICY.strategy, promise=replace(POLICY.strategy.promise, above_owed_percent=10))
    story = begun(policy=replace(POLICY, strategy=generous))
    story.answer("promise", promised_on=story.today, amount=Decimal("577.50"), currency="CNY")
    with pytest.raises(Unfit, match=r"577\.50"):
        story.answer("promise", promised_on=story.today, amount=Decimal("577.51"), currency="CNY")


def test_what_falls_due_soon_may_be_promised():
    story = Story().say(known()).due_soon()
    story.answer("promise", "", via="officer", promised_on=story.today, amount=Decimal("525.00"), currency="CNY")
    assert story.state.answers == 1


def test_a_link_answers_for_its_own_borrower_only():
    with pytest.raises(Refused, match="is not a notice of this borrower"):
        begun().answer("will_pay", "N-B-2-1")


def test_what_the_borrower_writes_is_sealed_before_it_is_said():
    story = begun().carry()
    story.answer("dispute", statement="我已经还清了")
    (answered,) = story.said(NoticeAnswered)
    assert story.bus.vault.open(BORROWER, "statement", answered.statement) == "我已经还清了"
    assert "我已经还清了" not in str([event.data for event in story.bus.log])


def test_a_wrong_person_is_not_written_to_again_and_proves_nothing():
    story = begun(carrier={"email": "failed"}).days(5)
    story.answer("wrong_person", "N-B-1-2")
    story.days(25)
    assert [n.channel for n in story.said(NoticeSent) if n.notice_id > "N-B-1-3"] == ["letter"]
    (unanswered,) = story.said(NoticeUnanswered)
    assert {notice.step for notice in unanswered.notices} == {"letter"}


ONLY_A_PHONE = {"emails": (), "addresses": ()}


def _warned():
    story = Story().say(known(**ONLY_A_PHONE)).due_soon().days(1)
    assert [notice.step for notice in story.said(NoticeSent)] == ["early_warning"]
    return story, lambda: story.days(3).overdue()


def _silent():
    story = Story(carrier={"sms": "silent"}).say(known(**ONLY_A_PHONE)).overdue().days(4)
    return story, lambda: story.overdue(dpd=6)


def _cured():
    story = Story().say(known(**ONLY_A_PHONE)).overdue().carry().cured().days(1)
    return story, lambda: story.days(5).overdue()


def _failed():
    story = Story(carrier={"sms": "failed"}).say(known(**ONLY_A_PHONE)).overdue().carry()
    return story, lambda: story.overdue(dpd=5)


def _long_ago():
    story = Story().say(known(**ONLY_A_PHONE)).overdue().carry().cured().days(40)
    return story, story.overdue


@pytest.mark.parametrize("told", [_warned, _silent, _cured, _failed, _long_ago])
def test_a_wrong_person_is_believed_whatever_became_of_the_notice(told):
    story, later = told()
    point = story.rows()["N-B-1-1"]["contact_point_id"]
    story.answer("wrong_person", "N-B-1-1", contact_point=point)
    sent = len(story.said(NoticeSent))
    later()
    story.days(4)
    assert story.state.wrong_points == ("T-1",)
    assert len(story.said(NoticeSent)) == sent


def test_an_early_warning_that_waits_for_a_wrong_number_is_withdrawn():
    story = Story().say(known(**ONLY_A_PHONE)).due_soon()
    assert len(story.pending()) == 1
    story.command(domain.answer, domain.Answered("wrong_person", "none", via="officer", contact_point="T-1"))
    story.days(4)
    assert story.said(NoticeSent) == []
