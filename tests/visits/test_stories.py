"""The visit from the entrustment to the sealed evidence, and everything that comes between."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from schemas.cases import ComplaintReceived, ComplaintRejected, DisputeResolved, HardshipRejected
from schemas.contacts import (
    ConsentGiven,
    ContactCancelled,
    ContactStopRequested,
    DisputeRaised,
    HardshipDeclared,
    NoticeAnswered,
)
from schemas.envelope import Fact
from schemas.visits import (
    VisitArrived,
    VisitCancelled,
    VisitCompleted,
    VisitEvidenceSealed,
    VisitNoContact,
    VisitPermitRequested,
    VisitPlanned,
    VisitReportRejected,
    VisitsExhausted,
)
from services.rulebook.packs import load_rulebook
from services.rulebook.shelf import Activation, load_rulebooks
from services.visits.domain.panel import Panel
from tests.visits import building as b
from tests.visits.building import BORROWER, NOON
from tests.visits.story import Story


def dispute(number: int = 1) -> DisputeRaised:
    return DisputeRaised(dispute_id=f"D-{number}", borrower_id=BORROWER, loan_ids=("L-1",), raised_at=NOON, via="link")


def hardship(number: int = 1) -> HardshipDeclared:
    return HardshipDeclared(
        hardship_id=f"HD-{number}", borrower_id=BORROWER, loan_ids=("L-1",), declared_at=NOON, via="link"
    )


def stop_request(number: int = 1) -> ContactStopRequested:
    return ContactStopRequested(request_id=f"SR-{number}", borrower_id=BORROWER, requested_at=NOON, via="link")


def answered(numbers: Iterable[int] = (1,)) -> list[Fact]:
    """What the borrower said has been answered: rejected, and contact allowed again."""
    case = {"case_id": b.CASE, "borrower_id": BORROWER, "reason": "the bank was right"}
    return [
        *(DisputeResolved(**case, dispute_id=f"D-{n}", upheld=False, resolved_at=NOON) for n in numbers),
        *(HardshipRejected(**case, hardship_id=f"HD-{n}", rejected_at=NOON) for n in numbers),
        ConsentGiven(consent_id="CO-1", borrower_id=BORROWER, kind="channel", given_at=NOON),
    ]


def complaint() -> NoticeAnswered:
    return NoticeAnswered(
        answer_id="AN-1", notice_id="N-1", borrower_id=BORROWER, loan_ids=("L-1",), answer="complaint", answered_at=NOON
    )


def test_an_entrusted_case_is_visited_and_the_evidence_sealed():
    story = Story.arrived()
    story.report("promise", result=b.PROMISE)
    assert story.said() == [
        "visit.permit_requested",
        "visit.planned",
        "visit.appointed",
        "visit.dispatched",
        "visit.arrived",
        "visit.completed",
        "visit.evidence_sealed",
    ]
    done = story.bus.said_of(VisitCompleted)[0]
    assert done.flags == ()
    assert done.on_time


def test_the_visit_is_planned_for_the_next_day_in_the_borrowers_own_time_with_two_visitors_and_the_proof():
    story = Story.placed()
    asked = story.asked
    assert (asked.window_start.date(), asked.window_start.hour in (9, 12, 15)) == (date(2026, 3, 3), True)
    assert asked.window_start.utcoffset() == timedelta(hours=8)
    assert len(set(asked.team)) == 2
    assert (asked.proof_id, asked.address_id, asked.attempt) == (b.PROOF, "AD-1", 1)


def test_the_visit_carries_the_documents_and_the_strategy():
    story = Story.placed()
    story.allow()
    planned = story.bus.said_of(VisitPlanned)[0]
    assert planned.documents
    assert planned.strategy.startswith("default-v1")


STOPS = {
    "cured": b.cured,
    "payment": b.paid,
    "closed": b.closed,
    "charged_off": b.charged_off,
    "paused": b.paused,
    "dispute": dispute,
    "hardship": hardship,
    "stop_request": stop_request,
    "complaint": complaint,
    "deceased": lambda: b.recorded(status="deceased"),
    "bankrupt": lambda: b.recorded(status="bankrupt"),
    "vulnerable": lambda: b.recorded(vulnerable=True),
    "promise": lambda: b.hold("promise"),
    "plan": lambda: b.hold("plan"),
    "officer": b.hold,
    "recalled": b.recalled,
}


@pytest.mark.parametrize("reason", STOPS)
@pytest.mark.parametrize("stage", ["permit_requested", "appointed", "dispatched"])
def test_a_stop_cancels_the_pending_visit_at_once_whatever_its_stage(reason, stage):
    story = Story.placed()
    if stage != "permit_requested":
        story.allow()
    if stage == "dispatched":
        story.to_the_door()
    story.hear(STOPS[reason]())
    cancelled = story.bus.said_of(VisitCancelled)[0]
    assert (cancelled.reason, cancelled.stage) == (reason, stage)
    assert story.state.visit is None
    assert not story.ask(visit_id=cancelled.visit_id).go


def test_a_new_schedule_stops_the_visit_as_a_cure_does():
    story = Story.placed()
    story.hear(b.restructured())
    story.bus.advance(timedelta(days=40))
    assert [fact.reason for fact in story.bus.said_of(VisitCancelled)] == ["cured"]
    assert len(story.bus.said_of(VisitPermitRequested)) == 1


@pytest.mark.parametrize("reason", STOPS)
def test_nothing_is_planned_while_the_stop_stands(reason):
    story = Story.placed()
    story.hear(STOPS[reason]())
    story.bus.advance(timedelta(days=40))
    assert len(story.bus.said_of(VisitPermitRequested)) == 1


def test_a_payment_at_the_door_stops_the_visit():
    story = Story.dispatched()
    story.hear(b.paid())
    answer = story.ask()
    assert (answer.go, answer.code, answer.detail) == (False, "over", "payment")
    assert story.said()[-1] == "visit.halted"


def test_a_partial_payment_has_the_visit_decided_anew_with_a_new_permit():
    story = Story.placed()
    story.allow()
    story.hear(b.paid(left="400.00"))
    assert story.said()[-2:] == ["visit.cancelled", "visit.permit_requested"]
    assert story.asked.visit_id == "V-B-1-2"
    assert story.asked.attempt == 1


def test_when_one_of_two_loans_is_cured_the_visit_is_asked_for_anew_about_the_other():
    story = Story.placed("L-1", "L-2")
    story.hear(b.cured("L-1"))
    assert story.bus.said_of(VisitCancelled)[0].reason == "cured"
    assert story.asked.loan_ids == ("L-2",)


def test_a_payment_on_a_loan_that_was_not_entrusted_changes_nothing():
    story = Story.placed("L-1")
    story.hear(b.overdue("L-9"), b.paid(loan_id="L-9"))
    assert story.said() == ["visit.permit_requested"]


@pytest.mark.parametrize(
    ("stop", "release"),
    [
        (b.cured, lambda: b.overdue(business_date=date(2026, 3, 5))),
        (b.paid, b.taken_back),
        (b.paused, b.resumed),
        (lambda: b.paused(until=date(2026, 3, 4)), lambda: b.overdue(business_date=date(2026, 3, 5))),
        (b.hold, b.released),
        (lambda: b.hold("promise"), lambda: b.released("promise")),
        (stop_request, lambda: ConsentGiven(consent_id="CO-1", borrower_id=BORROWER, kind="channel", given_at=NOON)),
    ],
)
def test_when_the_stop_is_gone_a_new_visit_is_asked_for(stop, release):
    story = Story.placed()
    story.hear(stop())
    story.bus.advance(timedelta(days=3))
    story.hear(release())
    assert story.asked.visit_id == "V-B-1-2"


def test_the_daily_word_that_a_paused_loan_is_overdue_does_not_end_the_pause():
    story = Story.placed()
    story.hear(b.paused(), b.overdue(), b.overdue())
    assert story.state.visit is None


@pytest.mark.parametrize("money", [b.cured, b.paid])
def test_a_pause_outlasts_the_money_that_comes_under_it(money):
    story = Story.placed()
    story.hear(b.paused(), money())
    story.bus.advance(timedelta(days=1))
    story.hear(b.overdue(business_date=date(2026, 3, 3)))
    assert story.state.visit is None
    story.hear(b.resumed())
    assert story.asked.visit_id == "V-B-1-2"


@pytest.mark.parametrize("money", [b.cured, b.paid])
def test_a_pause_that_ends_where_nothing_is_owed_asks_for_no_visit(money):
    story = Story.placed()
    story.hear(b.paused(), money(), b.resumed())
    assert story.state.visit is None


def test_a_second_reason_to_stop_outlasts_the_first():
    story = Story.placed()
    story.hear(dispute(), b.hold("officer"), b.released("officer"))
    story.bus.advance(timedelta(days=3))
    assert story.state.visit is None


def test_the_same_fact_twice_changes_nothing():
    story = Story.placed()
    story.hear(b.overdue(), b.overdue(), b.recorded(), b.activated())
    story.allow()
    story.allow()
    assert story.said() == ["visit.permit_requested", "visit.planned", "visit.appointed"]


def test_a_denied_visit_is_asked_for_again_when_the_rules_could_say_otherwise():
    story = Story.placed()
    retry_at = NOON + timedelta(days=3)
    story.hear(b.denied(story.asked, retry_at=retry_at))
    assert story.bus.said_of(VisitCancelled)[0].reason == "permit_denied"
    assert len(story.bus.said_of(VisitPermitRequested)) == 1
    story.bus.advance_to(retry_at)
    assert story.asked.window_start >= retry_at


def test_a_visit_that_is_denied_again_and_again_is_not_permitted():
    story = Story.placed()
    for _ in range(b.POLICY.tries_max):
        story.hear(b.denied(story.asked))
        story.bus.advance(timedelta(days=1))
    assert [e.reason for e in story.bus.said_of(VisitsExhausted)] == ["not_permitted"]
    assert story.state.visit is None


def test_no_permit_by_the_beginning_of_the_window_means_another_day():
    story = Story.placed()
    first = story.asked
    story.bus.advance_to(first.window_start)
    assert story.bus.said_of(VisitCancelled)[0].reason == "permit_expired"
    assert story.asked.window_start.date() == first.window_start.date() + timedelta(days=1)


def test_a_permit_taken_back_by_the_gate_cancels_the_visit():
    story = Story.placed()
    story.allow()
    story.hear(
        ContactCancelled(
            contact_id=story.asked.visit_id,
            borrower_id=BORROWER,
            channel="visit",
            purpose="visit",
            reason="dispute",
            cancelled_at=NOON,
        )
    )
    assert story.bus.said_of(VisitCancelled)[0].reason == "dispute"


def test_a_vulnerable_borrower_is_not_visited():
    story = Story()
    story.hear(b.recorded(vulnerable=True), b.overdue(), b.activated())
    assert story.said() == ["visit.attempts_exhausted"]
    assert story.bus.said_of(VisitsExhausted)[0].reason == "not_permitted"


@pytest.mark.parametrize("zone", ["Nowhere/Land", "../etc"])
def test_where_the_time_zone_is_unknown_no_visit_is_permitted(zone):
    story = Story()
    story.hear(b.recorded(time_zone=zone), b.overdue(), b.activated())
    assert story.bus.said_of(VisitsExhausted)[0].reason == "not_permitted"


def test_without_an_address_there_is_no_visit():
    story = Story()
    story.hear(b.recorded(addresses=()), b.overdue(), b.activated())
    assert story.bus.said_of(VisitsExhausted)[0].reason == "no_address"


def test_a_workplace_is_visited_only_with_consent():
    story = Story()
    story.hear(b.recorded(b.home(kind="work")), b.overdue(), b.activated())
    assert story.bus.said_of(VisitsExhausted)[0].reason == "no_address"


def test_the_visit_waits_for_the_record_of_the_borrower():
    story = Story()
    story.hear(b.overdue(), b.activated())
    assert story.said() == []
    story.hear(b.recorded())
    assert story.said() == ["visit.permit_requested"]


def test_a_placement_whose_loan_was_cured_meanwhile_is_not_visited():
    story = Story()
    story.hear(b.recorded(), b.overdue(), b.cured(), b.activated())
    assert story.said() == []


@pytest.mark.parametrize(
    "agency",
    [
        b.agency(licensed_until=date(2026, 3, 1)),
        b.agency(suspended=True),
        b.agency(staff=b.STAFF[:1]),
        b.agency(staff=tuple(b.Staff(s.staff_id, s.badge, date(2026, 3, 1), s.regions) for s in b.STAFF)),
        b.agency(staff=tuple(b.Staff(s.staff_id, s.badge, s.certified_until, ("CN-BJ",)) for s in b.STAFF)),
    ],
    ids=["licence ended", "suspended", "one visitor", "certificates ended", "another region"],
)
def test_an_agency_that_cannot_send_two_lawful_visitors_sends_none(agency):
    story = Story.placed(reference=b.panel(agency))
    assert story.said() == []
    story.bus.advance(timedelta(days=10))
    assert story.said() == ["visit.attempts_exhausted"]
    assert story.bus.said_of(VisitsExhausted)[0].reason == "not_permitted"


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


def test_an_upheld_dispute_stops_until_its_case_is_closed():
    story = Story.placed()
    resolved = DisputeResolved(
        case_id=b.CASE,
        borrower_id=BORROWER,
        dispute_id="D-1",
        upheld=False,
        reason="the bank was right",
        resolved_at=NOON,
    )
    story.hear(dispute(), resolved.model_copy(update={"upheld": True}))
    assert story.state.visit is None
    story.hear(resolved)
    assert story.asked.visit_id == "V-B-1-2"


def test_what_is_known_of_a_borrower_survives_being_written_down():
    from services.kit.states import Codec
    from services.visits.app import service

    story = Story.arrived("L-1", "L-2")
    story.hear(b.hold("promise"), b.paid(left="1.00"))
    codec = Codec(service(b"k" * 32))
    assert codec.decode(codec.encode(story.state)) == story.state
    assert "Long Lane" not in codec.encode(story.state)
    assert story.state.loans["L-1"].arrears == Decimal("1.00")


def test_a_borrower_in_another_zone_is_visited_in_their_own_morning_or_afternoon():
    story = Story()
    story.hear(b.recorded(time_zone="America/New_York"), b.overdue(), b.activated())
    start = story.asked.window_start
    assert start.utcoffset() == timedelta(hours=-5)
    assert start.hour in (9, 12, 15)
    assert start > datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def test_the_answered_complaint_is_the_one_that_was_received():
    story = Story.placed()
    case = {"case_id": b.CASE, "borrower_id": BORROWER, "complaint_id": "CP-1"}
    story.hear(complaint(), ComplaintReceived(**case, received_at=NOON, answer_by=date(2026, 3, 20), via="notice"))
    assert story.state.visit is None
    story.hear(ComplaintRejected(**case, reason="conduct was correct", decided_at=NOON))
    assert story.asked.visit_id == "V-B-1-2"


def test_a_stop_that_is_released_while_another_stands_changes_nothing():
    story = Story.placed()
    story.hear(b.hold("officer", "H-1"), b.hold("dispute", "H-2"), b.released("officer", "H-1"))
    assert story.state.visit is None
    assert story.said().count("visit.permit_requested") == 1


def test_what_is_not_known_freshly_is_a_stop_that_can_be_asked_again():
    story = Story.dispatched()
    assert story.ask(fresh=False).code == "not_fresh"
    assert story.ask().go


# -- versions of the rule book ----------------------------------------------------------------------------------------


def under(version: str) -> Panel:
    """Ops have put this version in force."""
    return replace(b.panel(), rulebooks=load_rulebooks().activated((Activation("CN", version, NOON - timedelta(1)),)))


def test_a_permit_of_a_version_that_is_not_in_force_any_more_opens_no_door():
    story = Story.dispatched(reference=under("1"))
    answer = story.ask()
    assert (answer.go, answer.code) == (False, "no_permit")


def test_a_permit_of_the_version_that_is_in_force_does():
    one = load_rulebook("CN", "1").label
    story = Story.placed(reference=under("1"))
    story.allow(rulebook=one)
    story.to_the_door()
    assert story.ask().go


def test_a_rule_book_that_asks_for_more_visitors_gets_them():
    three = load_rulebook("CN")
    rules = tuple(
        replace(rule, parameters=replace(rule.parameters, minimum=3)) if rule.kind == "staffing" else rule
        for rule in three.rules
    )
    shelf = load_rulebooks()
    books = {**shelf.books, "CN": {"2": replace(three, rules=rules)}}
    story = Story.placed(reference=replace(b.panel(), rulebooks=replace(shelf, books=books)))
    assert len(story.asked.team) == 3
