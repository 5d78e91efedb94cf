"""What a borrower says that stops a visit, and how it is answered."""

from collections.abc import Iterable

from schemas.cases import DisputeResolved, HardshipRejected
from schemas.contacts import (
    ConsentGiven,
    ContactStopRequested,
    DisputeRaised,
    HardshipDeclared,
    NoticeAnswered,
)
from schemas.envelope import Fact
from tests.visits import building as b
from tests.visits.building import BORROWER, NOON


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
