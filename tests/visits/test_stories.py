"""The visit from the entrustment to the permit: planned, allowed, or not."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from schemas.contacts import ConsentGiven, ConsentWithdrawn, ContactCancelled
from schemas.visits import (
    VisitCancelled,
    VisitCompleted,
    VisitPermitRequested,
    VisitPlanned,
    VisitsExhausted,
)
from services.rulebook.packs import load_rulebook
from services.rulebook.shelf import Activation, load_rulebooks
from services.visits.domain.panel import Panel
from tests.visits import building as b
from tests.visits.building import BORROWER, NOON
from tests.visits.story import Story


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


def allows(consent_id="CO-1", kind="workplace_visit", until=None):
    return ConsentGiven(consent_id=consent_id, borrower_id=BORROWER, kind=kind, given_at=NOON, expires_at=until)


def takes_back(consent_id="CO-1"):
    return ConsentWithdrawn(consent_id=consent_id, borrower_id=BORROWER, withdrawn_at=NOON)


TOMORROW = NOON + timedelta(days=1)


@pytest.mark.parametrize(
    ("told", "visited"),
    [
        ([allows()], True),
        ([allows(), allows()], True),
        ([allows(until=TOMORROW)], True),
        ([allows(until=NOON)], False),
        ([allows(kind="night_contact")], False),
        ([allows(), takes_back()], False),
        ([allows(), allows(), takes_back()], False),
        ([allows(), allows("CO-2"), takes_back()], True),
        ([allows("CO-2", until=TOMORROW), takes_back()], True),
    ],
)
def test_a_consent_to_be_visited_at_work_that_notifier_was_told_counts_until_it_ends_or_is_taken_back(told, visited):
    story = Story()
    story.hear(*told, b.recorded(b.home(kind="work")), b.overdue(), b.activated())
    assert story.said() == ["visit.permit_requested" if visited else "visit.attempts_exhausted"]


def test_no_visit_is_asked_for_again_at_work_once_the_consent_is_taken_back():
    story = Story()
    story.hear(allows(), b.recorded(b.home(kind="work")), b.overdue(), b.activated())
    story.allow()
    cancelled = {"contact_id": story.asked.visit_id, "borrower_id": BORROWER, "channel": "visit", "purpose": "visit"}
    story.hear(takes_back(), ContactCancelled(**cancelled, reason="replanned", cancelled_at=NOON))
    story.bus.advance(timedelta(days=3))
    assert story.said().count("visit.permit_requested") == 1
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


def test_a_borrower_in_another_zone_is_visited_in_their_own_morning_or_afternoon():
    story = Story()
    story.hear(b.recorded(time_zone="America/New_York"), b.overdue(), b.activated())
    start = story.asked.window_start
    assert start.utcoffset() == timedelta(hours=-5)
    assert start.hour in (9, 12, 15)
    assert start > datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


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
