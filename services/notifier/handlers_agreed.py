"""What assignment agrees with the borrower, and the decision it calls for: to remember it for their page."""

from collections.abc import Mapping

from schemas.cases import (
    PlanAccepted,
    PlanCancelled,
    PlanCompleted,
    PlanDefaulted,
    PlanRejected,
    PromiseBroken,
    PromiseCancelled,
    PromiseKept,
    PromiseMade,
    PromisePartlyKept,
    PromiseReopened,
)
from schemas.envelope import Fact
from services.kit.service import Context, Handler, Reaction
from services.notifier.domain import Policy, agreed
from services.notifier.domain.state import Borrower


def on_promise(state: Borrower, fact: PromiseMade | PromiseReopened, _context: Context[Policy]) -> Reaction[Borrower]:
    """A promise stands."""
    return agreed.promised(state, fact), ()


def on_promise_over(
    state: Borrower,
    fact: PromiseKept | PromisePartlyKept | PromiseBroken | PromiseCancelled,
    _context: Context[Policy],
) -> Reaction[Borrower]:
    """A promise is decided."""
    return agreed.promise_over(state, fact), ()


def on_plan_accepted(state: Borrower, fact: PlanAccepted, _context: Context[Policy]) -> Reaction[Borrower]:
    """A plan is agreed."""
    return agreed.planned(state, fact), ()


def on_plan_rejected(state: Borrower, fact: PlanRejected, _context: Context[Policy]) -> Reaction[Borrower]:
    """No plan is agreed."""
    return agreed.plan_refused(state, fact), ()


def on_plan_over(
    state: Borrower, fact: PlanCompleted | PlanDefaulted | PlanCancelled, _context: Context[Policy]
) -> Reaction[Borrower]:
    """A plan has ended."""
    return agreed.plan_over(state, fact), ()


HANDLERS: Mapping[type[Fact], Handler[Borrower, Policy]] = {
    PromiseMade: on_promise,
    PromiseReopened: on_promise,
    PromiseKept: on_promise_over,
    PromisePartlyKept: on_promise_over,
    PromiseBroken: on_promise_over,
    PromiseCancelled: on_promise_over,
    PlanAccepted: on_plan_accepted,
    PlanRejected: on_plan_rejected,
    PlanCompleted: on_plan_over,
    PlanDefaulted: on_plan_over,
    PlanCancelled: on_plan_over,
}
