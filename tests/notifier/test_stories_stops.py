"""A stop stops everything at once; what releases it lets the path go on; nothing goes out without an allow."""

from datetime import timedelta
from decimal import Decimal

import pytest

from schemas.agencies import Conduct, VisitResult
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
    ContactAllowed,
    ContactCancelled,
    ContactDenied,
    ContactSettled,
    ContactStopRequested,
    DisputeRaised,
    HardshipDeclared,
    NoticeAnswered,
    NoticeDelivered,
    NoticeSent,
    NoticeUnanswered,
)
from schemas.visits import VisitAborted, VisitArrived, VisitCancelled, VisitCompleted
from services.kit.service import Refused, Unfit
from services.notifier import domain
from tests.notifier.ladder_story import BORROWER, LOAN, MORNING, Story, known

DAY = timedelta(days=1)
OF_CASE = {"case_id": "C-B-1-1", "borrower_id": BORROWER}


def begun(**changes):
    return Story(**changes).say(known()).case().overdue(1)


def permitted():
    """Silence to the end of the ladder, the case placed, a visit allowed for tomorrow."""
    story = begun().days(16)
    (unanswered,) = story.said(NoticeUnanswered)
    story.placed(proof_id=unanswered.proof_id).permit(proof_id=unanswered.proof_id)
    assert story.allowed()[-1] == ("visit", "visit")
    return story


def ended(story):
    return [(c.contact_id, c.reason) for c in story.said(ContactCancelled)]


def of_visit(story, kind, **more):
    allowed = story.said(ContactAllowed)[-1]
    ids = {"visit_id": allowed.contact_id, **OF_CASE, "placement_id": "P-B-1-1", "agency_id": "A-south"}
    return kind(**ids, loan_ids=(LOAN,), **more)


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


# -- answers ----------------------------------------------------------------------------------------------------------


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
