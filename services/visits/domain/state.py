"""What visits knows of one borrower, and no more than its decisions need. Frozen, bounded, encodable as JSON."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, TypeAlias, TypedDict, get_args

from schemas.changing import replace
from schemas.envelope import Fact
from schemas.visits import VisitCancelled

CancelReason: TypeAlias = Literal[
    "payment", "cured", "closed", "charged_off", "paused",
    "dispute", "hardship", "complaint", "stop_request", "deceased", "incapacitated", "bankrupt", "vulnerable",
    "recalled", "promise", "plan", "permit_denied", "permit_expired", "no_address", "no_team", "replanned",
    "not_reported", "officer",
]  # fmt: skip
"""The reasons of `visit.cancelled`, word for word."""

CANCEL_REASONS = frozenset(get_args(VisitCancelled.model_fields["reason"].annotation))
LoanStatus = Literal["overdue", "paid", "cured", "closed", "charged_off", "paused"]
Stage = Literal[
    "permit_requested", "planned", "appointed", "dispatched", "arrived",
    "completed", "no_contact", "refused", "cancelled", "aborted",
]  # fmt: skip
PlaceKind = Literal["home", "work", "registered"]
Status = Literal["active", "deceased", "incapacitated", "bankrupt"]
Ground = Literal["unreachable", "refused", "moved", "no_address", "not_permitted"]
"""Why no further visit is planned under a placement."""

ENDED_KEPT = 3
"""Ended visits whose fate is remembered, so that a team asking for one at the door hears why it is over."""

ANSWERED_KEPT = 16
"""So many answers to what the borrower said are remembered, against topics that are read out of step."""

CHAIN_START = "0" * 64


@dataclass(frozen=True, slots=True)
class Seal:
    """A personal value in ciphertext; nobody in this room can open it."""

    sealed: str
    key: str


@dataclass(frozen=True, slots=True)
class Place:
    """An address of the borrower; where it is, is sealed."""

    address_id: str
    kind: PlaceKind
    source: str
    text: Seal
    latitude: Seal | None = None
    longitude: Seal | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What a visit must know of the person. workplace, workplace_until: a recorded consent to visits there."""

    region: str
    time_zone: str
    language: str = "zh-CN"
    status: Status = "active"
    vulnerable: bool = False
    name: Seal | None = None
    places: tuple[Place, ...] = ()
    workplace: bool = False
    workplace_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Loan:
    """Whether collection of a loan goes on, and what is past due on it.

    as_of: latest business day of which it was told, or shown by a snapshot. heard: when last told of. version: the
    latest that a fact had.
    """

    status: LoanStatus = "overdue"
    arrears: Decimal | None = None
    paused_until: date | None = None
    as_of: date | None = None
    heard: datetime | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """A reason in force not to contact the borrower. `case_id` is empty where the fact came from its source."""

    key: str
    reason: CancelReason
    case_id: str = ""


@dataclass(frozen=True, slots=True)
class Placement:
    """The entrustment under which visits are made. `plan_at`: no plan earlier; None: rests until something changes."""

    placement_id: str
    case_id: str
    agency_id: str
    proof_id: str
    loan_ids: tuple[str, ...]
    ends_at: datetime
    currency: str = "CNY"
    plan_at: datetime | None = None
    attempts: int = 0
    tries: int = 0
    excluded: tuple[str, ...] = ()
    met: bool = False
    over: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit. Instants carry the borrower's own offset in `window_*`, so its local day is `window_start.date()`.

    report_by: without a word until then the visit counts as not reported. result_by: the same once told go.
    """

    visit_id: str
    case_id: str
    placement_id: str
    agency_id: str
    proof_id: str
    loan_ids: tuple[str, ...]
    window_start: datetime
    window_end: datetime
    address_id: str
    place: PlaceKind
    team: tuple[str, ...]
    attempt: int
    report_by: datetime
    result_by: datetime
    stage: Stage = "permit_requested"
    not_before: datetime | None = None
    expires_at: datetime | None = None
    arrived_at: datetime | None = None
    rulebook: str = ""
    """The version that gave the permit."""
    outlived: str = ""
    """Set when the placement ended while the team was inside, by money: its result is still wanted."""

    @property
    def opens_at(self) -> datetime:
        """From when the team may be told go."""
        return max(self.window_start, self.not_before or self.window_start)

    @property
    def closes_at(self) -> datetime:
        """Until when the team may be told go."""
        return min(self.window_end, self.expires_at or self.window_end)


@dataclass(frozen=True, slots=True)
class Ended:
    """A visit that is over, and why."""

    visit: Visit
    reason: str
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent to be visited at work that notifier was told, and its end."""

    consent_id: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Borrower:
    """All that visits knows of a borrower."""

    borrower_id: str
    profile: Profile | None = None
    loans: dict[str, Loan] = field(default_factory=dict)
    stops: tuple[Stop, ...] = ()
    answered: tuple[str, ...] = ()
    placement: Placement | None = None
    visit: Visit | None = None
    ended: tuple[Ended, ...] = ()
    visits: int = 0
    last_attempt_at: datetime | None = None
    last_report_id: str = ""
    chain: str = CHAIN_START
    at_work: tuple[Consent, ...] = ()


def fresh(borrower_id: str) -> Borrower:
    """A borrower of whom nothing is known."""
    return Borrower(borrower_id)


Outcome: TypeAlias = tuple[Borrower, tuple[Fact, ...]]
"""The state that shall be, and what to say."""


class Named(TypedDict):
    """The fields that all visit facts share."""

    visit_id: str
    borrower_id: str
    case_id: str
    placement_id: str
    agency_id: str
    loan_ids: tuple[str, ...]


def named(borrower: Borrower, visit: Visit) -> Named:
    """The shared fields of a fact about this visit."""
    return {
        "visit_id": visit.visit_id,
        "borrower_id": borrower.borrower_id,
        "case_id": visit.case_id,
        "placement_id": visit.placement_id,
        "agency_id": visit.agency_id,
        "loan_ids": visit.loan_ids,
    }


def then(before: Outcome, step: Callable[[Borrower], Outcome]) -> Outcome:
    """Go on from an outcome; what both say is said in order."""
    state, more = step(before[0])
    return state, (*before[1], *more)


def with_placement(borrower: Borrower, placement: Placement | None) -> Borrower:
    """The borrower with that placement."""
    return replace(borrower, placement=placement)


def stable_hash(*parts: str) -> int:
    """A number that depends on nothing but these words, in every process and for ever."""
    return int.from_bytes(hashlib.sha256("\n".join(parts).encode()).digest()[:8], "big")
