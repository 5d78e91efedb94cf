"""What a team reports, or does not, and what becomes of the placement."""

from datetime import date, timedelta

import pytest

from schemas.visits import (
    VisitArrived,
    VisitCancelled,
    VisitCompleted,
    VisitEvidenceSealed,
    VisitNoContact,
    VisitPermitRequested,
    VisitReportRejected,
    VisitsExhausted,
)
from tests.visits import building as b
from tests.visits.building import NOON
from tests.visits.story import Story


def test_nobody_home_means_another_attempt_after_seven_days_at_another_time_of_day():
    story = Story.arrived()
    first = story.asked
    story.report("not_home")
    assert story.bus.said_of(VisitNoContact)[0].attempts_left == 2
    story.bus.advance(timedelta(days=8))
    arrived = story.bus.said_of(VisitArrived)[0].arrived_at
    assert story.asked.window_start - arrived >= timedelta(days=7)
    assert story.asked.window_start.time() != first.window_start.time()
    assert story.asked.attempt == 2


def test_after_three_attempts_the_borrower_is_unreachable():
    story = Story.placed()
    for _ in range(3):
        story.allow()
        story.to_the_door()
        assert story.ask().go
        story.report("not_home")
        story.bus.advance(timedelta(days=6))
    assert [e.reason for e in story.bus.said_of(VisitsExhausted)] == ["unreachable"]
    story.bus.advance(timedelta(days=30))
    assert len(story.bus.said_of(VisitPermitRequested)) == 3


def test_a_refusal_ends_the_visits_at_once():
    story = Story.arrived()
    story.report("refused")
    assert story.said()[-3:] == ["visit.refused", "visit.evidence_sealed", "visit.attempts_exhausted"]


def test_when_the_borrower_has_moved_the_next_address_is_tried_and_then_no_more():
    story = Story()
    story.hear(b.recorded(b.home("AD-1"), b.home("AD-2", kind="registered")), b.overdue(), b.activated())
    for address in ("AD-1", "AD-2"):
        assert story.asked.address_id == address
        story.allow()
        story.to_the_door()
        story.ask()
        story.report("moved")
        story.bus.advance(timedelta(days=6))
    assert story.bus.said_of(VisitsExhausted)[0].reason == "moved"


def test_a_visit_of_which_nobody_says_a_word_counts_as_an_attempt_and_is_tried_again():
    story = Story.dispatched()
    story.bus.advance(timedelta(days=2))
    assert story.bus.said_of(VisitCancelled)[0].reason == "not_reported"
    story.bus.advance(timedelta(days=7))
    assert story.asked.attempt == 2


def test_a_team_that_was_told_go_and_never_reports_has_no_result():
    story = Story.arrived()
    story.bus.advance(timedelta(days=4))
    assert story.said()[-1] == "visit.aborted"


def test_a_team_may_always_break_off():
    story = Story.arrived()
    story.break_off()
    assert story.said()[-1] == "visit.aborted"
    story.bus.advance(timedelta(days=8))
    assert story.asked.attempt == 2


def test_a_visit_broken_off_before_the_door_was_no_attempt():
    story = Story.dispatched()
    story.break_off("traffic")
    assert story.asked.attempt == 1


def test_a_result_for_a_visit_that_was_never_told_go_is_kept_and_not_applied():
    story = Story.dispatched()
    story.report("promise", result=b.PROMISE)
    assert [r.disposition for r in story.bus.said_of(VisitReportRejected)] == ["promise"]
    assert story.visit.stage == "dispatched"


def test_a_result_after_recall_is_kept_and_not_applied():
    story = Story.arrived()
    story.hear(b.recalled("dispute"))
    assert story.said()[-1] == "visit.aborted"
    story.report("promise", result=b.PROMISE)
    assert story.bus.said_of(VisitReportRejected)
    assert not story.bus.said_of(VisitCompleted)


def test_money_paid_inside_ends_the_placement_but_its_result_is_still_taken():
    story = Story.arrived()
    story.hear(b.paid(), b.recalled("cured"))
    assert story.ask().code == "paid_out"
    story.report("paid_in_full")
    assert story.bus.said_of(VisitCompleted)[0].result.disposition == "paid_in_full"
    story.bus.advance(timedelta(days=30))
    assert story.said()[-1] == "visit.evidence_sealed"


def test_a_team_inside_that_asks_again_after_a_payment_hears_that_nothing_is_owed():
    story = Story.arrived()
    story.hear(b.paid())
    assert story.ask().code == "paid_out"
    assert story.visit.stage == "arrived"


def test_nothing_can_be_agreed_under_a_placement_that_money_has_ended():
    story = Story.arrived()
    story.hear(b.recalled("cured"))
    story.report("promise", result=b.PROMISE)
    assert story.bus.said_of(VisitReportRejected)


def test_an_agency_reports_its_own_visits_only():
    story = Story.arrived()
    story.report("not_home", agency_id="A-north")
    assert story.bus.said_of(VisitReportRejected)[0].agency_id == "A-north"
    assert story.visit.stage == "arrived"


def test_a_report_that_comes_twice_is_applied_once():
    story = Story.arrived()
    fact = story.report("not_home")
    story.hear(fact)
    assert len(story.bus.said_of(VisitNoContact)) == 1
    assert not story.bus.said_of(VisitReportRejected)


@pytest.mark.parametrize(
    ("disposition", "result"),
    [
        ("promise", {}),
        ("promise", {**b.PROMISE, "promised_on": date(2026, 1, 1)}),
        ("promise", {**b.PROMISE, "currency": None}),
        ("plan_agreed", {}),
    ],
)
def test_an_agreement_without_its_terms_is_not_applied(disposition, result):
    story = Story.arrived()
    story.report(disposition, result=result)
    assert story.bus.said_of(VisitReportRejected)[0].reason
    assert story.visit.stage == "arrived"


def test_a_result_that_comes_late_is_applied_and_marked():
    story = Story.arrived()
    fact = b.reported(story.asked, "not_home", story.clock.now())
    story.bus.advance(timedelta(hours=30))
    story.hear(fact)
    assert not story.bus.said_of(VisitNoContact)[0].on_time


def test_each_seal_covers_the_one_before():
    story = Story.arrived()
    story.report("not_home")
    story.bus.advance(timedelta(days=8))
    story.allow()
    story.to_the_door()
    story.ask()
    story.report("refused", evidence=())
    first, second = story.bus.said_of(VisitEvidenceSealed)
    assert second.previous == first.chain != second.chain
    assert (first.complete, second.complete, second.missing) == (True, False, ("audio", "video"))


def test_a_new_placement_keeps_the_gap_since_the_last_visit():
    story = Story.arrived()
    story.report("not_home")
    visited = story.bus.said_of(VisitArrived)[0].arrived_at
    story.hear(b.recalled("returned"))
    story.hear(b.activated(placement_id="P-B-1-2", now=story.clock.now()))
    story.bus.advance(timedelta(days=8))
    assert story.asked.placement_id == "P-B-1-2"
    assert story.asked.attempt == 1
    assert story.asked.window_start - visited >= timedelta(days=7)


def test_after_the_placements_term_nothing_more_is_planned():
    story = Story()
    ends = NOON + timedelta(hours=6)
    story.hear(b.recorded(), b.overdue(), b.activated(ends_at=ends))
    story.bus.advance(timedelta(days=60))
    assert story.said() == []
