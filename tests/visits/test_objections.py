"""What stops a visit is lifted by its own answer, whatever came first, and nothing is stopped for ever."""

from datetime import timedelta

import pytest

from schemas.cases import DisputeResolved, HardshipGranted, HardshipRejected
from schemas.contacts import DisputeRaised, HardshipDeclared
from services.visits.domain.planning import stopped_by
from tests.visits import building as b
from tests.visits.building import BORROWER, NOON
from tests.visits.story import Story


def disputed(dispute_id: str) -> DisputeRaised:
    return DisputeRaised(dispute_id=dispute_id, borrower_id=BORROWER, loan_ids=("L-1",), raised_at=NOON, via="link")


def resolved(dispute_id: str, case_id: str = b.CASE, *, upheld: bool = False) -> DisputeResolved:
    return DisputeResolved(
        case_id=case_id, borrower_id=BORROWER, dispute_id=dispute_id, upheld=upheld, reason="looked", resolved_at=NOON
    )


def declared(hardship_id: str) -> HardshipDeclared:
    return HardshipDeclared(
        hardship_id=hardship_id, borrower_id=BORROWER, loan_ids=("L-1",), declared_at=NOON, via="link"
    )


def rejected(hardship_id: str) -> HardshipRejected:
    return HardshipRejected(
        case_id=b.CASE, borrower_id=BORROWER, hardship_id=hardship_id, reason="no reason", rejected_at=NOON
    )


def granted(hardship_id: str, case_id: str) -> HardshipGranted:
    return HardshipGranted(
        case_id=case_id, borrower_id=BORROWER, hardship_id=hardship_id, relief="pause", reason="illness",
        granted_at=NOON, until=NOON.date() + timedelta(days=90),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        ((disputed("D-1"), disputed("D-2")), (resolved("D-1"), resolved("D-2"))),
        ((declared("HD-1"), declared("HD-2")), (rejected("HD-1"), rejected("HD-2"))),
        ((disputed("D-1"), declared("HD-1")), (rejected("HD-1"), resolved("D-1"))),
    ],
    ids=["disputes", "hardship", "one of each"],
)
def test_two_objections_stop_until_both_are_answered(said, answers):
    story = Story.placed()
    story.hear(*said, answers[0])
    assert stopped_by(story.state)
    asked = story.said().count("visit.permit_requested")
    story.hear(answers[1])
    assert (stopped_by(story.state), story.said().count("visit.permit_requested")) == ("", asked + 1)


def test_an_answer_to_another_dispute_lifts_nothing():
    story = Story.placed()
    story.hear(disputed("D-2"), resolved("D-1"))
    assert stopped_by(story.state) == "dispute"


def test_a_dispute_that_is_heard_after_its_answer_stops_nothing():
    story = Story.placed()
    story.hear(resolved("D-1"), disputed("D-1"))
    assert not stopped_by(story.state)
    story.hear(disputed("D-2"))
    assert stopped_by(story.state) == "dispute"


@pytest.mark.parametrize(
    "right", [resolved("D-1", "none", upheld=True), granted("D-1", "none")], ids=["upheld", "relief"]
)
def test_an_objection_that_was_right_before_there_was_a_case_does_not_stop_the_next_one(right):
    story = Story()
    objection = disputed("D-1") if isinstance(right, DisputeResolved) else declared("D-1")
    story.hear(b.recorded(), b.overdue(), objection, right)
    story.hear(b.activated())
    assert "visit.permit_requested" in story.said()


def test_a_dispute_that_was_right_goes_on_stopping_while_its_case_is_placed():
    story = Story.placed()
    story.hear(disputed("D-1"), resolved("D-1", upheld=True))
    assert stopped_by(story.state) == "dispute"


def test_the_answers_that_are_remembered_do_not_grow_for_ever():
    story = Story.placed()
    for number in range(40):
        story.hear(disputed(f"D-{number}"), resolved(f"D-{number}"))
    assert (len(story.state.answered), story.state.stops) == (16, ())
