"""How decisions are chained, and what is read off and written into a state by all of them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Concatenate, ParamSpec, TypeAlias

from schemas.changing import replace
from schemas.envelope import Fact
from schemas.values import Arrears
from services.assignment.domain.book import EXACT, booked
from services.assignment.domain.state import ZERO, Loan, State

SEEN_KEPT = 32
"""Answers and visit results remembered, so that the same one heard twice counts once."""

Said: TypeAlias = tuple[State, tuple[Fact, ...]]
Step: TypeAlias = Callable[[State], Said]
P = ParamSpec("P")


def run(state: State, *steps: Step) -> Said:
    """One step after the other, each on what the one before left; says all that they say, in order."""
    said: list[Fact] = []
    for step in steps:
        state, facts = step(state)
        said += facts
    return state, tuple(said)


def step(function: Callable[Concatenate[State, P], Said], /, *args: P.args, **kwargs: P.kwargs) -> Step:
    """A decision with all its arguments but the state."""
    return lambda state: function(state, *args, **kwargs)


def numbered(state: State, prefix: str) -> tuple[State, str]:
    """The next id of a noun of this borrower, like `PR-b7-2`."""
    number = state.counters.get(prefix, 0) + 1
    return replace(state, counters={**state.counters, prefix: number}), f"{prefix}-{state.borrower_id}-{number}"


def heard(state: State, what: str) -> bool:
    """True when this answer or result was heard before."""
    return what in state.seen


def remember(state: State, what: str) -> State:
    """Keep that this answer or result was heard."""
    return replace(state, seen=(*state.seen, what)[-SEEN_KEPT:])


def loan_of(state: State, loan_id: str) -> Loan | None:
    """What is known of a loan."""
    return next((loan for loan in state.loans if loan.loan_id == loan_id), None)


def with_loan(state: State, loan: Loan) -> State:
    """The same with this loan in place of what was known of it."""
    others = tuple(known for known in state.loans if known.loan_id != loan.loan_id)
    return replace(state, loans=tuple(sorted((*others, loan), key=lambda known: known.loan_id)))


def due_loans(state: State) -> tuple[Loan, ...]:
    """The loans that are to be collected, paused ones included."""
    return tuple(loan for loan in state.loans if loan.due)


def case_loans(state: State) -> tuple[Loan, ...]:
    """The due loans in the currency of the case: what its amounts sum."""
    return tuple(loan for loan in due_loans(state) if state.case is None or loan.currency == state.case.currency)


def arrears_of(loans: Sequence[Loan]) -> Arrears:
    """What is past due over some loans of one currency, by component."""
    return Arrears(
        principal=sum((loan.principal for loan in loans), ZERO),
        interest=sum((loan.interest for loan in loans), ZERO),
        fees=sum((loan.fees for loan in loans), ZERO),
    )


def days_past_due(loans: Sequence[Loan]) -> int:
    """Of the oldest: the borrower's days past due."""
    return max((loan.days_past_due for loan in loans), default=0)


def prune(state: State, now: datetime) -> State:
    """Forget what can no longer matter, so that the document stays small."""
    state = booked(state, now)
    last = state.last if state.last and state.last.closed_at > now - EXACT else None
    shared = {share.to for payment in state.payments for share in payment.shares}
    promises = tuple(p for p in state.promises if p.state == "active" or (p.state == "kept" and p.promise_id in shared))
    tail = state.tail if state.tail and state.tail.until > now else None
    named = {*(state.case.loan_ids if state.case else ()), *(last.case.loan_ids if last else ())}
    loans = tuple(loan for loan in state.loans if _matters(loan) or loan.loan_id in named)
    return replace(state, last=last, promises=promises, tail=tail, loans=loans)


def _matters(loan: Loan) -> bool:
    return loan.status != "closed" and (loan.arrears > 0 or loan.status == "paused" or loan.settled is not None)
