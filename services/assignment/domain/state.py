"""What assignment knows of one borrower: open things and short windows, never history.

Every field after the ids has a default, so that older documents still read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Concatenate, Literal, ParamSpec, TypeAlias

from schemas.cases import Arm, CaseStage, HoldReason, Segment
from schemas.envelope import Fact
from schemas.values import Arrears, BorrowerStatus, CaseOutcome, Product
from services.assignment.domain.moves import PlacementState, PlanState, PromiseState

ZERO = Decimal("0.00")
NO_CASE = "none"
"""Stands for the case in facts that belong to none (agreed in `PaymentAttributed`)."""

MONEY_WINDOW = timedelta(days=90)
"""How long a payment, and the case it closed, can be taken back exactly; a later reversal is unattributed."""

PAYMENTS_KEPT = 100
"""Payments remembered at most, whatever their age."""

SEEN_KEPT = 32
"""Answers and visit results remembered, so that the same one heard twice counts once."""

Via = Literal["notice", "visit", "officer"]
Party = Literal["agency", "in_house", "unattributed"]


@dataclass(frozen=True, slots=True)
class Settled:
    """The loan's default was dealt with otherwise than by money; only a later default makes a case again."""

    outcome: CaseOutcome
    on: date
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Loan:
    """One loan as core banking last told it."""

    loan_id: str
    product: Product = "consumer_loan"
    currency: str = "CNY"
    region: str = ""
    principal: Decimal = ZERO
    interest: Decimal = ZERO
    fees: Decimal = ZERO
    outstanding: Decimal = ZERO
    days_past_due: int = 0
    oldest_due: date | None = None
    as_of: date | None = None
    version: int = 0
    status: Literal["open", "paused", "charged_off", "closed"] = "open"
    paused_until: datetime | None = None
    demanded_on: date | None = None
    settled: Settled | None = None

    @property
    def arrears(self) -> Decimal:
        """All that is past due, in the loan's currency."""
        return self.principal + self.interest + self.fees

    @property
    def due(self) -> bool:
        """True while something of this loan is to be collected, paused or not."""
        return self.arrears > 0 and self.status in {"open", "paused"} and self.settled is None


@dataclass(frozen=True, slots=True)
class Placement:
    """The case at an agency or the in-house team: offered, active, or on its way back."""

    placement_id: str
    agency_id: str
    case_id: str = NO_CASE
    in_house: bool = False
    state: PlacementState = "offered"
    mandate_id: str = NO_CASE
    basis_points: int = 0
    proof_id: str = ""
    answer_by: datetime | None = None
    ends_at: datetime | None = None
    attest_by: datetime | None = None
    alarmed: bool = False


@dataclass(frozen=True, slots=True)
class Tail:
    """A placement that a cure has just ended: money of the next days is still its merit."""

    placement: Placement
    until: datetime


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise to pay; `decide_at` is the end of its last day of grace in the borrower's own time."""

    promise_id: str
    case_id: str
    currency: str
    amount: Decimal
    due_on: date
    decide_at: datetime
    threshold_percent: int = 100
    loan_ids: tuple[str, ...] = ()
    paid: Decimal = ZERO
    state: PromiseState = "active"
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One instalment of a plan; `decide_at` is the end of its grace."""

    due_on: date
    amount: Decimal
    decide_at: datetime
    paid: Decimal = ZERO
    missed: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """An accepted plan."""

    plan_id: str
    case_id: str
    currency: str
    loan_ids: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    state: PlanState = "accepted"

    @property
    def paid(self) -> Decimal:
        """What was paid into all instalments."""
        return sum((part.paid for part in self.parts), ZERO)


@dataclass(frozen=True, slots=True)
class Hold:
    """A reason to rest. `about` is the id of the promise, plan, dispute ... that it stands for."""

    hold_id: str
    reason: HoldReason
    case_id: str = NO_CASE
    about: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Matter:
    """A dispute, a hardship or a complaint under review until `review_at`."""

    matter_id: str
    case_id: str
    review_at: datetime
    ground: str = ""
    agency_id: str = ""
    visit_id: str = ""


@dataclass(frozen=True, slots=True)
class Legal:
    """A recommendation to go to law, to be decided by `decide_by`."""

    decision_id: str
    decide_by: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One case for one borrower over all overdue loans."""

    case_id: str
    opened_at: datetime
    loan_ids: tuple[str, ...] = ()
    currency: str = "CNY"
    region: str = ""
    stage: CaseStage = "open"
    segment: Segment = "standard"
    score: int = 0
    arm: Arm = "champion"
    strategy: str = ""
    paid: Decimal = ZERO
    proof_id: str = ""
    tried: tuple[str, ...] = ()
    offers: int = 0
    placed: int = 0
    seek_at: datetime | None = None
    broken: int = 0
    legal: Legal | None = None


@dataclass(frozen=True, slots=True)
class ClosedCase:
    """The last case that ended: what a reversal needs to open it again."""

    case: Case
    outcome: CaseOutcome
    closed_at: datetime


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a payment that counts for one promise or for the instalment of a plan."""

    to: str
    amount: Decimal
    instalment: int = -1


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as it was attributed, for as long as it can be taken back exactly."""

    payment_id: str
    loan_id: str
    currency: str
    amount: Decimal
    value_date: date
    at: datetime
    party: Party = "unattributed"
    case_id: str = NO_CASE
    placement_id: str = ""
    agency_id: str = ""
    basis_points: int = 0
    fee: Decimal = ZERO
    shares: tuple[Share, ...] = ()
    reason: str = ""
    taken_back: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """All that assignment knows of one borrower."""

    borrower_id: str
    region: str = ""
    time_zone: str = "Asia/Shanghai"
    vulnerable: bool = False
    status: BorrowerStatus = "active"
    stop_requested: bool = False
    counters: dict[str, int] = field(default_factory=dict)
    loans: tuple[Loan, ...] = ()
    case: Case | None = None
    last: ClosedCase | None = None
    placement: Placement | None = None
    leaving: tuple[Placement, ...] = ()
    tail: Tail | None = None
    promises: tuple[Promise, ...] = ()
    plan: Plan | None = None
    holds: tuple[Hold, ...] = ()
    dispute: Matter | None = None
    hardship: Matter | None = None
    complaints: tuple[Matter, ...] = ()
    payments: tuple[Payment, ...] = ()
    seen: tuple[str, ...] = ()


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
    payments = tuple(p for p in state.payments if p.at > now - MONEY_WINDOW)[-PAYMENTS_KEPT:]
    last = state.last if state.last and state.last.closed_at > now - MONEY_WINDOW else None
    shared = {share.to for payment in payments for share in payment.shares}
    promises = tuple(p for p in state.promises if p.state == "active" or (p.state == "kept" and p.promise_id in shared))
    tail = state.tail if state.tail and state.tail.until > now else None
    named = {*(state.case.loan_ids if state.case else ()), *(last.case.loan_ids if last else ())}
    loans = tuple(loan for loan in state.loans if _matters(loan) or loan.loan_id in named)
    return replace(state, payments=payments, last=last, promises=promises, tail=tail, loans=loans)


def _matters(loan: Loan) -> bool:
    return loan.status != "closed" and (loan.arrears > 0 or loan.status == "paused" or loan.settled is not None)
