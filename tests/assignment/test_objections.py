"""What the borrower says while the same is under review is answered with it: nothing is dropped, nothing stays held."""

from datetime import timedelta

import pytest

from schemas.cases import DisputeResolved, HardshipGranted, HardshipRejected, HoldPlaced, HoldReleased
from services.assignment.app import service
from services.assignment.handlers_commands import resolve_dispute
from services.kit.service import Refused
from services.kit.states import Codec
from tests.assignment.story import Story


def held(story):
    return [hold.reason for hold in story.state.holds]


def test_each_of_two_disputes_is_answered_and_the_case_goes_on():
    story = Story().opened(1000)
    story.disputes("D-b1-1")
    story.days(1).disputes("D-b1-2")
    story.days(4)
    answers = {fact.dispute_id: fact.upheld for fact in story.said(DisputeResolved)}
    assert answers == {"D-b1-1": False, "D-b1-2": False}
    assert (story.state.dispute, held(story)) == (None, [])
    assert [hold.reason for hold in story.said(HoldPlaced)] == [hold.reason for hold in story.said(HoldReleased)]


def test_a_dispute_that_joins_does_not_put_off_the_answer():
    story = Story().opened(1000)
    story.disputes("D-b1-1")
    for number in range(2, 5):
        story.days(1).disputes(f"D-b1-{number}")
    assert {fact.dispute_id for fact in story.said(DisputeResolved)} >= {"D-b1-1", "D-b1-2", "D-b1-3"}


def test_the_same_dispute_told_again_is_one():
    story = Story().opened(1000)
    for dispute in ("D-b1-1", "D-b1-2", "D-b1-1", "D-b1-2"):
        story.disputes(dispute)
    story.days(4)
    assert [fact.dispute_id for fact in story.said(DisputeResolved)] == ["D-b1-1", "D-b1-2"]


def test_relief_is_granted_where_the_second_declaration_is_a_reason_for_it():
    story = Story().opened(1000)
    story.hardship("other", "HD-1")
    story.days(1).hardship("unemployment", "HD-2")
    story.days(2)
    granted = [(fact.hardship_id, fact.reason) for fact in story.said(HardshipGranted)]
    assert granted == [("HD-1", "unemployment"), ("HD-2", "unemployment")]
    assert story.outcomes() == ["hardship_relief"]


def test_two_declarations_that_are_no_reason_are_both_rejected_each_with_its_own_ground():
    story = Story().opened(1000)
    story.hardship("other", "HD-1").hardship("family", "HD-2")
    story.days(3)
    assert [(fact.hardship_id, fact.reason.split()[0]) for fact in story.said(HardshipRejected)] == [
        ("HD-1", "other"),
        ("HD-2", "family"),
    ]
    assert held(story) == []


@pytest.mark.parametrize("named", ["D-b1-1", "D-b1-2"])
@pytest.mark.parametrize("upheld", [True, False])
def test_an_officer_answers_all_that_is_disputed_by_naming_any_of_it(named, upheld):
    story = Story().opened(1000)
    story.disputes("D-b1-1").disputes("D-b1-2")
    act = resolve_dispute(named, upheld=upheld, reason="looked at the contract", officer="O-1")
    story.bus.command("assignment", story.borrower_id, act)
    assert [(fact.dispute_id, fact.upheld) for fact in story.said(DisputeResolved)] == [
        ("D-b1-1", upheld),
        ("D-b1-2", upheld),
    ]
    assert story.outcomes() == (["dispute_upheld"] if upheld else [])
    with pytest.raises(Refused):
        story.bus.command("assignment", story.borrower_id, act)


def test_what_has_joined_survives_in_the_state_document():
    story = Story().opened(1000)
    story.hardship("other", "HD-1").hardship("illness", "HD-2")
    codec = Codec(service())
    assert codec.decode(codec.encode(story.state)) == story.state
    story.bus.advance(timedelta(days=3))
    assert codec.decode(codec.encode(story.state)) == story.state
