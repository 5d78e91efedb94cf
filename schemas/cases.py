"""What assignment says: the case, who works it, what was agreed, what was decided, and where the money went."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Fact
from schemas.topics import CASES
from schemas.values import (
    Amount,
    Arrears,
    CaseOutcome,
    Currency,
    Id,
    Instant,
    LoanStatus,
    NonNegative,
    Positive,
    Product,
    Reason,
    Text,
    Value,
)

Segment = Literal["self_cure", "standard", "high_risk", "vulnerable"]
Arm = Literal["champion", "challenger"]
CaseStage = Literal["open", "noticed", "placed", "in_field", "agreed", "refused", "unreachable", "legal"]


class CaseFact(Fact):
    """What all case facts name."""

    case_id: Id
    borrower_id: Id


class CaseOpened(CaseFact, type="case.opened.v1", topic=CASES):
    """One case for one borrower over all overdue loans. `score` is the chance of cure without contact, 0 to 1000."""

    loan_ids: tuple[Id, ...]
    products: tuple[Product, ...]
    currency: Currency
    arrears: Arrears
    days_past_due: int
    region: str
    segment: Segment
    score: int
    arm: Arm
    strategy: str
    opened_at: Instant


class CaseSegmented(CaseFact, type="case.segmented.v1", topic=CASES):
    """The case moved to another segment."""

    segment: Segment
    score: int
    reason: Text


class CaseStageChanged(CaseFact, type="case.stage_changed.v1", topic=CASES):
    """The case moved along (or back on) its path."""

    before: CaseStage
    after: CaseStage
    changed_at: Instant


class CaseClosed(CaseFact, type="case.closed.v1", topic=CASES):
    """The case has ended, by exactly one way out, from the stage it stood in."""

    outcome: CaseOutcome
    stage: CaseStage
    via: Text = ""
    opened_at: Instant
    closed_at: Instant
    paid: NonNegative
    currency: Currency
    loan_ids: tuple[Id, ...]


class CaseReopened(CaseFact, type="case.reopened.v1", topic=CASES):
    """A payment was taken back or the arrears returned: the closed case lives again."""

    cause: Text
    reopened_at: Instant
    previous_outcome: CaseOutcome


class Candidate(Value):
    """One agency as the choice saw it: excluded with the reasons, or scored with the parts of its score."""

    agency_id: Id
    eligible: bool
    excluded_by: tuple[str, ...] = ()
    score: int | None = None
    parts: dict[str, int] = Field(default_factory=dict)


class PlacementFact(CaseFact):
    """What all placement facts name."""

    placement_id: Id
    agency_id: Id


class PlacementOffered(PlacementFact, type="placement.offered.v1", topic=CASES):
    """The case is offered to an agency (or the in-house team) and how that choice came about."""

    loan_ids: tuple[Id, ...]
    currency: Currency
    arrears: Arrears
    days_past_due: int
    region: str
    mandate_id: Id
    proof_id: Id
    offered_at: Instant
    answer_by: Instant
    attempt: int
    candidates: tuple[Candidate, ...]
    reason: Text


class PlacementActivated(PlacementFact, type="placement.activated.v1", topic=CASES):
    """The agency has accepted in time: it works the case until `ends_at`, on the notice proof named."""

    loan_ids: tuple[Id, ...]
    currency: Currency
    arrears: Arrears
    days_past_due: int
    region: str
    mandate_id: Id
    proof_id: Id
    activated_at: Instant
    ends_at: Instant


class PlacementRefused(PlacementFact, type="placement.refused.v1", topic=CASES):
    """The offer ended without a placement: declined, or no answer in time."""

    reason: Text
    ended_at: Instant


class PlacementRecalled(PlacementFact, type="placement.recalled.v1", topic=CASES):
    """The lender takes the case back at once; the agency attests deletion of the data by `attest_by`."""

    reason: Text
    cause: Literal[
        "cured",
        "closed",
        "charged_off",
        "dispute",
        "hardship",
        "complaint",
        "deceased",
        "stop_request",
        "plan",
        "term_ended",
        "exhausted",
        "returned",
        "agency_suspended",
        "legal",
        "paused",
        "officer",
    ]
    recalled_at: Instant
    attest_by: Instant


class PlacementEnded(PlacementFact, type="placement.ended.v1", topic=CASES):
    """The agency has attested deletion of the case's data: nothing of the borrower is left there."""

    attested_at: Instant
    on_time: bool


class PlacementAlarmed(PlacementFact, type="placement.attestation_overdue.v1", topic=CASES):
    """The agency has not attested deletion within its time."""

    attest_by: Instant


class PromiseFact(CaseFact):
    """What all promise facts name."""

    promise_id: Id
    loan_ids: tuple[Id, ...]
    currency: Currency
    amount: Positive
    due_on: date


class PromiseMade(PromiseFact, type="promise.made.v1", topic=CASES):
    """The borrower promised to pay an amount by a day. Ladder and visits rest until grace has passed."""

    made_at: Instant
    via: Literal["notice", "visit", "officer"]
    grace_days: int
    threshold_percent: int


class PromiseKept(PromiseFact, type="promise.kept.v1", topic=CASES):
    """Payments reached the threshold within grace."""

    paid: NonNegative
    decided_at: Instant


class PromisePartlyKept(PromiseFact, type="promise.partly_kept.v1", topic=CASES):
    """Something was paid by the end of grace, below the threshold."""

    paid: NonNegative
    decided_at: Instant


class PromiseBroken(PromiseFact, type="promise.broken.v1", topic=CASES):
    """Nothing was paid by the end of grace."""

    paid: NonNegative
    decided_at: Instant


class PromiseCancelled(PromiseFact, type="promise.cancelled.v1", topic=CASES):
    """The promise lost its object (cured otherwise, closed, dispute, a plan took its place)."""

    reason: Text
    decided_at: Instant


class PromiseReopened(PromiseFact, type="promise.reopened.v1", topic=CASES):
    """A payment that had kept the promise was taken back."""

    payment_id: Id
    reopened_at: Instant


class Instalment(Value):
    """One instalment of a plan."""

    due_on: date
    amount: Positive


class PlanFact(CaseFact):
    """What all plan facts name."""

    plan_id: Id
    loan_ids: tuple[Id, ...]
    currency: Currency


class PlanProposed(PlanFact, type="plan.proposed.v1", topic=CASES):
    """Somebody proposed to pay in instalments."""

    instalments: tuple[Instalment, ...]
    via: Literal["notice", "visit", "officer"]
    proposed_at: Instant


class PlanAccepted(PlanFact, type="plan.accepted.v1", topic=CASES):
    """The lender agrees. While the plan is performed, collection rests."""

    instalments: tuple[Instalment, ...]
    accepted_at: Instant


class PlanRejected(PlanFact, type="plan.rejected.v1", topic=CASES):
    """The lender does not agree, and why."""

    reason: Text
    rejected_at: Instant


class PlanInstalmentMissed(PlanFact, type="plan.instalment_missed.v1", topic=CASES):
    """An instalment was not paid by the end of grace."""

    due_on: date
    amount: Positive
    paid: NonNegative


class PlanCompleted(PlanFact, type="plan.completed.v1", topic=CASES):
    """Every instalment was paid."""

    paid: NonNegative
    completed_at: Instant


class PlanDefaulted(PlanFact, type="plan.defaulted.v1", topic=CASES):
    """Too many instalments were missed: the plan is over, collection goes on."""

    paid: NonNegative
    defaulted_at: Instant


class PlanCancelled(PlanFact, type="plan.cancelled.v1", topic=CASES):
    """The plan lost its object."""

    paid: NonNegative
    reason: Text
    cancelled_at: Instant


HoldReason = Literal[
    "dispute",
    "hardship",
    "complaint",
    "stop_request",
    "deceased",
    "incapacitated",
    "bankrupt",
    "promise",
    "plan",
    "paused",
    "officer",
]


class HoldPlaced(CaseFact, type="hold.placed.v1", topic=CASES):
    """Collection rests for this reason, until released or `until`."""

    hold_id: Id
    reason: HoldReason
    until: Instant | None = None
    placed_at: Instant


class HoldReleased(CaseFact, type="hold.released.v1", topic=CASES):
    """The reason to rest is gone."""

    hold_id: Id
    reason: HoldReason
    why: Text
    released_at: Instant


class HardshipGranted(CaseFact, type="hardship.granted.v1", topic=CASES):
    """Relief is given."""

    hardship_id: Id
    relief: Literal["pause", "restructure", "reduced_instalments"]
    until: date | None = None
    reason: Text
    granted_at: Instant


class HardshipRejected(CaseFact, type="hardship.rejected.v1", topic=CASES):
    """Relief is not given, and why."""

    hardship_id: Id
    reason: Text
    rejected_at: Instant


class DisputeResolved(CaseFact, type="dispute.resolved.v1", topic=CASES):
    """The dispute is answered: upheld (the borrower was right) or rejected, with the reason."""

    dispute_id: Id
    upheld: bool
    reason: Text
    resolved_at: Instant


class ComplaintFact(CaseFact):
    """What all complaint facts name. `agency_id` and `visit_id` say about whom."""

    complaint_id: Id
    agency_id: Id | None = None
    visit_id: Id | None = None


class ComplaintReceived(ComplaintFact, type="complaint.received.v1", topic=CASES):
    """The borrower complains about how the debt is collected."""

    received_at: Instant
    answer_by: date
    via: Literal["notice", "visit", "officer"]


class ComplaintUpheld(ComplaintFact, type="complaint.upheld.v1", topic=CASES):
    """The complaint was right."""

    reason: Text
    decided_at: Instant


class ComplaintRejected(ComplaintFact, type="complaint.rejected.v1", topic=CASES):
    """The complaint was not right, and why."""

    reason: Text
    decided_at: Instant


class LegalFact(CaseFact):
    """What the legal decision rests on. Amounts at the time of the decision."""

    decision_id: Id
    loan_ids: tuple[Id, ...]
    currency: Currency
    arrears: Arrears
    days_past_due: int
    reasons: tuple[Reason, ...]
    limitation_expires_on: date | None = None
    decided_at: Instant


class LegalRecommended(LegalFact, type="legal.recommended.v1", topic=CASES):
    """Everything short of the court has been tried; whether to go is to be decided by `decide_by`."""

    decide_by: Instant


class LegalReferred(LegalFact, type="legal.referred.v1", topic=CASES):
    """The decision is to go to law."""


class LegalNotPursued(LegalFact, type="legal.not_pursued.v1", topic=CASES):
    """The decision is not to go to law."""


class LegalWithdrawn(CaseFact, type="legal.withdrawn.v1", topic=CASES):
    """The recommendation stands no more: the case ended otherwise, its ground fell away, or a part was paid."""

    decision_id: Id
    reason: Text
    withdrawn_at: Instant


class FeeFact(CaseFact):
    """A fee of an agency on one payment, `basis_points` of the attributed amount."""

    fee_id: Id
    placement_id: Id
    agency_id: Id
    payment_id: Id
    currency: Currency
    amount: NonNegative
    basis_points: int
    loan_id: Id | None = None


class FeeAccrued(FeeFact, type="fee.accrued.v1", topic=CASES):
    """The agency has earned a fee."""


class FeeReversed(FeeFact, type="fee.reversed.v1", topic=CASES):
    """The payment was taken back, and its fee with it (claw-back)."""


class PaymentAttributed(CaseFact, type="payment.attributed.v1", topic=CASES):
    """A payment (or, negative, its reversal) is credited to who was working the case: an agency, in-house, or nobody.

    `case_id` is "none" when no case was open. The sum over all equals payments received less reversals, to the cent.
    """

    payment_id: Id
    loan_id: Id
    currency: Currency
    amount: Amount
    attributed_to: Literal["agency", "in_house", "unattributed"]
    agency_id: Id | None = None
    placement_id: Id | None = None
    promise_id: Id | None = None
    plan_id: Id | None = None
    reason: Text
    value_date: date


class Versions(Value):
    """A run of `loan_version` numbers, both ends included."""

    first: Annotated[int, Field(ge=1)]
    last: Annotated[int, Field(ge=1)]


class GapFound(CaseFact, type="case.gap_found.v1", topic=CASES):
    """A fact of this loan came with a `loan_version` that leaves numbers out: those facts were lost, or come late."""

    loan_id: Id
    missing: Versions
    found_at: Instant


class LoanRepaired(CaseFact, type="case.repaired.v1", topic=CASES):
    """A snapshot showed a fact that had not arrived; the case now says what core banking says.

    `taken_at` is the snapshot's own time. The loan stands as the other fields say: whoever reads this follows, unless
    it knows a later fact. `missing` are the versions that never came.
    """

    loan_id: Id
    found: Text
    business_date: date
    taken_at: Instant | None = None
    status: LoanStatus | None = None
    days_past_due: Annotated[int, Field(ge=0)] | None = None
    arrears: Arrears | None = None
    currency: Currency | None = None
    loan_version: Annotated[int, Field(ge=1)] | None = None
    missing: tuple[Versions, ...] = ()


__all__ = [name for name in dir() if name[0].isupper() and name not in {"Channel"}]
