"""The chain of evidence: each seal covers the one before, so that nothing can be changed or dropped later."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from schemas.agencies import Evidence
from schemas.visits import VisitEvidenceSealed
from services.visits.domain.state import Borrower, Visit, named

RECORDING = ("audio", "video")  # CN-VIS-03: the whole visit, audio and video; a video carries both
DOOR_PROOF = ("photo", "video")  # that somebody stood there, where nobody was met


def chained(previous: str, digests: Sequence[str]) -> str:
    """SHA-256 of the previous chain value and these digests, in order, as lower-case hexadecimal text."""
    return hashlib.sha256("".join((previous, *digests)).encode()).hexdigest()


def missing_from(evidence: Sequence[Evidence], *, met: bool) -> tuple[str, ...]:
    """What should be there and is not: a recording where somebody was met, a picture of the door where not."""
    kinds = {item.kind for item in evidence}
    if "video" in kinds:
        return ()
    if met:
        return tuple(kind for kind in RECORDING if kind not in kinds)
    return () if kinds & set(DOOR_PROOF) else ("photo",)


def sealed(
    borrower: Borrower, visit: Visit, evidence: Sequence[Evidence], *, met: bool, now: datetime
) -> VisitEvidenceSealed:
    """The seal over a visit's evidence; its `chain` is the borrower's chain from then on."""
    digests = tuple(item.digest for item in evidence)
    missing = missing_from(evidence, met=met)
    return VisitEvidenceSealed(
        **named(borrower, visit),
        digests=digests,
        previous=borrower.chain,
        chain=chained(borrower.chain, digests),
        complete=not missing,
        missing=missing,
        kinds=tuple(item.kind for item in evidence),
        sealed_at=now,
    )
