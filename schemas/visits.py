"""What visits says: a visit from the permit asked to the evidence sealed."""

from typing import Literal

from schemas.agencies import Conduct, VisitResult
from schemas.envelope import Fact
from schemas.topics import VISITS_TOPIC
from schemas.values import Disposition, Id, Instant, Personal, Reason, Text


class VisitFact(Fact):
    """What all visit facts name."""

    visit_id: Id
    borrower_id: Id
    case_id: Id
    placement_id: Id
    agency_id: Id
    loan_ids: tuple[Id, ...]


class VisitPermitRequested(VisitFact, type="visit.permit_requested.v1", topic=VISITS_TOPIC):
    """The contact gate is asked whether this visit may be made; the proof of notice travels with it."""

    window_start: Instant
    window_end: Instant
    address_id: Id
    place: Literal["home", "work", "registered"]
    team: tuple[Id, ...]
    recording: bool = True
    proof_id: Id
    attempt: int
    requested_at: Instant


class VisitPlanned(VisitFact, type="visit.planned.v1", topic=VISITS_TOPIC):
    """The visit has a permit, a window, a place, a team of at least two, documents and a credential."""

    window_start: Instant
    window_end: Instant
    address_id: Id
    team: tuple[Id, ...]
    documents: tuple[str, ...]
    strategy: str
    proof_id: Id
    permit_id: Id
    attempt: int


class VisitAppointed(VisitFact, type="visit.appointed.v1", topic=VISITS_TOPIC):
    """The borrower was told, or agreed, when the visitors come."""

    window_start: Instant
    window_end: Instant
    agreed: bool


class VisitDispatched(VisitFact, type="visit.dispatched.v1", topic=VISITS_TOPIC):
    """The team is on its way."""

    dispatched_at: Instant
    team: tuple[Id, ...]


class VisitArrived(VisitFact, type="visit.arrived.v1", topic=VISITS_TOPIC):
    """The team stood at the door, asked, and was told to go on; `known_as_of` says how fresh that answer was."""

    arrived_at: Instant
    known_as_of: Instant


class VisitCompleted(VisitFact, type="visit.completed.v1", topic=VISITS_TOPIC):
    """The team spoke with somebody and reports the result."""

    arrived_at: Instant
    completed_at: Instant
    result: VisitResult
    conduct: Conduct
    flags: tuple[Reason, ...] = ()
    statement: Personal | None = None
    reported_at: Instant
    on_time: bool


class VisitNoContact(VisitFact, type="visit.no_contact.v1", topic=VISITS_TOPIC):
    """Nobody who may be spoken to was met (not home, moved, wrong address, third party only)."""

    arrived_at: Instant
    result: VisitResult
    attempt: int
    attempts_left: int
    reported_at: Instant
    on_time: bool
    flags: tuple[Reason, ...] = ()


class VisitRefused(VisitFact, type="visit.refused.v1", topic=VISITS_TOPIC):
    """The borrower was met and refused to speak or to pay."""

    arrived_at: Instant
    result: VisitResult
    conduct: Conduct
    statement: Personal | None = None
    reported_at: Instant
    on_time: bool
    flags: tuple[Reason, ...] = ()


class VisitCancelled(VisitFact, type="visit.cancelled.v1", topic=VISITS_TOPIC):
    """The visit does not take place. `cause` is the stopping fact's id, or the rule's."""

    reason: Literal[
        "payment",
        "cured",
        "closed",
        "charged_off",
        "paused",
        "dispute",
        "hardship",
        "complaint",
        "stop_request",
        "deceased",
        "incapacitated",
        "bankrupt",
        "vulnerable",
        "recalled",
        "promise",
        "plan",
        "permit_denied",
        "permit_expired",
        "no_address",
        "no_team",
        "replanned",
        "not_reported",
        "officer",
    ]
    cause: str
    cancelled_at: Instant
    stage: Literal["planned", "appointed", "dispatched", "permit_requested"]


class VisitAborted(VisitFact, type="visit.aborted.v1", topic=VISITS_TOPIC):
    """The team stood at the door and was told to stop, or broke off; `at_door` says before or after `visit.arrived`."""

    reason: Text
    cause: str
    aborted_at: Instant
    known_as_of: Instant
    at_door: bool


class VisitEvidenceSealed(VisitFact, type="visit.evidence_sealed.v1", topic=VISITS_TOPIC):
    """All evidence of the visit, chained: `chain` = SHA-256 of the previous chain value and these digests, in order."""

    digests: tuple[str, ...]
    previous: str
    chain: str
    complete: bool
    missing: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    sealed_at: Instant


class VisitHalted(VisitFact, type="visit.halted.v1", topic=VISITS_TOPIC):
    """The team asked at the door and was told to stop. Says nothing about whether the visit has ended."""

    reason: Text
    code: Text = ""
    detail: Text = ""
    asked_at: Instant
    known_as_of: Instant
    team: tuple[Id, ...]


class VisitReportRejected(Fact, type="visit.report_rejected.v1", topic=VISITS_TOPIC):
    """A report was not applied: the visit was not told go, is over, recalled, or another agency's. Kept and shown."""

    report_id: Id
    visit_id: Id
    borrower_id: Id
    agency_id: Id
    disposition: Disposition
    reason: Text
    arrived_at: Instant
    rejected_at: Instant


class VisitsExhausted(Fact, type="visit.attempts_exhausted.v1", topic=VISITS_TOPIC):
    """No further visit will be planned under this placement."""

    borrower_id: Id
    case_id: Id
    placement_id: Id
    agency_id: Id
    attempts: int
    reason: Literal["unreachable", "refused", "moved", "no_address", "not_permitted"]
    decided_at: Instant


__all__ = [name for name in dir() if name[0].isupper()]
