"""Each fact and the decision it calls for. No business branch stands here."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from schemas.agencies import DataDeletionAttested, PlacementAccepted, PlacementDeclined, PlacementReturned
from schemas.bank import (
    BorrowerRecorded,
    BorrowerSnapshot,
    LoanChargedOff,
    LoanClosed,
    LoanCured,
    LoanOverdue,
    LoanPaused,
    LoanPaymentReceived,
    LoanPaymentReversed,
    LoanRestructured,
    LoanResumed,
    LoanSnapshot,
)
from schemas.changing import replace
from schemas.contacts import (
    ConsentGiven,
    ConsentWithdrawn,
    ContactStopRequested,
    DisputeRaised,
    HardshipDeclared,
    NoticeAnswered,
    NoticeDelivered,
    NoticeUnanswered,
)
from schemas.envelope import Fact
from schemas.visits import VisitCompleted, VisitDispatched, VisitNoContact, VisitRefused, VisitsExhausted
from services.assignment.domain import (
    books,
    borrowers,
    field,
    loans,
    matters,
    money,
    placements,
    registry,
    snapshots,
    versions,
)
from services.assignment.domain.field import Result
from services.assignment.domain.moment import Moment, Reference, end_of
from services.assignment.domain.money import Money
from services.assignment.domain.onward import reacting
from services.assignment.domain.onward import tick as due
from services.assignment.domain.state import Shown, Snapshot, State
from services.assignment.domain.steps import Step, step
from services.kit.service import Context, Handler, Reaction
from services.rulebook.word import day_at, said_at

Here: TypeAlias = Context[Reference]


def moment(context: Here) -> Moment:
    """The kit's context as the domain knows it."""
    known = context.reference
    return Moment(
        context.now,
        said_at(context.happened, context.recorded),
        context.recorded,
        context.known_as_of,
        context.cause,
        known.strategy,
        known.panel,
        known.paused,
        known.rulebooks,
        known.retell,
    )


def _react(state: State, context: Here, *steps: Step) -> Reaction[State]:
    return reacting(state, moment(context), *steps)


def on_loan_overdue(state: State, fact: LoanOverdue, context: Here) -> Reaction[State]:
    """A loan is past due: the case is opened, joined, or as it was."""
    at = moment(context)
    return reacting(
        state,
        at,
        step(versions.counted, fact.loan_id, fact.loan_version, at),
        lambda known: (loans.overdue(known, fact, at.happened), ()),
    )


def _money(fact: LoanPaymentReceived | LoanPaymentReversed, happened: datetime, reason: str = "") -> Money:
    return Money(
        fact.payment_id,
        fact.loan_id,
        fact.currency,
        fact.amount,
        fact.value_date,
        fact.arrears_after,
        fact.days_past_due_after,
        happened,
        fact.loan_version,
        reason,
    )


def on_payment_received(state: State, fact: LoanPaymentReceived, context: Here) -> Reaction[State]:
    """Money came in."""
    at = moment(context)
    counting = step(versions.counted, fact.loan_id, fact.loan_version, at)
    return _react(state, context, counting, step(money.received, _money(fact, at.happened), at))


def on_payment_reversed(state: State, fact: LoanPaymentReversed, context: Here) -> Reaction[State]:
    """Money was taken back."""
    at = moment(context)
    counting = step(versions.counted, fact.loan_id, fact.loan_version, at)
    return _react(state, context, counting, step(money.taken_back, _money(fact, at.happened, fact.reason), at))


def on_loan_cured(state: State, fact: LoanCured, context: Here) -> Reaction[State]:
    """Nothing is past due on the loan."""
    return _react(state, context, step(books.cured, fact.loan_id, fact.business_date, moment(context)))


def on_loan_restructured(state: State, fact: LoanRestructured, context: Here) -> Reaction[State]:
    """Under its new schedule nothing is past due on the loan."""
    return _react(state, context, step(books.cured, fact.loan_id, fact.business_date, moment(context)))


def on_loan_closed(state: State, fact: LoanClosed, context: Here) -> Reaction[State]:
    """The loan has ended."""
    return _react(state, context, step(books.closed, fact, moment(context)))


def on_loan_charged_off(state: State, fact: LoanChargedOff, context: Here) -> Reaction[State]:
    """The loan was written off."""
    return _react(state, context, step(books.charged_off, fact, moment(context)))


def on_loan_paused(state: State, fact: LoanPaused, context: Here) -> Reaction[State]:
    """Collection of the loan rests."""
    until = end_of(fact.until_date, 0, state.time_zone) if fact.until_date else None
    return _react(
        state, context, lambda known: (loans.paused(known, fact.loan_id, until, moment(context).happened), ())
    )


def on_loan_resumed(state: State, fact: LoanResumed, context: Here) -> Reaction[State]:
    """The pause is over."""
    return _react(state, context, lambda known: (loans.resumed(known, fact.loan_id, moment(context).happened), ()))


def on_borrower_recorded(state: State, fact: BorrowerRecorded, context: Here) -> Reaction[State]:
    """Who the borrower is, whole."""
    return _react(state, context, step(borrowers.recorded, fact, moment(context)))


def on_borrower_snapshot(state: State, fact: BorrowerSnapshot, context: Here) -> Reaction[State]:
    """All loans as core banking holds them."""
    return _react(state, context, step(snapshots.shown, snapshot_of(fact, context), moment(context)))


def snapshot_of(fact: BorrowerSnapshot, context: Here) -> Snapshot:
    """The snapshot as the state keeps it until all that came before it is known; no later than the broker took it."""
    loans = tuple(_shown(loan) for loan in fact.loans)
    taken_at = said_at(context.happened, context.recorded)
    return Snapshot(day_at(fact.business_date, taken_at), taken_at, context.recorded, context.now, loans)


def _shown(loan: LoanSnapshot) -> Shown:
    left = loan.arrears
    return Shown(
        loan.loan_id,
        loan.status,
        left.principal,
        left.interest,
        left.fees,
        loan.outstanding_principal,
        loan.days_past_due,
        loan.loan_version,
    )


def on_notice_delivered(state: State, fact: NoticeDelivered, context: Here) -> Reaction[State]:
    """A notice reached the borrower."""
    return _react(state, context, step(borrowers.notice_delivered, fact, moment(context)))


def on_notice_answered(state: State, fact: NoticeAnswered, context: Here) -> Reaction[State]:
    """The borrower answered."""
    return _react(state, context, step(borrowers.answered, fact, moment(context)))


def on_notice_unanswered(state: State, fact: NoticeUnanswered, context: Here) -> Reaction[State]:
    """The borrower was told, provably, and stayed silent."""
    return _react(state, context, step(borrowers.unanswered, fact, moment(context)))


def on_dispute_raised(state: State, fact: DisputeRaised, context: Here) -> Reaction[State]:
    """The debt is disputed."""
    return _react(state, context, step(matters.dispute, fact, moment(context)))


def on_hardship_declared(state: State, fact: HardshipDeclared, context: Here) -> Reaction[State]:
    """The borrower cannot pay."""
    return _react(state, context, step(matters.hardship, fact, moment(context)))


def on_contact_stop_requested(state: State, fact: ContactStopRequested, context: Here) -> Reaction[State]:
    """The borrower wants no contact."""
    return _react(state, context, step(borrowers.stop_requested, fact, moment(context)))


def on_consent_given(state: State, fact: ConsentGiven, context: Here) -> Reaction[State]:
    """The borrower allows something; being contacted again, perhaps."""
    return _react(state, context, step(borrowers.consent_given, fact, moment(context)))


def on_consent_withdrawn(state: State, fact: ConsentWithdrawn, context: Here) -> Reaction[State]:
    """The borrower takes a consent back."""
    return _react(state, context, step(borrowers.consent_withdrawn, fact, moment(context)))


def on_placement_accepted(state: State, fact: PlacementAccepted, context: Here) -> Reaction[State]:
    """An agency takes the case."""
    return _react(state, context, step(placements.accept, fact.placement_id, fact.agency_id, moment(context)))


def on_placement_declined(state: State, fact: PlacementDeclined, context: Here) -> Reaction[State]:
    """An agency does not take the case."""
    at = moment(context)
    return _react(state, context, step(placements.decline, fact.placement_id, fact.agency_id, fact.reason, at))


def on_placement_returned(state: State, fact: PlacementReturned, context: Here) -> Reaction[State]:
    """An agency gives the case back."""
    at = moment(context)
    return _react(state, context, step(placements.give_back, fact.placement_id, fact.agency_id, fact.reason, at))


def on_data_deletion_attested(state: State, fact: DataDeletionAttested, context: Here) -> Reaction[State]:
    """An agency attests that the data are gone."""
    at = moment(context)
    return _react(state, context, step(placements.attest, fact.placement_id, fact.agency_id, fact.attested_at, at))


def on_visit_dispatched(state: State, fact: VisitDispatched, context: Here) -> Reaction[State]:
    """A team is on its way."""
    return _react(state, context, step(field.dispatched, fact.placement_id, fact.agency_id, moment(context)))


def on_visit_result(
    state: State, fact: VisitCompleted | VisitNoContact | VisitRefused, context: Here
) -> Reaction[State]:
    """A visit was made."""
    told = Result(fact.visit_id, fact.placement_id, fact.agency_id, fact.result)
    return _react(state, context, step(field.reported, told, moment(context)))


def on_visits_exhausted(state: State, fact: VisitsExhausted, context: Here) -> Reaction[State]:
    """No further visit will be made."""
    return _react(state, context, step(field.exhausted, fact, moment(context)))


HANDLERS: Mapping[type[Fact], Handler[State, Reference]] = {
    LoanOverdue: on_loan_overdue,
    LoanPaymentReceived: on_payment_received,
    LoanPaymentReversed: on_payment_reversed,
    LoanCured: on_loan_cured,
    LoanRestructured: on_loan_restructured,
    LoanClosed: on_loan_closed,
    LoanChargedOff: on_loan_charged_off,
    LoanPaused: on_loan_paused,
    LoanResumed: on_loan_resumed,
    BorrowerRecorded: on_borrower_recorded,
    BorrowerSnapshot: on_borrower_snapshot,
    NoticeDelivered: on_notice_delivered,
    NoticeAnswered: on_notice_answered,
    NoticeUnanswered: on_notice_unanswered,
    DisputeRaised: on_dispute_raised,
    HardshipDeclared: on_hardship_declared,
    ContactStopRequested: on_contact_stop_requested,
    ConsentGiven: on_consent_given,
    ConsentWithdrawn: on_consent_withdrawn,
    PlacementAccepted: on_placement_accepted,
    PlacementDeclined: on_placement_declined,
    PlacementReturned: on_placement_returned,
    DataDeletionAttested: on_data_deletion_attested,
    VisitDispatched: on_visit_dispatched,
    VisitCompleted: on_visit_result,
    VisitNoContact: on_visit_result,
    VisitRefused: on_visit_result,
    VisitsExhausted: on_visits_exhausted,
}


def tick(state: State, context: Here) -> Reaction[State]:
    """Something fell due, or the panel has changed."""
    return due(state, moment(context))


def learn(reference: Reference, fact: Fact) -> Reference:
    """What was just said changes the panel for the rest of the batch."""
    panel = registry.learn(reference.panel, fact)
    return reference if panel is reference.panel else replace(reference, panel=panel)
