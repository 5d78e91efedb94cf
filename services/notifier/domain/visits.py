"""Visits ask the one ledger for a permit, as everybody does."""

from datetime import datetime

from schemas.agencies import VisitResult
from schemas.values import Reason
from schemas.visits import VisitPermitRequested
from services.notifier.domain.answers import at_the_door
from services.notifier.domain.asking import Ask, cancelled, products_of, source_of
from services.notifier.domain.contacts import NOTHING_DUE, WRONG_POINT, decided
from services.notifier.domain.moment import Moment, Reaction
from services.notifier.domain.settling import made
from services.notifier.domain.state import Borrower
from services.rulebook.question import Proposal

RECALLED = Reason(rule_id="GATE-PLACEMENT", clause="entrustment", text="the placement was recalled")


def permit(state: Borrower, fact: VisitPermitRequested, ctx: Moment) -> Reaction:
    """Decide a visit over its whole window. The same request twice is answered once; another window is decided anew."""
    known = state.contact(fact.visit_id)
    if known is not None and known.not_before == fact.window_start:
        return state, ()
    proposal = Proposal(
        contact_id=fact.visit_id,
        channel="visit",
        purpose="visit",
        at=fact.window_start,
        until=fact.window_end,
        loan_ids=fact.loan_ids,
        products=products_of(state, fact.loan_ids),
        contact_point=fact.address_id,
        contact_source=source_of(state, fact.address_id),
        proposed_by=fact.agency_id,
        place=fact.place,
        team=fact.team,
        recording=fact.recording,
        proof_id=fact.proof_id,
    )
    ask = Ask(proposal, "visit", attempt=fact.attempt, placement_id=fact.placement_id)
    free, said = (state, ()) if known is None else cancelled(state, known, "replanned", ctx)
    after, more = decided(free, ask, ctx, _forbidden(state, fact))
    return after, (*said, *more)


def result(state: Borrower, visit_id: str, at: datetime, found: VisitResult, ctx: Moment) -> Reaction:
    """A visit is over: it counts at the instant at which it was made, and what was said at the door is heard."""
    after, said = made(state, visit_id, at, ctx)
    heard, more = at_the_door(after, found, visit_id, ctx)
    return heard, (*said, *more)


def _forbidden(state: Borrower, fact: VisitPermitRequested) -> tuple[Reason, ...]:
    """What the case itself forbids: a placement that is over, a loan of which nothing is past due, a wrong address."""
    overdue = {loan.loan_id for loan in state.overdue}
    due = bool(fact.loan_ids) and set(fact.loan_ids) <= overdue
    recalled, wrong = fact.placement_id in state.recalled, fact.address_id in state.wrong_points
    return tuple(
        reason for applies, reason in ((recalled, RECALLED), (not due, NOTHING_DUE), (wrong, WRONG_POINT)) if applies
    )
