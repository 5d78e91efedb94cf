"""What assignment knows of one borrower: open things and short windows, never history.

Every field after the ids has a default, so that older documents still read.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from schemas.cases import Arm, CaseStage, HoldReason, Segment
from schemas.values import BorrowerStatus, CaseOutcome, Channel, LoanStatus, Product
from services.assignment.domain.moves import PlacementState, PlanState, PromiseState
from services.rulebook.limitation import Interruption

ZERO = Decimal("0.00")
NO_CASE = "none"
"""Stands for the case in facts that belong to none (agreed in `PaymentAttributed`)."""

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
    """One loan as core banking last told it.

    as_of, heard: business day and event time of the latest word. missing: runs of versions that have not come.
    interruption: when and by what evidence the limitation period was last begun anew.
    """

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
    heard: datetime | None = None
    version: int = 0
    missing: tuple[tuple[int, int], ...] = ()
    status: Literal["open", "paused", "charged_off", "closed"] = "open"
    paused_until: datetime | None = None
    interruption: Interruption | None = None
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
class Shown:
    """One loan as a snapshot shows it."""

    loan_id: str
    status: LoanStatus
    principal: Decimal = ZERO
    interest: Decimal = ZERO
    fees: Decimal = ZERO
    outstanding: Decimal = ZERO
    days_past_due: int = 0
    version: int | None = None

    @property
    def arrears(self) -> Decimal:
        """All that is past due, in the loan's currency."""
        return self.principal + self.interest + self.fees


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All loans of the borrower on a business day; when it was taken, when the broker had it, when to look at it."""

    business_date: date
    taken_at: datetime
    recorded: datetime
    look_at: datetime
    loans: tuple[Shown, ...] = ()


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
    """A dispute, a hardship or a complaint under review until `review_at`.

    joined: what was said of the same kind meanwhile, id and ground of each; it is answered with this one.
    """

    matter_id: str
    case_id: str
    review_at: datetime
    ground: str = ""
    agency_id: str = ""
    visit_id: str = ""
    joined: tuple[tuple[str, str], ...] = ()

    @property
    def told(self) -> tuple[tuple[str, str], ...]:
        """Id and ground of all that is answered together, in the order in which it was said."""
        return ((self.matter_id, self.ground), *self.joined)


@dataclass(frozen=True, slots=True)
class Legal:
    """A recommendation to go to law, to be decided by `decide_by`."""

    decision_id: str
    decide_by: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One case for one borrower over all overdue loans.

    written_until: how long a case that nobody may visit is left to letters and messages, once notice is proved.
    """

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
    written_until: datetime | None = None


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
    """A payment as it was attributed, for as long as it can be taken back exactly.

    amount: as it was last credited. got, back: all that was told as received and as taken back under its id and loan.
    left: what is still credited. early: what was taken back before it was told, each by itself.
    """

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
    got: Decimal = ZERO
    back: Decimal = ZERO
    left: Decimal = ZERO
    early: tuple[Decimal, ...] = ()


class Line(NamedTuple):
    """A payment of which only the money can still be taken back: as it stands in `Payment`. A short list in JSON."""

    payment_id: str
    loan_id: str
    currency: str
    on: date
    amount: Decimal
    got: Decimal
    back: Decimal
    left: Decimal
    taken_back: bool = False
    early: tuple[Decimal, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Older payments of one merit, oldest first; together they are the borrower's book of payments."""

    party: Party
    case_id: str = NO_CASE
    placement_id: str = ""
    agency_id: str = ""
    basis_points: int = 0
    lines: tuple[Line, ...] = ()


class Opened(NamedTuple):
    """A consent that took a wish back, and the channels that are stopped again when it is withdrawn or has ended."""

    consent_id: str
    channels: tuple[Channel, ...]
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class State:
    """All that assignment knows of one borrower.

    stopped: channels that the borrower wants no more of. stop_requested: that is every one of them. opened: consents
    without which more would be stopped.
    """

    borrower_id: str
    region: str = ""
    time_zone: str = "Asia/Shanghai"
    vulnerable: bool = False
    status: BorrowerStatus = "active"
    stop_requested: bool = False
    stopped: tuple[Channel, ...] = ()
    opened: tuple[Opened, ...] = ()
    counters: dict[str, int] = field(default_factory=dict)
    loans: tuple[Loan, ...] = ()
    snapshot: Snapshot | None = None
    retold: int = 0
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
    book: tuple[Page, ...] = ()
    seen: tuple[str, ...] = ()
