"""A recommendation to go to law is decided or withdrawn: it outlives neither its case, its ground nor its amounts."""

from datetime import timedelta

import pytest

from schemas.cases import CaseClosed, LegalRecommended, LegalReferred, LegalWithdrawn, PlacementOffered
from schemas.contacts import ConsentGiven
from services.assignment import handlers_commands as commands
from services.assignment.store import tables
from tests.assignment.story import Story
from tests.assignment.test_database import bench, engine, rows, tell

__all__ = ["bench", "engine"]


def recommended(story, total=5000):
    """Who refused at the door: nothing but the court is left."""
    return story.placed(total).goes().visited("refused")


def consents(story):
    said = {"borrower_id": "b1", "kind": "channel", "given_at": story.clock.now()}
    story.bus.publish(ConsentGiven(consent_id="c", **said))
    return story


def pending(story):
    """Recommendations of which nobody has said what became of them."""
    ended = {fact.decision_id for kind in (LegalWithdrawn, LegalReferred) for fact in story.said(kind)}
    return [fact.decision_id for fact in story.said(LegalRecommended) if fact.decision_id not in ended]


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda story: story.cured(), "cured"),
        (lambda story: story.pays(5000), "cured"),
        (lambda story: story.loan_closed(), "repaid"),
        (lambda story: story.charged_off(), "charged off"),
        (lambda story: story.recorded(status="deceased"), "deceased"),
        (lambda story: story.hardship("illness").days(2), "hardship relief"),
    ],
)
def test_a_recommendation_is_withdrawn_with_the_case_that_ends_otherwise(story, end, reason):
    end(recommended(story))
    withdrawn = story.said(LegalWithdrawn)
    assert [fact.reason for fact in withdrawn] == [f"the case closed: {reason}"]
    assert story.last(CaseClosed).stage == "legal"
    assert pending(story) == []


def test_a_decision_withdraws_nothing(story):
    recommended(story).days(2)
    assert len(story.said(LegalReferred)) == 1
    assert story.said(LegalWithdrawn) == []


def test_an_officers_decision_withdraws_nothing(story):
    recommended(story).commands(commands.decide_legal("C-b1-1", pursue=True, reason="seen", officer="li.wei"))
    assert story.said(LegalWithdrawn) == []


def test_a_consent_to_be_contacted_takes_the_way_to_the_court_back(story):
    consents(story.placed(5000).wants_no_contact())
    assert [fact.reason for fact in story.said(LegalWithdrawn)] == ["its ground is gone: stop request"]
    assert story.state.case.stage == "noticed"
    assert len(story.said(PlacementOffered)) == 2
    story.days(2)
    assert story.outcomes() == []


def test_without_a_proved_notice_the_case_is_where_it_was_before_the_stop(story):
    consents(story.opened(5000).wants_no_contact())
    assert story.state.case.stage == "open"


@pytest.mark.parametrize("status", ["bankrupt", "incapacitated"])
def test_a_status_that_was_taken_back_takes_the_recommendation_with_it(story, status):
    story.placed(5000).recorded(status=status).recorded()
    assert len(story.said(LegalWithdrawn)) == 1
    assert story.state.case.stage == "noticed"


def test_another_stop_that_stands_is_a_ground_of_its_own(story):
    story.placed(5000).recorded(status="bankrupt").wants_no_contact().recorded()
    assert len(story.said(LegalRecommended)) == 2
    assert story.state.case.legal.why == "stop_request"
    assert story.state.case.stage == "legal"


def test_who_wants_visits_again_after_the_days_of_writing_is_not_taken_to_court(story):
    consents(story.placed(5000).wants_no_contact(channels=("visit",)).days(30))
    assert [fact.reason for fact in story.said(LegalWithdrawn)] == ["its ground is gone: unanswered in writing"]
    assert len(story.said(PlacementOffered)) == 2


def test_a_consent_takes_back_no_recommendation_that_rests_on_something_else(story):
    consents(recommended(story).wants_no_contact())
    assert story.said(LegalWithdrawn) == []


def test_a_partial_payment_has_the_recommendation_made_anew_on_what_is_left(story):
    recommended(story).days(1)
    story.pays(1000)
    first, anew = story.said(LegalRecommended)
    assert [fact.decision_id for fact in story.said(LegalWithdrawn)] == [first.decision_id]
    assert (first.arrears.total, anew.arrears.total) == (5000, 4000)
    assert (anew.decide_by - first.decide_by).days == 1
    assert story.state.case.stage == "legal"
    story.days(1)
    assert story.outcomes() == []
    story.days(1)
    assert [fact.decision_id for fact in story.said(LegalReferred)] == [anew.decision_id]


@pytest.mark.parametrize(
    ("barred_in_days", "hours"),
    [(30, 48), (4, 48), (3, 38), (2, 14), (1, 0), (0, 48)],
    ids=["long", "three days left", "two days left", "one day left", "the last day", "barred"],
)
def test_nobody_waits_for_the_decision_until_the_claim_is_barred(story, barred_in_days, hours):
    limit = story.today + timedelta(days=barred_in_days)
    story.opened(5000, oldest_due_date=limit.replace(year=limit.year - 3)).recorded(status="bankrupt")
    (said,) = story.said(LegalRecommended)
    assert (said.limitation_expires_on, said.decide_by - said.decided_at) == (limit, timedelta(hours=hours))
    story.days(2)
    assert story.outcomes() == ["legal_referred" if barred_in_days else "legal_not_pursued"]


def test_small_payments_put_the_decision_off_but_not_until_the_claim_is_barred(story):
    limit = story.today + timedelta(days=10)
    story.opened(5000, oldest_due_date=limit.replace(year=limit.year - 3)).recorded(status="bankrupt")
    for _ in range(10):
        story.pays(1, days_past_due_after=(story.today - limit.replace(year=limit.year - 3)).days)
        story.days(1)
    decided = story.last(LegalReferred)
    assert (decided.limitation_expires_on, decided.decided_at.date()) == (limit, limit - timedelta(days=1))


def test_a_payment_that_leaves_too_little_is_not_pursued():
    story = Story()
    story.placed(3500, outstanding=100).goes().visited("refused").pays(3000)
    story.days(2)
    assert story.outcomes() == ["legal_not_pursued"]


def test_a_payment_told_twice_is_decided_on_once(story):
    recommended(story).pays(1000, payment_id="pay-x", left=4000)
    story.pays(1000, payment_id="pay-x", left=4000)
    assert len(story.said(LegalWithdrawn)) == 1


def test_a_payment_into_a_loan_outside_the_case_changes_nothing(story):
    recommended(story).pays(100, loan_id="l9", left=0)
    assert story.said(LegalWithdrawn) == []


def test_a_promise_that_is_kept_in_part_leaves_the_stage_to_the_agreement(story):
    recommended(story).promises(1000)
    assert story.state.case.stage == "agreed"
    story.pays(200)
    assert story.state.case.stage == "agreed"
    assert len(story.said(LegalRecommended)) == 2


def test_a_case_that_is_opened_again_begins_without_the_recommendation(story):
    payment = recommended(story).pays(5000)
    story.takes_back(payment, 5000)
    assert story.state.case.stage == "open"
    assert pending(story) == []


@pytest.mark.stack
def test_the_row_of_a_withdrawn_recommendation_says_why(bench):
    recommended(tell(bench)).cured()
    (row,) = rows(bench, tables.legal_decisions)
    assert (row["state"], row["withdrawn_because"]) == ("withdrawn", "the case closed: cured")
    assert row["decided_at"] is not None
