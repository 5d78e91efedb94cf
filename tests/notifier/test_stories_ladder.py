"""The ladder: each step in its time, over its channel, with its fall-back; and what is said when nobody answers."""

from datetime import timedelta

from schemas.contacts import (
    ContactAllowed,
    ContactCancelled,
    ContactDenied,
    NoticeDelivered,
    NoticeFailed,
    NoticeSent,
    NoticeUnanswered,
    NoticeUnknown,
)
from services.notifier import domain
from services.rulebook.packs import load_rulebook
from services.rulebook.record import rerun
from tests.notifier.ladder_story import MORNING, Story, day_of, known, money, night_consent, shanghai

WHOLE = [("reminder", "sms"), ("notice", "sms"), ("notice", "email"), ("letter", "letter")]


def begun(**changes):
    return Story(**changes).say(known()).case().overdue(1)


def sent_on(story):
    """Step and channel → days after the loan fell due."""
    due = day_of(MORNING) - timedelta(days=1)
    return {(n.step, n.channel): (day_of(n.submitted_at) - due).days for n in story.said(NoticeSent)}


def test_silence_walks_the_whole_ladder_and_ends_in_unanswered_with_all_proofs():
    story = begun().days(25)
    assert story.allowed() == WHOLE
    assert sent_on(story) == dict(zip(WHOLE, [1, 4, 4, 10], strict=True))
    (unanswered,) = story.said(NoticeUnanswered)
    proofs = {delivered.proof.proof_id for delivered in story.said(NoticeDelivered)}
    assert {notice.proof_id for notice in unanswered.notices} == proofs
    letter = story.said(NoticeDelivered)[-1]
    assert unanswered.proof_id == letter.proof.proof_id
    assert unanswered.window_ended_at == letter.delivered_at + timedelta(days=5)
    assert (unanswered.response_window_days, unanswered.arrears) == (5, money())


def test_the_same_overdue_fact_every_day_changes_nothing():
    daily, once = begun(), begun()
    for day in range(1, 20):
        daily.until(shanghai(day_of(MORNING) + timedelta(days=day), 1)).overdue(1 + day)
    daily.until(MORNING + timedelta(days=25))
    once.until(MORNING + timedelta(days=25))
    assert daily.allowed() == once.allowed() == WHOLE
    assert len(daily.said(ContactDenied)) == len(once.said(ContactDenied)) == 0
    assert sent_on(daily) == sent_on(once)


def test_an_early_warning_goes_out_once_for_each_due_date():
    story = Story().say(known()).due_soon().carry().due_soon().days(1)
    assert story.allowed() == [("early_warning", "sms")]
    (row,) = story.rows().values()
    assert (row["amounts"]["due_date"], row["amounts"]["principal"]) == ("2026-03-05", "525.00")
    story.days(4).due_soon().carry()
    assert story.allowed() == [("early_warning", "sms")] * 2


def test_a_payment_takes_the_early_warning_back():
    story = Story().say(known()).due_soon().pays()
    assert [c.reason for c in story.said(ContactCancelled)] == ["payment"]
    assert story.pending() == []


def test_at_night_a_step_is_denied_with_its_reason_and_goes_out_in_the_morning():
    story = Story(start=shanghai(day_of(MORNING), 1)).say(known()).overdue(1)
    (denied,) = story.said(ContactDenied)
    assert denied.retry_at == shanghai(day_of(MORNING), 8)
    assert {reason.rule_id for reason in denied.reasons} == {"CN-TIME-01", "CN-TIME-02"}
    story.days(1)
    (sent,) = story.said(NoticeSent)
    assert sent.submitted_at == shanghai(day_of(MORNING), 8)
    assert sent.notice_id == denied.contact_id, "one proposal, tried again"


def test_at_night_a_step_goes_out_at_once_to_who_consented_to_it():
    start = shanghai(day_of(MORNING), 1)
    story = Story(start=start).say(known(consents=(night_consent(start),))).overdue(1)
    assert story.allowed() == [("reminder", "sms")]


def test_what_was_not_sent_before_the_quiet_hours_is_withdrawn_and_decided_anew():
    story = Story(start=shanghai(day_of(MORNING), 21, 30)).say(known()).overdue(1)
    assert [c.contact_id for c in story.pending()] == ["N-B-1-1"]
    story.bus.advance(timedelta(hours=1))
    assert [c.reason for c in story.said(ContactCancelled)] == ["expired"]
    assert len(story.said(ContactDenied)) == 1
    story.days(1)
    assert [n.notice_id for n in story.said(NoticeSent)] == ["N-B-1-2"]


def test_loan_facts_may_come_before_anything_is_known_of_the_person():
    story = Story().overdue(1)
    (denied,) = story.said(ContactDenied)
    assert [reason.text for reason in denied.reasons] == ["no time zone known"]
    story.overdue(2).days(2)
    assert len(story.said(ContactDenied)) == 1, "the same is not said again"
    story.say(known()).carry()
    assert story.allowed() == [("reminder", "sms")]


def test_a_failed_step_falls_back_once():
    story = begun(carrier={"sms": "failed"}).days(25)
    assert story.allowed() == [
        ("reminder", "sms"),
        ("reminder", "email"),
        ("notice", "sms"),
        ("notice", "email"),
        ("letter", "letter"),
    ]
    assert len(story.said(NoticeUnanswered)) == 1


def test_silence_of_a_carrier_for_three_days_is_unknown_and_never_sent_again():
    story = begun(carrier={"sms": "silent"}).carry().until(MORNING + timedelta(hours=71))
    assert story.said(NoticeUnknown) == []
    story.days(1)
    (first, *_) = story.said(NoticeUnknown)
    assert first.since == MORNING + timedelta(hours=72)
    assert sum(n.notice_id == first.notice_id for n in story.said(NoticeSent)) == 1


def test_a_late_fall_back_does_not_come_after_the_next_step_has_begun():
    story = begun(carrier={"sms": "silent"}).days(25)
    assert story.allowed() == WHOLE, "the reminder turned unknown after the notice had gone"


def test_without_telephone_the_reminder_goes_by_mail():
    story = Story().say(known(phones=())).overdue(1).carry()
    assert story.denied() == [("reminder", "sms", ["GATE-POINT"])]
    assert story.allowed() == [("reminder", "email")]


def test_with_an_address_only_the_letter_alone_is_the_notice():
    story = Story().say(known(phones=(), emails=())).overdue(1).days(25)
    assert story.allowed() == [("letter", "letter")]
    assert sent_on(story) == {("letter", "letter"): 10}
    assert len(story.said(NoticeUnanswered)) == 1


def test_when_the_letter_does_not_arrive_the_notice_is_the_proof():
    story = begun(carrier={"letter": "failed"}).days(25)
    (unanswered,) = story.said(NoticeUnanswered)
    assert {notice.step for notice in unanswered.notices} == {"reminder", "notice"}
    assert unanswered.proof_id in {notice.proof_id for notice in unanswered.notices if notice.step == "notice"}


def test_when_nothing_arrives_nobody_is_called_unanswered():
    story = begun(carrier=dict.fromkeys(("sms", "email", "letter"), "failed")).days(30)
    assert story.said(NoticeUnanswered) == []
    assert len(story.said(NoticeFailed)) == len(story.said(NoticeSent))


def test_a_partial_payment_has_the_pending_step_decided_anew_with_what_is_left():
    story = begun()
    story.pays(left=money("200.00", "0.00", "0.00"), dpd=1)
    assert [c.reason for c in story.said(ContactCancelled)] == ["payment"]
    story.carry()
    (sent,) = story.said(NoticeSent)
    assert (sent.arrears, sent.notice_id) == (money("200.00", "0.00", "0.00"), "N-B-1-2")


def test_a_payment_that_makes_the_arrears_younger_puts_later_steps_off():
    story = begun().days(6)
    story.pays(left=money("100.00", "0.00", "0.00"), dpd=1).days(20)
    due = day_of(MORNING) - timedelta(days=1)
    letter = next(n for n in story.said(NoticeSent) if n.step == "letter")
    assert (day_of(letter.submitted_at) - due).days == 6 + 10
    assert letter.days_past_due == 10


def test_a_cure_clears_the_ladder_and_a_later_overdue_begins_a_new_one():
    story = begun().days(5).cured().days(10)
    before = len(story.said(ContactAllowed))
    assert before == 3
    story.overdue(1).carry()
    assert story.allowed()[before:] == [("reminder", "sms")]


def test_the_ladder_goes_on_for_what_is_left_when_one_of_two_loans_is_cured():
    story = begun().overdue(1, loan="L-2").carry().cured("L-2").days(25)
    steps = [(n.step, n.loan_ids) for n in story.said(NoticeSent)]
    assert steps[0] == ("reminder", ("L-1", "L-2"))
    assert set(steps[1:]) == {("notice", ("L-1",)), ("letter", ("L-1",))}


def test_one_message_names_all_overdue_loans_and_their_sum():
    story = begun().overdue(3, loan="L-2", arrears=money("50.00", "1.00", "0.00")).carry()
    (sent,) = story.said(NoticeSent)
    assert (sent.loan_ids, sent.arrears) == (("L-1", "L-2"), money("550.00", "21.00", "5.00"))
    assert sent.days_past_due == 3


def test_the_ladder_rests_while_an_agency_works_the_case():
    story = begun().days(2).placed().days(20)
    assert story.allowed() == [("reminder", "sms")]
    story.recalled().days(20)
    assert story.allowed() == WHOLE


def test_a_paused_strategy_takes_no_step_until_it_is_resumed():
    story = Story()
    story.paused = frozenset({"default"})
    story.say(known()).overdue(1).days(2)
    assert story.denied() == [("reminder", "sms", ["STRATEGY-PAUSED"])]
    story.paused = frozenset()
    story.days(1)
    assert story.allowed() == [("reminder", "sms")]


def test_every_decision_is_a_row_that_can_be_made_again():
    story = Story(start=shanghai(day_of(MORNING), 1)).say(known()).case().overdue(1).days(25)
    rows = story.decisions()
    assert len(rows) == len(story.said(ContactAllowed)) + len(story.said(ContactDenied)) == 5
    for row in rows:
        again = rerun(row["inputs"], load_rulebook("CN"))
        assert (again.allowed, again.counters, again.local_time) == (row["allowed"], row["counters"], row["local_time"])
        assert [reason.model_dump() for reason in again.reasons] == row["reasons"]


def test_each_notice_is_a_row_that_shows_where_it_stands():
    story = begun()
    assert story.rows()["N-B-1-1"]["state"] == "pending"
    story.command(domain.claimed, "N-B-1-1")
    assert story.rows()["N-B-1-1"]["state"] == "submitting"
    story.command(domain.released, "N-B-1-1")
    assert story.rows()["N-B-1-1"]["state"] == "pending"
    story.carry()
    row = story.rows()["N-B-1-1"]
    assert (row["state"], row["carrier_reference"]) == ("delivered", "ref-N-B-1-1")
    assert row["amounts"] == {
        "currency": "CNY",
        "principal": "500.00",
        "interest": "20.00",
        "fees": "5.00",
        "days_past_due": 1,
        "due_date": None,
    }
    assert (row["contact_point_id"], row["template"], row["language"]) == ("T-1", "reminder", "zh-CN")


def test_contact_data_stands_in_one_table_only_and_sealed():
    from services.notifier.store import borrowers

    story = begun().carry()
    (row,) = story.bus.rows("notifier", borrowers)
    assert set(row["points"]) == {"T-1", "E-1", "AD-1"}
    assert "+8613800000001" not in str(row)
    assert "王小明" not in str([e.data for e in story.bus.log[1:]])
    assert "13800000001" not in str(story.state)
