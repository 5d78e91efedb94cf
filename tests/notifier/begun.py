"""A story that has begun: one borrower is overdue, and what comes of it so far."""

from datetime import timedelta

from schemas.contacts import (
    ContactAllowed,
    ContactCancelled,
    NoticeUnanswered,
)
from tests.notifier.ladder_story import BORROWER, LOAN, Story, known

DAY = timedelta(days=1)
OF_CASE = {"case_id": "C-B-1-1", "borrower_id": BORROWER}


def begun(**changes):
    return Story(**changes).say(known()).case().overdue(1)


def permitted():
    """Silence to the end of the ladder, the case placed, a visit allowed for tomorrow."""
    story = begun().days(16)
    (unanswered,) = story.said(NoticeUnanswered)
    story.placed(proof_id=unanswered.proof_id).permit(proof_id=unanswered.proof_id)
    assert story.allowed()[-1] == ("visit", "visit")
    return story


def ended(story):
    return [(c.contact_id, c.reason) for c in story.said(ContactCancelled)]


def of_visit(story, kind, **more):
    allowed = story.said(ContactAllowed)[-1]
    ids = {"visit_id": allowed.contact_id, **OF_CASE, "placement_id": "P-B-1-1", "agency_id": "A-south"}
    return kind(**ids, loan_ids=(LOAN,), **more)
