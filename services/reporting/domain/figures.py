"""The figures that reports are made of, and the rates between them. Formulas: reference of KPIs, section by section."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

NOTHING = Decimal("0.00")
MET = frozenset(
    {"paid_in_full", "paid_part", "promise", "plan_agreed", "refused", "disputes_debt", "hardship", "incident"}
)
"""Dispositions that say that the borrower was met in person (right-party contact in the field)."""


def rate(part: int | Decimal, whole: int | Decimal) -> Decimal | None:
    """A share of one, to four places; None where there is nothing to share."""
    return (Decimal(part) / Decimal(whole)).quantize(Decimal("0.0001")) if whole else None


@dataclass(frozen=True, slots=True)
class Band:
    """Loans in one bucket, in one currency. `outstanding` is the principal that was last told of them."""

    bucket: str
    state: str
    currency: str | None
    loans: int
    borrowers: int
    arrears: Decimal
    outstanding: Decimal


@dataclass(frozen=True, slots=True)
class PastDue:
    """All that is past due in one currency; None: of these loans no fact has named a currency yet."""

    currency: str | None
    loans: int
    borrowers: int
    arrears: Decimal
    outstanding: Decimal


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Where all loans stand at an instant. Every figure but `past_due` is of the main currency alone, its counts too.

    past_due: what is overdue, currency by currency, so that nothing that is left out of a sum goes unsaid.
    """

    bands: tuple[Band, ...]
    past_due: tuple[PastDue, ...]

    @property
    def currency(self) -> str | None:
        """The currency in which most is past due; None where none is known."""
        totals = {
            b.currency: sum((x.arrears for x in self.bands if x.currency == b.currency), NOTHING)
            for b in self.bands
            if b.currency
        }
        return max(totals, key=lambda c: (totals[c], c)) if totals else None

    @property
    def _main(self) -> PastDue:
        none = PastDue(self.currency, 0, 0, NOTHING, NOTHING)
        return next((p for p in self.past_due if p.currency == self.currency), none)

    @property
    def others(self) -> tuple[PastDue, ...]:
        """What is past due beside the main currency, the unknown last."""
        beside = (p for p in self.past_due if p.currency != self.currency)
        return tuple(sorted(beside, key=lambda p: (p.currency is None, p.currency)))

    @property
    def at_risk(self) -> Decimal:
        """What is past due."""
        return self._main.arrears

    @property
    def outstanding_at_risk(self) -> Decimal:
        """Outstanding principal of overdue loans."""
        return self._main.outstanding

    @property
    def overdue(self) -> tuple[Band, ...]:
        """The bands past due."""
        return tuple(b for b in self.bands if b.state == "overdue" and b.currency == self.currency)

    @property
    def loans_overdue(self) -> int:
        """How many loans are past due."""
        return self._main.loans

    @property
    def borrowers_overdue(self) -> int:
        """How many borrowers have a loan past due."""
        return self._main.borrowers

    @property
    def par30(self) -> Decimal | None:
        """Outstanding principal of loans more than 30 days past due, as a share of all known outstanding principal."""
        every = sum((b.outstanding for b in self.bands if b.currency == self.currency), NOTHING)
        return rate(sum((b.outstanding for b in self.overdue if b.bucket != "M1"), NOTHING), every)


@dataclass(frozen=True, slots=True)
class RiskDay:
    """What was past due at the end of a day, by bucket, in one currency."""

    day: date
    by_bucket: dict[str, Decimal]

    @property
    def total(self) -> Decimal:
        """Over all buckets."""
        return sum(self.by_bucket.values(), NOTHING)


@dataclass(frozen=True, slots=True)
class Move:
    """Loans of one currency that stood in `before` and stand in `after`; money is what was past due before."""

    before: str
    after: str
    currency: str | None
    loans: int
    arrears: Decimal


WORSE = {name: place for place, name in enumerate(("closed", "M0", "M1", "M2", "M3", "M4", "charged_off"))}


@dataclass(frozen=True, slots=True)
class Roll:
    """True cohort rates of one bucket: the loans in it, and what became of those very loans. The row sums to one.

    By count, so loans of all currencies are in it.
    """

    bucket: str
    loans: int
    forward: Decimal | None
    held: Decimal | None
    back: Decimal | None
    cured: Decimal | None


def rolls(moves: Sequence[Move]) -> list[Roll]:
    """Roll, hold, improve and cure rates by bucket, by count; `cured` also holds loans that were closed."""
    buckets = sorted({m.before for m in moves if m.before.startswith("M") and m.before != "M0"})
    return [_roll(name, [m for m in moves if m.before == name]) for name in buckets]


def _roll(name: str, moves: Sequence[Move]) -> Roll:
    loans = sum(m.loans for m in moves)

    def share(kept: Iterable[Move]) -> Decimal | None:
        return rate(sum(m.loans for m in kept), loans)

    return Roll(
        name,
        loans,
        forward=share(m for m in moves if WORSE[m.after] > WORSE[name]),
        held=share(m for m in moves if m.after == name),
        back=share(m for m in moves if m.after.startswith("M") and 1 < WORSE[m.after] < WORSE[name]),
        cured=share(m for m in moves if m.after in {"M0", "closed"}),
    )


STEPS = ("early_warning", "reminder", "notice", "letter", "lawyers_letter")


@dataclass(frozen=True, slots=True)
class StepFigures:
    """One step of the ladder, in notices. `denied` counts decisions of the gate, the rest counts notices."""

    step: str
    allowed: int = 0
    denied: int = 0
    sent: int = 0
    delivered: int = 0
    failed: int = 0
    unknown: int = 0
    answered: int = 0

    @property
    def delivery_rate(self) -> Decimal | None:
        """Delivered of sent."""
        return rate(self.delivered, self.sent)

    @property
    def answer_rate(self) -> Decimal | None:
        """Answered of delivered."""
        return rate(self.answered, self.delivered)


@dataclass(frozen=True, slots=True)
class Rung:
    """How many borrowers came as far as this."""

    name: str
    borrowers: int


@dataclass(frozen=True, slots=True)
class Flow:
    """Cases that went from one stage (or the start) to another (or out)."""

    before: str
    after: str
    cases: int


@dataclass(frozen=True, slots=True)
class AgencyFigures:
    """One agency's work. Counts are of everything, money is of `currency` alone: the one in which most was paid."""

    agency_id: str
    name: str
    in_house: bool
    target_share: int
    currency: str | None = None
    offered: int = 0
    accepted: int = 0
    refused: int = 0
    active: int = 0
    recalled: int = 0
    placed_amount: Decimal = NOTHING
    visits_planned: int = 0
    visits_made: int = 0
    met: int = 0
    recovered: Decimal = NOTHING
    fees: Decimal = NOTHING
    complaints: int = 0
    upheld: int = 0
    attested: int = 0
    attested_on_time: int = 0
    attestation_late: int = 0
    share: Decimal | None = None
    suspended: bool = False

    @property
    def acceptance(self) -> Decimal | None:
        """Accepted of answered offers."""
        return rate(self.accepted, self.accepted + self.refused)

    @property
    def met_rate(self) -> Decimal | None:
        """Visits at which the borrower was met, of visits made."""
        return rate(self.met, self.visits_made)

    @property
    def net(self) -> Decimal:
        """Recovered less fees; reversals and claw-backs are in both."""
        return self.recovered - self.fees

    @property
    def net_liquidation(self) -> Decimal | None:
        """Net recovery of what was placed."""
        return rate(self.net, self.placed_amount)

    @property
    def attestation_rate(self) -> Decimal | None:
        """Deletions attested in time, of all that were attested or are late."""
        return rate(self.attested_on_time, self.attested + self.attestation_late)

    @property
    def complaint_rate(self) -> Decimal | None:
        """Complaints per visit made."""
        return rate(self.complaints, self.visits_made)


@dataclass(frozen=True, slots=True)
class PromiseFigures:
    """Promises made over one way, in one currency. Counts of outcomes; amounts promised, and paid by the decision."""

    via: str
    currency: str
    made: int
    open: int
    kept: int
    partly_kept: int
    broken: int
    cancelled: int
    promised: Decimal
    due: Decimal
    kept_amount: Decimal
    paid: Decimal

    @property
    def kept_rate(self) -> Decimal | None:
        """Kept of those whose day and grace have passed."""
        return rate(self.kept, self.kept + self.partly_kept + self.broken)

    @property
    def kept_amount_rate(self) -> Decimal | None:
        """The same by the amounts promised."""
        return rate(self.kept_amount, self.due)

    @property
    def paid_rate(self) -> Decimal | None:
        """Paid against promised, of those decided."""
        return rate(self.paid, self.due)


@dataclass(frozen=True, slots=True)
class Tally:
    """A count under one or two words."""

    word: str
    second: str
    count: int
