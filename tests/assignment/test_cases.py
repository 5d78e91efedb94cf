"""One case per borrower over all loans."""

from schemas.bank import BorrowerSnapshot
from schemas.cases import CaseClosed, CaseOpened, CaseReopened, CaseSegmented, HoldPlaced, HoldReleased, LoanRepaired
from tests.assignment.story import ONE_DAY, Story, arrears, money


def test_the_first_overdue_loan_opens_a_case_that_names_what_it_rests_on(story):
    story.recorded(region="CN-ZJ").overdue(500, dpd=5)
    opened = story.last(CaseOpened)
    assert (opened.case_id, opened.loan_ids, opened.arrears.total) == ("C-b1-1", ("l1",), money(500))
    assert (opened.region, opened.days_past_due) == ("CN-ZJ", 5)
    assert opened.strategy.startswith("default-v1@")
    assert 0 <= opened.score <= 1000


def test_later_overdue_loans_join_it(story):
    story.overdue(500).overdue(300, loan_id="l2")
    assert len(story.said(CaseOpened)) == 1
    assert story.state.case.loan_ids == ("l1", "l2")
    story.cured("l1")
    assert story.outcomes() == []
    story.cured("l2")
    assert story.last(CaseClosed).loan_ids == ("l1", "l2")


def test_daily_repetition_changes_nothing(story):
    story.overdue(500)
    before, mark = story.state, story.mark()
    story.overdue(500).overdue(500)
    assert story.state == before
    assert story.kinds_since(mark) == []


def test_an_older_version_of_a_loan_changes_nothing(story):
    story.overdue(500, loan_version=4).pays(500, loan_version=5)
    story.overdue(500, loan_version=4)
    assert len(story.said(CaseOpened)) == 1


def test_more_days_past_due_move_the_case_to_another_segment(story):
    story.overdue(500, dpd=1)
    assert story.last(CaseOpened).segment == "self_cure"
    story.days(70).overdue(500, dpd=70)
    assert story.last(CaseSegmented).segment == "high_risk"


def test_the_vulnerable_have_a_segment_of_their_own(story):
    story.overdue(500).recorded(vulnerable=True)
    assert story.last(CaseSegmented).segment == "vulnerable"


def test_the_arm_of_the_trial_is_always_the_same_and_has_its_share():
    arms = []
    for number in range(200):
        story = Story(borrower_id=f"b{number}").overdue()
        arms.append(story.last(CaseOpened).arm)
    assert 20 <= arms.count("challenger") <= 60
    assert Story(borrower_id="b7").overdue().last(CaseOpened).arm == arms[7]


def test_a_pause_of_the_only_loan_holds_the_case_and_recalls_it(story):
    story.placed().paused()
    assert story.last(HoldPlaced).reason == "paused"
    assert story.recall.cause == "paused"
    story.resumed()
    assert story.last(HoldReleased).reason == "paused"
    assert story.state.placement.state == "offered"


def test_a_pause_of_one_of_two_loans_holds_nothing(story):
    story.placed().overdue(200, loan_id="l2").paused("l1")
    assert story.said(HoldPlaced) == []


def test_a_pause_ends_on_its_day_without_being_told(story):
    story.opened().paused(until=story.today + ONE_DAY * 3)
    story.days(5)
    assert story.state.holds == ()


def test_a_paused_loan_opens_no_case_until_it_is_resumed(story):
    story.paused().overdue(500)
    assert story.said(CaseOpened) == []
    story.resumed()
    assert len(story.said(CaseOpened)) == 1


def test_a_payment_taken_back_reopens_the_case_it_had_cured(story):
    story.placed()
    payment = story.pays(500)
    story.days(10).takes_back(payment, 500)
    reopened = story.last(CaseReopened)
    assert (reopened.case_id, reopened.previous_outcome) == ("C-b1-1", "cured")
    assert story.state.case.stage == "open"
    assert story.state.placement is None
    story.silent()
    assert story.state.placement.state == "offered"


def test_a_payment_of_an_earlier_case_taken_back_never_makes_a_second_open_case(story):
    story.opened()
    payment = story.pays(500)
    story.days(30).overdue(300, dpd=2)
    story.takes_back(payment, 500, left=800)
    assert story.said(CaseReopened) == []
    assert story.state.case.case_id == "C-b1-2"


def snapshot(story, *loans, day=None):
    shown = [
        {
            "loan_id": loan_id,
            "days_past_due": 9 if total else 0,
            "arrears": {"principal": str(money(total)), "interest": "0.00", "fees": "0.00"},
            "outstanding_principal": "8000.00",
            "status": status,
        }
        for loan_id, total, status in loans
    ]
    day = day or story.today
    story.bus.publish(
        BorrowerSnapshot.model_validate({"borrower_id": "b1", "business_date": day.isoformat(), "loans": shown})
    )
    return story


def test_a_snapshot_that_agrees_says_nothing(story):
    story.overdue(500).days()
    mark = story.mark()
    snapshot(story, ("l1", 500, "overdue"), ("l2", 0, "current"))
    assert story.kinds_since(mark) == []


def test_a_snapshot_repairs_an_overdue_that_was_never_told(story):
    story.recorded()
    snapshot(story, ("l9", 700, "overdue"))
    assert story.last(LoanRepaired).loan_id == "l9"
    assert story.last(CaseOpened).arrears == arrears(700)
    mark = story.mark()
    snapshot(story, ("l9", 700, "overdue"))
    assert story.kinds_since(mark) == []


def test_a_snapshot_repairs_a_cure_that_was_never_told(story):
    story.placed().days()
    snapshot(story, ("l1", 0, "current"))
    assert len(story.said(LoanRepaired)) == 1
    assert story.outcomes() == ["cured"]
    assert story.recall.cause == "cured"


def test_an_old_snapshot_changes_nothing(story):
    story.overdue(500)
    mark = story.mark()
    snapshot(story, ("l1", 0, "current"), day=story.today - ONE_DAY)
    assert story.kinds_since(mark) == []


def test_a_loan_that_core_banking_does_not_have_is_not_collected(story):
    story.overdue(500).days()
    snapshot(story)
    assert story.outcomes() == ["repaid"]
