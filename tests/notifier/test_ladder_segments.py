"""One ladder for each kind of case: which steps there are follows from segment, arm and product, and is data."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.cases import CaseOpened, CaseSegmented
from schemas.contacts import ContactAllowed, NoticeSent, NoticeUnanswered
from services.notifier.domain import Policy
from services.rulebook.reading import BadPack
from services.rulebook.shelf import load_rulebooks
from services.rulebook.strategy import FOLDER, load_strategy
from tests.notifier.ladder_story import BORROWER, LOAN, MORNING, Story, day_of, known, money, shanghai

WHOLE_LADDER = Policy(load_rulebooks(), load_strategy("default-v2"))
USUAL = [("reminder", "sms"), ("notice", "sms"), ("notice", "email"), ("letter", "letter")]
ORDER = ("reminder", "notice", "letter", "lawyers_letter")


def told(**how):
    return Story(policy=WHOLE_LADDER, **how).say(known())


def case(story, segment="standard", arm="champion"):
    return story.say(
        CaseOpened(
            case_id="C-B-1-1",
            borrower_id=BORROWER,
            loan_ids=(LOAN,),
            products=("consumer_loan",),
            currency="CNY",
            arrears=money(),
            days_past_due=1,
            region="CN-GD",
            segment=segment,
            score=500,
            arm=arm,
            strategy="default",
            opened_at=story.now,
        )
    )


def segmented(story, segment):
    ids = {"case_id": "C-B-1-1", "borrower_id": BORROWER}
    return story.say(CaseSegmented(**ids, segment=segment, score=100, reason="the score fell"))


def test_a_case_that_no_entry_names_climbs_as_before():
    story = case(told().overdue(1)).days(30)
    assert story.allowed() == USUAL
    assert len(story.said(NoticeUnanswered)) == 1


@pytest.mark.parametrize(("segment", "arm", "day"), [("high_risk", "champion", 16), ("standard", "challenger", 20)])
def test_the_lawyers_letter_comes_after_the_letters_window_and_its_silence_counts(segment, arm, day):
    story = case(told().overdue(1), segment, arm).days(40)
    assert story.allowed()[-1] == ("lawyers_letter", "letter")
    (last,) = [n for n in story.said(NoticeSent) if n.step == "lawyers_letter"]
    due = day_of(MORNING) - timedelta(days=1)
    assert (day_of(last.submitted_at) - due).days == day
    (unanswered,) = story.said(NoticeUnanswered)
    assert unanswered.notices[-1].step == "lawyers_letter"
    assert unanswered.window_ended_at == last.submitted_at + timedelta(days=7)


def test_a_card_holder_gets_the_notice_by_mail():
    story = case(told().overdue(1, product="credit_card")).days(6)
    assert story.allowed() == [("reminder", "sms"), ("notice", "email")]


def test_people_of_high_risk_are_called_where_the_text_message_fails_but_not_after_eight():
    story = case(told(carrier={"sms": "failed", "email": "failed"}).overdue(1), "high_risk")
    due = shanghai(day_of(MORNING) + timedelta(days=3), 19, 30)
    story.until(due - timedelta(minutes=30))
    calls = [a for a in story.said(ContactAllowed) if a.channel == "voice"]
    assert [(a.purpose, a.step) for a in calls] == [("notice", "notice")]
    assert calls[0].expires_at == shanghai(day_of(calls[0].not_before), 20)


def test_a_call_that_falls_due_in_the_evening_waits_for_the_morning():
    story = case(told(carrier={"sms": "silent"}).say(known(emails=())).overdue(1), "high_risk")
    story.until(shanghai(day_of(MORNING) + timedelta(days=12), 9))
    (call,) = [a for a in story.said(ContactAllowed) if a.channel == "voice"]
    assert 9 <= (call.not_before + timedelta(hours=8)).hour < 20
    late = told(start=shanghai(day_of(MORNING), 20, 30), carrier={"sms": "failed"}).say(known(emails=()))
    case(late.overdue(5), "high_risk")
    late.bus.advance(timedelta(minutes=1))
    late.carry().carry().carry()
    assert [c for _, c in late.allowed() if c == "voice"] == []
    late.days(4)
    (call,) = [a for a in late.said(ContactAllowed) if a.channel == "voice"]
    assert 9 <= (call.not_before + timedelta(hours=8)).hour < 20


def test_a_segment_that_changes_under_way_repeats_no_step_and_goes_back_behind_none():
    story = case(told().overdue(1)).days(12)
    segmented(story, "high_risk").days(30)
    assert story.allowed() == [*USUAL, ("lawyers_letter", "letter")]
    assert len(story.said(NoticeUnanswered)) == 1


def test_a_step_that_has_begun_keeps_its_channels_whatever_the_case_becomes():
    story = case(told(carrier={"email": "failed", "sms": "failed"}).overdue(1, product="credit_card")).days(5)
    segmented(story.overdue(6), "high_risk").days(3)
    assert [channel for step, channel in story.allowed() if step == "notice"] == ["email", "sms"]


def test_a_step_that_becomes_due_behind_one_that_went_out_is_passed_by():
    ladder = WHOLE_LADDER.strategy.ladder
    risky_only = tuple(s for s in ladder.steps if s.step != "notice" or s.segments)
    strategy = replace(WHOLE_LADDER.strategy, ladder=replace(ladder, steps=risky_only))
    story = Story(policy=Policy(WHOLE_LADDER.rulebooks, strategy)).say(known())
    case(story.overdue(1)).days(12)
    assert story.allowed() == [("reminder", "sms"), ("letter", "letter")]
    segmented(story, "high_risk").days(30)
    assert story.allowed() == [("reminder", "sms"), ("letter", "letter"), ("lawyers_letter", "letter")]
    assert len(story.said(NoticeUnanswered)) == 1


changes = st.one_of(
    st.sampled_from(["self_cure", "standard", "high_risk", "vulnerable"]).map(lambda s: ("segment", s)),
    st.sampled_from(["micro_loan", "credit_card", "consumer_loan"]).map(lambda p: ("product", p)),
    st.integers(1, 9).map(lambda days: ("pays", days)),
    st.just(("daily", 0)),
)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["champion", "challenger"]),
    st.sampled_from(["delivered", "failed", "silent"]),
    st.lists(st.tuples(st.integers(1, 96), changes), max_size=8),
)
def test_whatever_changes_no_step_is_doubled_and_none_comes_out_of_order(arm, fate, events):
    story = case(told(carrier={"sms": fate}).overdue(1), arm=arm)
    left, dpd_since = 900, story.today - timedelta(days=1)
    for hours, (kind, what) in events:
        story.days(hours / 24)
        left -= 1
        dpd = max(1, (story.today - dpd_since).days)
        if kind == "segment":
            segmented(story, what)
        elif kind == "product":
            story.overdue(dpd, product=what)
        elif kind == "daily":
            story.overdue(dpd)
        else:
            story.pays(left=money(f"{left}.00"), dpd=what, value_date=story.today - timedelta(days=what))
            dpd_since = story.today - timedelta(days=what)
        story.carry()
    story.days(45, hours=3)
    went = [(n.step, n.channel) for n in story.said(NoticeSent)]
    assert len(set(went)) == len(went), "no step twice over one channel"
    steps = [step for step, _ in went]
    assert steps == sorted(steps, key=ORDER.index), "no step after a later one"
    assert {"reminder", "letter"} <= set(steps), "no step is skipped that is for everybody"
    assert len(story.said(NoticeUnanswered)) == 1


def test_entries_of_a_step_that_could_never_be_chosen_are_found(tmp_path):
    text = (FOLDER / "default-v2.toml").read_text("utf-8")
    broken = tmp_path / "s.toml"
    broken.write_text(text.replace('segments = ["high_risk"]\ndays_past_due = 16\n', "days_past_due = 16\n"), "utf-8")
    with pytest.raises(BadPack, match="lawyers_letter comes twice"):
        load_strategy(broken)
    broken.write_text(text.replace('end = "20:00"', 'end = "08:00"'), "utf-8")
    with pytest.raises(BadPack, match="ends at 08:00"):
        load_strategy(broken)
