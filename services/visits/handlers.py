"""Which fact, and which command, means which decision. No branch about the business stands here."""

from collections.abc import Mapping

from schemas.agencies import VisitReported
from schemas.bank import (
    Address,
    BorrowerRecorded,
    LoanChargedOff,
    LoanClosed,
    LoanCured,
    LoanOverdue,
    LoanPaused,
    LoanPaymentReceived,
    LoanPaymentReversed,
    LoanRestructured,
    LoanResumed,
)
from schemas.cases import (
    CaseClosed,
    ComplaintReceived,
    ComplaintRejected,
    ComplaintUpheld,
    DisputeResolved,
    HardshipGranted,
    HardshipRejected,
    HoldPlaced,
    HoldReleased,
    LoanRepaired,
    PlacementActivated,
    PlacementRecalled,
    PlanAccepted,
    PlanCancelled,
    PlanCompleted,
    PlanDefaulted,
    PromiseBroken,
    PromiseCancelled,
    PromiseKept,
    PromiseMade,
    PromisePartlyKept,
)
from schemas.contacts import (
    ConsentGiven,
    ConsentWithdrawn,
    ContactAllowed,
    ContactCancelled,
    ContactDenied,
    ContactStopRequested,
    DisputeRaised,
    HardshipDeclared,
    NoticeAnswered,
)
from schemas.envelope import Fact
from schemas.values import Sealed
from services.kit.service import Context, Handler, Reaction
from services.visits.domain import life, results, stops, workplace
from services.visits.domain.panel import Panel
from services.visits.domain.state import Borrower, Consent, Place, Placement, Profile, Seal
from services.visits.domain.stops import Told

Ctx = Context[Panel]
Done = Reaction[Borrower]


def on_overdue(state: Borrower, fact: LoanOverdue, ctx: Ctx) -> Done:
    """A loan is past due, or its arrears changed."""
    return stops.overdue(state, Told(fact.loan_id, fact.arrears.total, fact.business_date, fact.loan_version), ctx)


def on_payment_received(state: Borrower, fact: LoanPaymentReceived, ctx: Ctx) -> Done:
    """Money arrived."""
    return stops.paid(state, Told(fact.loan_id, fact.arrears_after.total, version=fact.loan_version), ctx)


def on_payment_reversed(state: Borrower, fact: LoanPaymentReversed, ctx: Ctx) -> Done:
    """Money was taken back."""
    return stops.reversed_payment(state, Told(fact.loan_id, fact.arrears_after.total, version=fact.loan_version), ctx)


def on_cured(state: Borrower, fact: LoanCured | LoanRestructured, ctx: Ctx) -> Done:
    """Nothing is past due on the loan, perhaps because it has a new schedule."""
    return stops.cured(state, Told(fact.loan_id, day=fact.business_date), ctx)


def on_loan_repaired(state: Borrower, fact: LoanRepaired, ctx: Ctx) -> Done:
    """A fact about a loan was lost; a snapshot shows how the loan stands."""
    return stops.repaired(state, fact, ctx)


def on_closed(state: Borrower, fact: LoanClosed, ctx: Ctx) -> Done:
    """The loan has ended."""
    return stops.ended(state, Told(fact.loan_id, day=fact.business_date), "closed", ctx)


def on_charged_off(state: Borrower, fact: LoanChargedOff, ctx: Ctx) -> Done:
    """The loan was written off."""
    return stops.ended(state, Told(fact.loan_id, day=fact.business_date), "charged_off", ctx)


def on_paused(state: Borrower, fact: LoanPaused, ctx: Ctx) -> Done:
    """Collection of the loan rests."""
    return stops.paused(state, fact.loan_id, fact.until_date, ctx)


def on_resumed(state: Borrower, fact: LoanResumed, ctx: Ctx) -> Done:
    """Collection of the loan goes on."""
    return stops.resume_loan(state, fact.loan_id, ctx)


def on_recorded(state: Borrower, fact: BorrowerRecorded, ctx: Ctx) -> Done:
    """All that is known of the person."""
    return stops.recorded(state, profile_of(fact), ctx)


def profile_of(fact: BorrowerRecorded) -> Profile:
    """The part of the record that visits need, personal values in ciphertext."""
    places = () if isinstance(fact.addresses, Sealed) else tuple(_place(a) for a in fact.addresses)
    consents = [c for c in fact.consents if c.kind == "workplace_visit"]
    ends = [c.expires_at for c in consents]
    return Profile(
        region=fact.region,
        time_zone=fact.time_zone,
        language=fact.language,
        status=fact.status,
        vulnerable=fact.vulnerable,
        name=_seal(fact.name),
        places=places,
        workplace=bool(consents),
        workplace_until=None if None in ends else max((end for end in ends if end), default=None),
    )


def _place(address: Address) -> Place:
    return Place(
        address_id=address.address_id,
        kind=address.kind,
        source=address.source,
        text=_seal(address.text) or Seal("", "withheld"),
        latitude=_seal(address.latitude),
        longitude=_seal(address.longitude),
    )


def _seal(value: object) -> Seal | None:
    return Seal(value.sealed, value.key) if isinstance(value, Sealed) else None


def on_allowed(state: Borrower, fact: ContactAllowed, ctx: Ctx) -> Done:
    """The contact gate's permit."""
    permit = life.Permit(fact.not_before, fact.expires_at, fact.rulebook)
    return life.allowed(state, fact.contact_id, permit, ctx)


def on_denied(state: Borrower, fact: ContactDenied, ctx: Ctx) -> Done:
    """The contact gate's no."""
    return life.denied(state, fact.contact_id, fact.retry_at, ctx)


def on_contact_cancelled(state: Borrower, fact: ContactCancelled, ctx: Ctx) -> Done:
    """The permit was taken back."""
    return life.withdrawn(state, fact.contact_id, fact.reason, ctx)


def on_dispute(state: Borrower, fact: DisputeRaised, ctx: Ctx) -> Done:
    """The borrower says that the debt is wrong."""
    return stops.stop(state, fact.dispute_id, "dispute", ctx)


def on_hardship(state: Borrower, fact: HardshipDeclared, ctx: Ctx) -> Done:
    """The borrower says that they cannot pay."""
    return stops.stop(state, fact.hardship_id, "hardship", ctx)


def on_stop_requested(state: Borrower, fact: ContactStopRequested, ctx: Ctx) -> Done:
    """The borrower asks not to be contacted. Which other channels are meant is notifier's to obey."""
    if fact.channels and "visit" not in fact.channels:
        return state, ()
    return stops.stop(state, fact.request_id, "stop_request", ctx)


def on_answered(state: Borrower, fact: NoticeAnswered, ctx: Ctx) -> Done:
    """The borrower answered a notice; a complaint stops at once."""
    if fact.answer != "complaint":
        return state, ()
    return stops.stop(state, f"{stops.HEARD}{fact.answer_id}", "complaint", ctx)


def on_consent(state: Borrower, fact: ConsentGiven, ctx: Ctx) -> Done:
    """The borrower allows contact (again), or to be visited at work."""
    if fact.kind == "workplace_visit":
        return workplace.consented(state, Consent(fact.consent_id, fact.expires_at), ctx.now), ()
    if fact.kind != "channel" or fact.channel not in (None, "visit"):
        return state, ()
    return stops.release_kind(state, "stop_request", ctx)


def on_consent_withdrawn(state: Borrower, fact: ConsentWithdrawn, _ctx: Ctx) -> Done:
    """The borrower takes a consent back. A stop that it had lifted is assignment's to tell, by hold and recall."""
    return workplace.withdrawn(state, fact.consent_id), ()


def on_activated(state: Borrower, fact: PlacementActivated, ctx: Ctx) -> Done:
    """An agency works the case."""
    return stops.activated(state, placement_of(fact), ctx)


def placement_of(fact: PlacementActivated) -> Placement:
    """The entrustment as visits know it."""
    return Placement(
        placement_id=fact.placement_id,
        case_id=fact.case_id,
        agency_id=fact.agency_id,
        proof_id=fact.proof_id,
        loan_ids=fact.loan_ids,
        ends_at=fact.ends_at,
        currency=fact.currency,
    )


def on_recalled(state: Borrower, fact: PlacementRecalled, ctx: Ctx) -> Done:
    """The lender takes the case back."""
    return stops.recalled(state, fact.placement_id, fact.cause, ctx)


def on_case_closed(state: Borrower, fact: CaseClosed, ctx: Ctx) -> Done:
    """The case has ended."""
    return stops.case_closed(state, fact.case_id, fact.outcome, ctx)


def on_hold_placed(state: Borrower, fact: HoldPlaced, ctx: Ctx) -> Done:
    """Collection rests."""
    return stops.stop(state, fact.hold_id, fact.reason, ctx, fact.case_id)


def on_hold_released(state: Borrower, fact: HoldReleased, ctx: Ctx) -> Done:
    """The reason to rest is gone."""
    return stops.release_hold(state, fact.hold_id, fact.reason, ctx)


def on_promise_made(state: Borrower, fact: PromiseMade, ctx: Ctx) -> Done:
    """The borrower promised."""
    return stops.stop(state, fact.promise_id, "promise", ctx, fact.case_id)


def on_promise_over(
    state: Borrower, fact: PromiseKept | PromisePartlyKept | PromiseBroken | PromiseCancelled, ctx: Ctx
) -> Done:
    """A promise was decided."""
    return stops.release(state, ctx, fact.promise_id)


def on_plan_accepted(state: Borrower, fact: PlanAccepted, ctx: Ctx) -> Done:
    """A plan is performed."""
    return stops.stop(state, fact.plan_id, "plan", ctx, fact.case_id)


def on_plan_over(state: Borrower, fact: PlanCompleted | PlanDefaulted | PlanCancelled, ctx: Ctx) -> Done:
    """A plan has ended."""
    return stops.release(state, ctx, fact.plan_id)


def on_dispute_resolved(state: Borrower, fact: DisputeResolved, ctx: Ctx) -> Done:
    """The dispute was answered; while there is a case, one that was upheld goes on stopping until that is closed."""
    return stops.answered(state, fact.dispute_id, ctx, goes_on=not fact.upheld)


def on_hardship_rejected(state: Borrower, fact: HardshipRejected, ctx: Ctx) -> Done:
    """Relief was not given."""
    return stops.answered(state, fact.hardship_id, ctx, goes_on=True)


def on_hardship_granted(state: Borrower, fact: HardshipGranted, ctx: Ctx) -> Done:
    """Relief was given: the case is closed."""
    return stops.answered(state, fact.hardship_id, ctx, goes_on=False)


def on_complaint_received(state: Borrower, fact: ComplaintReceived, ctx: Ctx) -> Done:
    """The borrower complains."""
    return stops.complaint_received(state, fact.complaint_id, ctx, fact.case_id)


def on_complaint_decided(state: Borrower, fact: ComplaintUpheld | ComplaintRejected, ctx: Ctx) -> Done:
    """The complaint was answered."""
    return stops.release(state, ctx, fact.complaint_id)


def on_reported(state: Borrower, fact: VisitReported, ctx: Ctx) -> Done:
    """The visitors' account, from an agency's system."""
    return results.report(state, fact, ctx)


HANDLERS: Mapping[type[Fact], Handler[Borrower, Panel]] = {
    LoanOverdue: on_overdue,
    LoanPaymentReceived: on_payment_received,
    LoanPaymentReversed: on_payment_reversed,
    LoanCured: on_cured,
    LoanRestructured: on_cured,
    LoanClosed: on_closed,
    LoanChargedOff: on_charged_off,
    LoanPaused: on_paused,
    LoanResumed: on_resumed,
    LoanRepaired: on_loan_repaired,
    BorrowerRecorded: on_recorded,
    ContactAllowed: on_allowed,
    ContactDenied: on_denied,
    ContactCancelled: on_contact_cancelled,
    DisputeRaised: on_dispute,
    HardshipDeclared: on_hardship,
    ContactStopRequested: on_stop_requested,
    NoticeAnswered: on_answered,
    ConsentGiven: on_consent,
    ConsentWithdrawn: on_consent_withdrawn,
    PlacementActivated: on_activated,
    PlacementRecalled: on_recalled,
    CaseClosed: on_case_closed,
    HoldPlaced: on_hold_placed,
    HoldReleased: on_hold_released,
    PromiseMade: on_promise_made,
    PromiseKept: on_promise_over,
    PromisePartlyKept: on_promise_over,
    PromiseBroken: on_promise_over,
    PromiseCancelled: on_promise_over,
    PlanAccepted: on_plan_accepted,
    PlanCompleted: on_plan_over,
    PlanDefaulted: on_plan_over,
    PlanCancelled: on_plan_over,
    DisputeResolved: on_dispute_resolved,
    HardshipRejected: on_hardship_rejected,
    HardshipGranted: on_hardship_granted,
    ComplaintReceived: on_complaint_received,
    ComplaintUpheld: on_complaint_decided,
    ComplaintRejected: on_complaint_decided,
    VisitReported: on_reported,
}
