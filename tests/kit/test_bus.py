"""Stories run on the bus exactly as decisions run in a worker: delivered, timed, commanded, traced to their cause."""

from datetime import timedelta
from decimal import Decimal

import pytest

from schemas.contacts import ContactStopRequested
from services.kit.bus import Bus
from services.kit.clock import ManualClock
from services.kit.fold import Stuck
from services.kit.service import Refused
from tests.kit.counter import COUNTER, MONDAY, NAME, Count, charged_off, due_soon, overdue, paid, reads, sayings, stop


def bus() -> Bus:
    return Bus([COUNTER], ManualClock(MONDAY))


def test_a_fact_changes_the_state_and_makes_the_service_speak():
    story = bus()
    story.publish(overdue(), paid())
    assert story.state(NAME, "B-1") == Count("B-1", overdue=1, paid=Decimal("10.00"), said=1)
    assert [said.request_id for said in story.said_of(ContactStopRequested)] == ["R-B-1-1"]


def test_what_is_said_names_its_cause_and_the_first_cause():
    story = bus()
    story.publish(overdue(), id="E-7")
    said = story.log[-1]
    assert (said.causationid, said.correlationid, said.time) == ("E-7", "E-7", MONDAY)
    assert said.source == f"/arrears/notifier/{story._partition(type(said.data).TOPIC, 'B-1')}"


def test_a_replay_says_the_same_ids():
    first, second = bus(), bus()
    for story in (first, second):
        story.publish(overdue())
    assert [event.id for event in first.log] == [event.id for event in second.log]


def test_timers_run_at_their_own_instants_in_order():
    story = bus()
    story.publish(due_soon("B-1", days=3), due_soon("B-2", days=1))
    story.advance(timedelta(days=5))
    assert [said.borrower_id for said in story.said_of(ContactStopRequested)] == ["B-2", "B-1"]
    assert [said.requested_at - MONDAY for said in story.said_of(ContactStopRequested)] == [
        timedelta(days=1),
        timedelta(days=3),
    ]
    assert story.clock.now() == MONDAY + timedelta(days=5)


def test_a_tick_that_would_spin_is_found():
    story = bus()
    story.publish(charged_off())
    with pytest.raises(Stuck):
        story.advance(timedelta(seconds=1))


def test_a_command_answers_what_it_said_and_a_refusal_changes_nothing():
    story = bus()
    assert [event.data.key for event in story.command(NAME, "B-1", stop)] == ["B-1"]

    def refuse(_count, _context):
        raise Refused("no")

    with pytest.raises(Refused):
        story.command(NAME, "B-1", refuse)
    assert story.state(NAME, "B-1").said == 1


def test_rows_are_written_as_in_the_database():
    story = bus()
    story.publish(overdue())
    assert story.rows(NAME, sayings) == [{"request_id": "R-B-1-1", "borrower_id": "B-1", "note": "changed"}]
    assert len(story.rows(NAME, reads)) == 1
