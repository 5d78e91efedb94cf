"""A stop stops everything at once; what releases it lets the path go on; nothing goes out without an allow."""

from datetime import timedelta
from decimal import Decimal

import pytest

from schemas.bank import Consent, LoanChargedOff, LoanClosed, LoanPaused, LoanResumed
from schemas.cases import (
    CaseClosed,
    ComplaintReceived,
    ComplaintRejected,
    DisputeResolved,
    HardshipGranted,
    HardshipRejected,
)
from schemas.contacts import (
    ContactDenied,
    ContactStopRequested,
    DisputeRaised,
    HardshipDeclared,
    NoticeSent,
    NoticeUnanswered,
)
from schemas.visits import VisitCancelled
from services.kit.service import Refused
from services.notifier import domain
from tests.notifier.begun import OF_CASE, begun, ended, of_visit, permitted
from tests.notifier.ladder_story import BORROWER, LOAN, MORNING, Story, known


def stopping_facts(story):
    """Everything that stops this borrower, with the word that the cancelled contact gives as its reason."""
    loan = {"loan_id": LOAN, "borrower_id": BORROWER}
    today = story.today
    return {
        "cured": story.cured,
        "paid": story.pays,
        "closed": lambda: story.say(LoanClosed(**loan, business_date=today, reason="repaid")),
        "charged_off": lambda: story.say(
            LoanChargedOff(**loan, business_date=today, amount=Decimal("9000"), currency="CNY")
        ),
        "paused": lambda: story.say(LoanPaused(**loan, from_date=today, reason="flood")),
        "deceased": lambda: story.say(known(status="deceased")),
        "bankrupt": lambda: story.say(known(status="bankrupt")),
        "dispute": lambda: story.answer("dispute"),
        "hardship": lambda: story.answer("hardship"),
        "complaint": lambda: story.answer("complaint"),
        "stop_request": lambda: story.answer("stop_request"),
        "promise": lambda: story.hold("promise"),
        "plan": lambda: story.hold("plan"),
        "officer": lambda: story.hold("officer"),
    }


REASONS = {"paid": "cured"}
STOPS = sorted(stopping_facts(Story()))


@pytest.mark.parametrize("stop", STOPS)
def test_a_stop_takes_back_a_pending_notice_at_once_and_none_follows(stop):
    story = begun()
    stopping_facts(story)[stop]()
    assert ended(story) == [("N-B-1-1", REASONS.get(stop, stop))]
    assert story.pending() == []
    with pytest.raises(Refused, match="is not pending"):
        story.command(domain.claimed, "N-B-1-1")
    story.days(30)
    assert story.said(NoticeSent) == []


@pytest.mark.parametrize("stop", STOPS)
def test_a_stop_takes_back_a_permitted_visit_at_once(stop):
    story = permitted()
    stopping_facts(story)[stop]()
    assert ended(story) == [("V-B-1-1", REASONS.get(stop, stop))]
    assert story.rows()["V-B-1-1"]["state"] == "cancelled"


@pytest.mark.parametrize("stop", STOPS)
def test_after_a_stop_no_visit_is_permitted(stop):
    story = permitted()
    proof = story.said(NoticeUnanswered)[0].proof_id
    story.say(of_visit(story, VisitCancelled, reason="replanned", cause="x", cancelled_at=story.now, stage="planned"))
    stopping_facts(story)[stop]()
    story.permit(visit=2, proof_id=proof)
    denied = story.said(ContactDenied)[-1]
    assert (denied.contact_id, bool(denied.reasons)) == ("V-B-1-2", True)


def test_a_stop_between_claim_and_carrier_lets_the_sent_one_be_and_nothing_more_goes():
    story = begun()
    story.command(domain.claimed, "N-B-1-1")
    story.answer("dispute")
    assert ended(story) == []
    story.command(domain.submitted, "N-B-1-1", domain.Accepted("r", story.now, "v1", "0" * 64))
    story.days(20)
    assert len(story.said(NoticeSent)) == 1


def test_a_stop_while_the_carrier_is_away_withdraws_what_comes_back():
    story = begun()
    story.command(domain.claimed, "N-B-1-1")
    story.cured()
    story.command(domain.released, "N-B-1-1")
    assert ended(story) == [("N-B-1-1", "cured")]


# -- releases ---------------------------------------------------------------------------------------------------------


def test_a_dispute_that_is_not_upheld_lets_the_ladder_go_on():
    story = begun().carry()
    story.answer("dispute")
    (raised,) = story.said(DisputeRaised)
    story.hold("dispute").days(6)
    assert story.allowed() == [("reminder", "sms")]
    story.say(
        DisputeResolved(
            **OF_CASE, dispute_id=raised.dispute_id, upheld=False, reason="the books are right", resolved_at=story.now
        )
    )
    assert len(story.allowed()) == 1, "assignment's own hold still stands"
    story.release("dispute")
    assert story.allowed()[1:] == [("notice", "sms"), ("notice", "email")]


def test_an_upheld_dispute_keeps_the_borrower_in_peace_though_the_bank_repeats_itself():
    story = begun().carry()
    story.answer("dispute")
    ids = {"dispute_id": story.said(DisputeRaised)[0].dispute_id, "reason": "was paid", "resolved_at": story.now}
    story.say(DisputeResolved(**OF_CASE, upheld=True, **ids))
    story.say(
        CaseClosed(
            **OF_CASE,
            outcome="dispute_upheld",
            stage="open",
            opened_at=MORNING,
            closed_at=story.now,
            paid=Decimal("0"),
            currency="CNY",
            loan_ids=(LOAN,),
        )
    )
    for dpd in range(2, 20):
        story.days(1).overdue(dpd)
    assert story.allowed() == [("reminder", "sms")]


def test_a_rejected_hardship_lets_the_ladder_go_on():
    story = begun().carry()
    story.answer("hardship", hardship="family")
    (declared,) = story.said(HardshipDeclared)
    assert (declared.reason, declared.via) == ("family", "link")
    story.days(6)
    ids = {"hardship_id": declared.hardship_id, "reason": "income is enough", "rejected_at": story.now}
    story.say(HardshipRejected(**OF_CASE, **ids))
    assert story.allowed()[1:] == [("notice", "sms"), ("notice", "email")]


def test_relief_until_a_day_outlasts_a_charge_off_and_the_money_taken_back_after_it():
    story = begun().carry()
    story.answer("hardship", hardship="illness")
    (declared,) = story.said(HardshipDeclared)
    ids = {"hardship_id": declared.hardship_id, "relief": "pause", "reason": "illness", "granted_at": story.now}
    story.say(HardshipGranted(**OF_CASE, **ids, until=story.today + timedelta(days=90)))
    about = {"stage": "open", "opened_at": MORNING, "closed_at": story.now, "paid": Decimal("0"), "currency": "CNY"}
    story.say(
        CaseClosed(**OF_CASE, **about, outcome="hardship_relief", arm="champion", strategy="default", loan_ids=(LOAN,))
    )
    story.say(LoanChargedOff(loan_id=LOAN, borrower_id="B-1", business_date=story.today, amount="500", currency="CNY"))
    story.days(2).overdue(30).days(20).overdue(50)
    assert story.allowed() == [("reminder", "sms")]


def test_a_hold_of_assignment_outlasts_its_case_until_assignment_releases_it():
    story = begun().hold("dispute")
    story.say(LoanClosed(loan_id=LOAN, borrower_id=BORROWER, business_date=story.today, reason="repaid"))
    about = {"stage": "open", "opened_at": MORNING, "closed_at": story.now, "paid": Decimal("0"), "currency": "CNY"}
    story.say(CaseClosed(**OF_CASE, **about, outcome="cured", arm="champion", strategy="default", loan_ids=(LOAN,)))
    assert [hold.reason for hold in story.state.holds] == ["dispute"]
    story.release("dispute")
    assert story.state.holds == ()


def test_a_decided_complaint_lets_the_ladder_go_on():
    story = begun().carry()
    story.answer("complaint")
    day = story.today + timedelta(days=15)
    ids = {**OF_CASE, "complaint_id": "CP-B-1-1"}
    story.say(ComplaintReceived(**ids, received_at=story.now, answer_by=day, via="notice")).days(6)
    assert story.allowed() == [("reminder", "sms")]
    story.say(ComplaintRejected(**ids, reason="polite throughout", decided_at=story.now))
    assert story.allowed()[1:] == [("notice", "sms"), ("notice", "email")]


def test_after_a_broken_promise_the_ladder_goes_on_to_the_end():
    story = begun().days(5)
    story.answer("promise", "N-B-1-2", promised_on=story.today, amount=Decimal("525"), currency="CNY")
    story.hold("promise").days(12).release("promise").days(8)
    assert story.allowed()[-1] == ("letter", "letter")
    assert len(story.said(NoticeUnanswered)) == 1


def test_an_answer_alone_rests_the_ladder_for_five_days():
    story = begun().days(5)
    story.answer("will_pay", "N-B-1-2")
    answered = story.now
    story.days(20)
    letter = next(n for n in story.said(NoticeSent) if n.step == "letter")
    assert letter.submitted_at >= answered + timedelta(days=5)


def test_a_pause_ends_with_resumed_and_not_with_the_daily_overdue():
    loan = {"loan_id": LOAN, "borrower_id": BORROWER}
    story = begun().carry().say(LoanPaused(**loan, from_date=MORNING.date(), reason="flood"))
    for dpd in range(2, 8):
        story.days(1).overdue(dpd)
    assert story.allowed() == [("reminder", "sms")]
    story.say(LoanResumed(**loan, from_date=story.today, reason="the water is gone"))
    assert story.allowed()[1:] == [("notice", "sms"), ("notice", "email")]


@pytest.mark.parametrize("cured", [True, False], ids=["cured", "paid in full"])
def test_a_pause_outlasts_the_money_that_comes_under_it(cured):
    loan = {"loan_id": LOAN, "borrower_id": BORROWER}
    story = begun().carry().say(LoanPaused(**loan, from_date=MORNING.date(), reason="flood")).days(1)
    story.cured() if cured else story.pays()
    for dpd in range(1, 8):
        story.days(1).overdue(dpd)
    assert story.allowed() == [("reminder", "sms")]
    story.say(LoanResumed(**loan, from_date=story.today, reason="the water is gone"))
    assert story.allowed()[1:] == [("reminder", "sms")]


def test_a_pause_with_an_end_is_over_with_the_first_overdue_after_it():
    loan = {"loan_id": LOAN, "borrower_id": BORROWER}
    until = MORNING.date() + timedelta(days=5)
    story = begun().carry().say(LoanPaused(**loan, from_date=MORNING.date(), until_date=until, reason="flood"))
    for dpd in range(2, 9):
        story.days(1).overdue(dpd)
    assert [n.days_past_due for n in story.said(NoticeSent)] == [1, 7, 7]


def test_a_stop_request_is_lifted_by_a_later_consent_only():
    story = begun().carry()
    story.answer("stop_request")
    (asked,) = story.said(ContactStopRequested)
    assert asked.channels == ()
    story.days(6).overdue(7)
    assert story.allowed() == [("reminder", "sms")]
    consent = Consent(consent_id="CO-2", kind="channel", given_at=story.now)
    story.say(known(consents=(consent,)))
    assert story.allowed()[1:] == [("notice", "sms"), ("notice", "email")]


def test_who_wants_no_text_messages_is_written_to_by_mail_and_letter():
    story = begun().carry()
    story.answer("stop_request", channels=("sms",))
    story.days(25)
    assert story.allowed()[1:] == [("notice", "email"), ("letter", "letter")]
    assert story.denied() == [("notice", "sms", ["CN-STOP-02"])]
    assert len(story.said(NoticeUnanswered)) == 1


def test_a_consent_to_one_channel_lifts_the_stop_for_that_channel_only():
    story = begun().carry()
    story.answer("stop_request")
    story.days(6)
    consent = Consent(consent_id="CO-2", kind="channel", channel="email", given_at=story.now)
    story.say(known(consents=(consent,))).overdue(7)
    assert story.allowed()[1:] == [("notice", "email")]
    assert ended(story) == []


def test_a_hold_with_an_end_ends_by_itself():
    story = begun().carry().hold("officer", until=MORNING + timedelta(days=6)).days(7)
    assert story.said(NoticeSent)[1].submitted_at == MORNING + timedelta(days=6)
