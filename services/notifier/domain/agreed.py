"""What was agreed with the borrower and what they were answered: kept to be shown to them, it decides nothing here."""

from schemas.cases import (
    DisputeResolved,
    HardshipGranted,
    HardshipRejected,
    PlanAccepted,
    PlanFact,
    PlanRejected,
    PromiseFact,
)
from schemas.changing import replace
from services.notifier.domain.state import Borrower, Planned, Promised, Result


def promised(state: Borrower, fact: PromiseFact) -> Borrower:
    """A promise stands, with its day and amount."""
    promise = Promised(fact.promise_id, fact.due_on, fact.amount, fact.currency)
    return replace(state, promises=(*_others(state, fact.promise_id), promise))


def promise_over(state: Borrower, fact: PromiseFact) -> Borrower:
    """A promise is kept, broken or without object."""
    return replace(state, promises=_others(state, fact.promise_id))


def _others(state: Borrower, promise_id: str) -> tuple[Promised, ...]:
    return tuple(known for known in state.promises if known.promise_id != promise_id)


def planned(state: Borrower, fact: PlanAccepted) -> Borrower:
    """A plan was accepted, with the days and amounts of its instalments."""
    parts = tuple((part.due_on, part.amount) for part in fact.instalments)
    return replace(state, plan=Planned(fact.plan_id, fact.currency, parts))


def plan_refused(state: Borrower, fact: PlanRejected) -> Borrower:
    """A plan was refused, with the reason. It takes the place of no plan that is being performed."""
    if state.plan is not None and state.plan.parts:
        return state
    return replace(state, plan=Planned(fact.plan_id, fact.currency, refused=fact.reason))


def plan_over(state: Borrower, fact: PlanFact) -> Borrower:
    """A plan is completed, defaulted or without object."""
    over = state.plan is not None and state.plan.plan_id == fact.plan_id
    return replace(state, plan=None) if over else state


def dispute_answered(state: Borrower, fact: DisputeResolved) -> Borrower:
    """The answer to a dispute; the last one that was raised counts, each has its own answer."""
    if fact.dispute_id != f"D-{state.borrower_id}-{state.disputes}":
        return state
    return state.with_result(Result("dispute", fact.upheld, fact.reason))


def hardship_answered(state: Borrower, fact: HardshipGranted | HardshipRejected) -> Borrower:
    """The answer to a declaration of hardship; the last one counts, each has its own answer."""
    if fact.hardship_id != f"HD-{state.borrower_id}-{state.hardships}":
        return state
    if isinstance(fact, HardshipRejected):
        return state.with_result(Result("hardship", False, fact.reason))
    return state.with_result(Result("hardship", True, fact.reason, fact.relief, fact.until))


def forgotten(state: Borrower) -> Borrower:
    """Another case begins: what was answered in an earlier one is over."""
    plan = state.plan if state.plan is not None and state.plan.parts else None
    return replace(state, results=(), plan=plan)
