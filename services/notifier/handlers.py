"""Each fact and the decision it calls for; and each command of the edge. No business branch stands here."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

from schemas.bank import (
    BorrowerRecorded,
    LoanChargedOff,
    LoanClosed,
    LoanCured,
    LoanDueSoon,
    LoanOverdue,
    LoanPaused,
    LoanPaymentReceived,
    LoanPaymentReversed,
    LoanRestructured,
    LoanResumed,
)
from schemas.cases import (
    CaseClosed,
    CaseOpened,
    CaseReopened,
    CaseSegmented,
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
    PlacementEnded,
    PlacementRecalled,
)
from schemas.envelope import Fact
from schemas.visits import (
    VisitAborted,
    VisitArrived,
    VisitCancelled,
    VisitCompleted,
    VisitNoContact,
    VisitPermitRequested,
    VisitRefused,
)
from services.kit.service import Context, Handler, Reaction, Refused, Unfit
from services.notifier.domain import agreed, flow, loans, person, settling, visits
from services.notifier.domain.moment import NeverPossible, NotPossible, Policy
from services.notifier.domain.moment import Reaction as Decided
from services.notifier.domain.state import Borrower
from services.rulebook.question import Hold
from services.rulebook.word import said_at

Here: TypeAlias = Context[Policy]
Act: TypeAlias = Callable[[Borrower, Here], Reaction[Borrower]]
"""A command on one borrower's state, as the kit runs it."""


def command(decision: Callable[..., Decided], *given: object) -> Act:
    """A command of the domain with all but state and context given. What the domain finds not possible is refused."""

    def act(state: Borrower, context: Here) -> Reaction[Borrower]:
        try:
            return decision(state, *given, context)
        except NeverPossible as error:
            raise Unfit(str(error)) from None
        except NotPossible as error:
            raise Refused(str(error)) from None

    return act


def tick(state: Borrower, context: Here) -> Reaction[Borrower]:
    """Time has passed: what is due is done."""
    return flow.onward(state, context)


def next_at(state: Borrower) -> datetime | None:
    """When `tick` is to look again, as the last decision derived it."""
    return state.wake_at


# -- loans ------------------------------------------------------------------------------------------------------------


def said(context: Here) -> datetime:
    """When core banking said a fact."""
    return said_at(context.happened, context.recorded)


def on_loan_due_soon(state: Borrower, fact: LoanDueSoon, context: Here) -> Reaction[Borrower]:
    """An instalment falls due."""
    return flow.follow(state, loans.due_soon(state, fact), context)


def on_loan_overdue(state: Borrower, fact: LoanOverdue, context: Here) -> Reaction[Borrower]:
    """A loan is past due; said daily it says nothing new."""
    return flow.follow(state, loans.overdue(state, fact, said(context)), context)


def on_payment(state: Borrower, fact: LoanPaymentReceived | LoanPaymentReversed, context: Here) -> Reaction[Borrower]:
    """Money came, or was taken back."""
    return flow.follow(state, loans.paid(state, fact, said(context)), context)


def on_loan_cured(state: Borrower, fact: LoanCured | LoanRestructured, context: Here) -> Reaction[Borrower]:
    """Nothing is past due on a loan; a new schedule begins so too."""
    after = loans.ended(state, fact.loan_id, "clear", fact.business_date, said(context))
    return flow.follow(state, after, context)


def on_loan_closed(state: Borrower, fact: LoanClosed, context: Here) -> Reaction[Borrower]:
    """A loan has ended."""
    return flow.follow(state, loans.ended(state, fact.loan_id, "closed", fact.business_date, said(context)), context)


def on_loan_charged_off(state: Borrower, fact: LoanChargedOff, context: Here) -> Reaction[Borrower]:
    """A loan was written off: its ladder is over."""
    after = loans.ended(state, fact.loan_id, "charged_off", fact.business_date, said(context))
    return flow.follow(state, after, context)


def on_loan_paused(state: Borrower, fact: LoanPaused, context: Here) -> Reaction[Borrower]:
    """Collection of a loan rests."""
    return flow.follow(state, loans.paused(state, fact), context)


def on_loan_resumed(state: Borrower, fact: LoanResumed, context: Here) -> Reaction[Borrower]:
    """A pause is over."""
    return flow.follow(state, loans.resumed(state, fact), context)


def on_loan_repaired(state: Borrower, fact: LoanRepaired, context: Here) -> Reaction[Borrower]:
    """A fact about a loan was lost; a snapshot shows how the loan stands."""
    return flow.follow(state, loans.repaired(state, fact, context.recorded), context)


def on_borrower_recorded(state: Borrower, fact: BorrowerRecorded, context: Here) -> Reaction[Borrower]:
    """All that is known of the borrower."""
    return person.recorded(state, fact, context)


# -- the case ---------------------------------------------------------------------------------------------------------


def on_case_opened(state: Borrower, fact: CaseOpened, context: Here) -> Reaction[Borrower]:
    """Assignment has a case."""
    return person.case_opened(agreed.forgotten(state), fact.case_id, fact.segment, fact.arm, context)


def on_case_reopened(state: Borrower, fact: CaseReopened, context: Here) -> Reaction[Borrower]:
    """A case goes on, in the segment and arm that it had."""
    return person.case_opened(state, fact.case_id, "", "", context)


def on_case_segmented(state: Borrower, fact: CaseSegmented, context: Here) -> Reaction[Borrower]:
    """The case moved to another segment."""
    return person.segmented(state, fact.segment, context)


def on_case_closed(state: Borrower, fact: CaseClosed, context: Here) -> Reaction[Borrower]:
    """The case is over."""
    return person.case_closed(state, fact.case_id, fact.outcome, context)


def on_placement_activated(state: Borrower, fact: PlacementActivated, context: Here) -> Reaction[Borrower]:
    """An agency works the case."""
    return person.placed(state, fact.placement_id, fact.agency_id, context)


def on_placement_over(state: Borrower, fact: PlacementRecalled | PlacementEnded, context: Here) -> Reaction[Borrower]:
    """The case is back."""
    return person.recalled(state, fact.placement_id, context)


def on_hold_placed(state: Borrower, fact: HoldPlaced, context: Here) -> Reaction[Borrower]:
    """Collection rests."""
    return person.held(state, Hold(fact.hold_id, fact.reason, fact.placed_at, fact.until), context)


def on_hold_released(state: Borrower, fact: HoldReleased, context: Here) -> Reaction[Borrower]:
    """The reason to rest is gone."""
    return person.released(state, fact.hold_id, fact.reason, fact.released_at, context)


def on_dispute_resolved(state: Borrower, fact: DisputeResolved, context: Here) -> Reaction[Borrower]:
    """A dispute is answered; one that was upheld keeps its hold."""
    after = agreed.dispute_answered(state, fact)
    return person.dispute_resolved(after, fact.dispute_id, fact.resolved_at, context, upheld=fact.upheld)


def on_hardship_granted(state: Borrower, fact: HardshipGranted, context: Here) -> Reaction[Borrower]:
    """Relief is given, perhaps until a day."""
    return person.kept_until(agreed.hardship_answered(state, fact), "hardship", fact.until, context)


def on_hardship_rejected(state: Borrower, fact: HardshipRejected, context: Here) -> Reaction[Borrower]:
    """Relief is not given."""
    return person.released(
        agreed.hardship_answered(state, fact), fact.hardship_id, "hardship", fact.rejected_at, context
    )


def on_complaint_received(state: Borrower, fact: ComplaintReceived, context: Here) -> Reaction[Borrower]:
    """A complaint stops contact until it is decided."""
    return person.held(state, Hold(fact.complaint_id, "complaint", fact.received_at), context)


def on_complaint_decided(
    state: Borrower, fact: ComplaintUpheld | ComplaintRejected, context: Here
) -> Reaction[Borrower]:
    """A complaint is decided."""
    return person.released(state, fact.complaint_id, "complaint", fact.decided_at, context)


# -- visits -----------------------------------------------------------------------------------------------------------


def on_permit_requested(state: Borrower, fact: VisitPermitRequested, context: Here) -> Reaction[Borrower]:
    """A visit asks the gate."""
    return visits.permit(state, fact, context)


def on_visit_arrived(state: Borrower, fact: VisitArrived | VisitNoContact, context: Here) -> Reaction[Borrower]:
    """A visit is being made, or was."""
    return settling.made(state, fact.visit_id, fact.arrived_at, context)


def on_visit_result(state: Borrower, fact: VisitCompleted | VisitRefused, context: Here) -> Reaction[Borrower]:
    """A visit is over; what was said at the door may stop the case."""
    return visits.result(state, fact.visit_id, fact.arrived_at, fact.result, context)


def on_visit_cancelled(state: Borrower, fact: VisitCancelled, context: Here) -> Reaction[Borrower]:
    """A visit does not take place."""
    return person.not_made(state, fact.visit_id, fact.reason, context)


def on_visit_aborted(state: Borrower, fact: VisitAborted, context: Here) -> Reaction[Borrower]:
    """A visit was broken off; where the team had not begun, it was not made."""
    return person.not_made(state, fact.visit_id, "aborted", context)


HANDLERS: Mapping[type[Fact], Handler[Borrower, Policy]] = {
    LoanDueSoon: on_loan_due_soon,
    LoanOverdue: on_loan_overdue,
    LoanPaymentReceived: on_payment,
    LoanPaymentReversed: on_payment,
    LoanCured: on_loan_cured,
    LoanRestructured: on_loan_cured,
    LoanClosed: on_loan_closed,
    LoanChargedOff: on_loan_charged_off,
    LoanPaused: on_loan_paused,
    LoanResumed: on_loan_resumed,
    BorrowerRecorded: on_borrower_recorded,
    LoanRepaired: on_loan_repaired,
    CaseOpened: on_case_opened,
    CaseReopened: on_case_reopened,
    CaseSegmented: on_case_segmented,
    CaseClosed: on_case_closed,
    PlacementActivated: on_placement_activated,
    PlacementRecalled: on_placement_over,
    PlacementEnded: on_placement_over,
    HoldPlaced: on_hold_placed,
    HoldReleased: on_hold_released,
    DisputeResolved: on_dispute_resolved,
    HardshipGranted: on_hardship_granted,
    HardshipRejected: on_hardship_rejected,
    ComplaintReceived: on_complaint_received,
    ComplaintUpheld: on_complaint_decided,
    ComplaintRejected: on_complaint_decided,
    VisitPermitRequested: on_permit_requested,
    VisitArrived: on_visit_arrived,
    VisitNoContact: on_visit_arrived,
    VisitCompleted: on_visit_result,
    VisitRefused: on_visit_result,
    VisitCancelled: on_visit_cancelled,
    VisitAborted: on_visit_aborted,
}
