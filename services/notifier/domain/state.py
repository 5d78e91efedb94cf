"""What notifier must know of one borrower to decide the next contact: windows and open things, no history of a life."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Literal

from schemas.changing import replace
from schemas.values import Channel, Party, Step
from services.rulebook.question import Consent, Contacted, Hold, Profile, ProvedDelivery, QuietTime, StopRequest

Medium = Literal["phone", "email", "address"]
Standing = Literal["due_soon", "overdue", "clear", "paused", "charged_off", "closed"]
ContactState = Literal["pending", "submitting", "submitted", "permitted"]

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Point:
    """A way to reach the borrower; its value is sealed and stands in the read table under the same id."""

    point_id: str
    medium: Medium
    source: str
    kind: str = ""
    verified: bool = False
    verified_on: date | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """What is past due, by component, in one currency."""

    principal: Decimal = ZERO
    interest: Decimal = ZERO
    fees: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """All three together."""
        return self.principal + self.interest + self.fees

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.principal + other.principal, self.interest + other.interest, self.fees + other.fees)


@dataclass(frozen=True, slots=True)
class DueSoon:
    """An instalment that falls due, of which the borrower is told once."""

    due_date: date
    amount: Decimal
    told: bool = False


@dataclass(frozen=True, slots=True)
class Loan:
    """One loan as last heard of. DPD grows by itself from `past_due_since` in the borrower's local days.

    as_of, heard: business day and event time of the last fact about its standing. paid_heard: event time of the last
    payment or reversal. version: of the last fact that had one. unpaused: the standing that a pause covers.
    """

    loan_id: str
    currency: str = ""
    standing: Standing = "clear"
    arrears: Sums = Sums()
    past_due_since: date | None = None
    as_of: date | None = None
    heard: datetime | None = None
    paid_heard: datetime | None = None
    version: int | None = None
    unpaused: Standing = "clear"
    resumes_on: date | None = None
    due_soon: DueSoon | None = None
    product: str = ""


@dataclass(frozen=True, slots=True)
class Proved:
    """One proved notice of the round."""

    notice_id: str
    step: Step
    channel: Channel
    delivered_at: datetime
    proof_id: str
    contact_point: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one step of the round has come. `tried` are the channels used up: sent, refused, unknown or without a
    contact point. at: when it last went out or was given up. channels: in which order they were to be tried when the
    first was used, which holds to the step's end.
    """

    step: Step
    tried: tuple[Channel, ...] = ()
    at: datetime | None = None
    channels: tuple[Channel, ...] = ()


untouched = cache(Progress)
"""The progress of a step that has not begun: asked for at every look up the ladder, and always the same value."""


@dataclass(frozen=True, slots=True)
class Round:
    """One way up the ladder, from the first day past due until nothing is past due any more."""

    number: int = 0
    steps: tuple[Progress, ...] = ()
    proved: tuple[Proved, ...] = ()
    quiet_until: datetime | None = None
    unanswered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Amounts:
    """What the text of a notice names; `due_date` in an early warning, whose sum stands under principal."""

    currency: str
    arrears: Sums
    days_past_due: int
    due_date: date | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact that was allowed and has not ended.

    round: of the ladder; a receipt of an earlier round proves nothing in the present one. rulebook: the version that
    allowed it; once another is in force it is asked anew.
    """

    contact_id: str
    channel: Channel
    purpose: str
    state: ContactState
    loan_ids: tuple[str, ...]
    not_before: datetime
    expires_at: datetime
    step: Step | None = None
    proposed_by: str = "notifier"
    contact_point: str | None = None
    template: str = ""
    language: str = ""
    amounts: Amounts | None = None
    attempt: int = 1
    round: int = 0
    placement_id: str | None = None
    submitted_at: datetime | None = None
    rulebook: str = ""
    person_id: str | None = None


@dataclass(frozen=True, slots=True)
class Lapsed:
    """The permit of somebody else's contact, of whom `party` says with whom it is.

    Kept when it was withdrawn or ran out, at `over_at` for the reason `why`, and nobody said what became of it: it may
    have been used before.
    """

    contact: Contact
    party: Party = "debtor"
    over_at: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Denial:
    """What was last said against a proposal, so that the same is not said again before something changes."""

    contact_id: str
    step: Step
    channel: Channel
    rules: tuple[str, ...]
    retry_at: datetime | None = None
    loan_id: str = ""


@dataclass(frozen=True, slots=True)
class Promised:
    """A promise to pay that stands."""

    promise_id: str
    on: date
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with the day and amount of each instalment, or why none was agreed."""

    plan_id: str
    currency: str
    parts: tuple[tuple[date, Decimal], ...] = ()
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """How a dispute or a declaration of hardship was answered. granted: the borrower was right, or relief is given."""

    about: Literal["dispute", "hardship"]
    granted: bool
    reason: str
    relief: str = ""
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Borrower:
    """The state document of one borrower.

    profile: as the bank recorded it. consents, quiet_times: what the borrower told us besides. refusals: contact
    persons who want to hear no more. consented: how many consents were given here. lifted: stop requests that a consent
    has lifted; they stand again where none does any more. lapsed: permits that are over and may have been used, for as
    long as contacts of their days count.
    """

    borrower_id: str
    profile: Profile | None = None
    language: str = "zh-CN"
    points: tuple[Point, ...] = ()
    wrong_points: tuple[str, ...] = ()
    loans: tuple[Loan, ...] = ()
    round: Round = Round()
    contacts: tuple[Contact, ...] = ()
    history: tuple[Contacted, ...] = ()
    lapsed: tuple[Lapsed, ...] = ()
    denials: tuple[Denial, ...] = ()
    holds: tuple[Hold, ...] = ()
    stops: tuple[StopRequest, ...] = ()
    proofs: tuple[ProvedDelivery, ...] = ()
    consents: tuple[Consent, ...] = ()
    quiet_times: tuple[QuietTime, ...] = ()
    refusals: tuple[str, ...] = ()
    case_id: str | None = None
    segment: str = ""
    arm: str = ""
    placement_id: str | None = None
    agency_id: str | None = None
    recalled: tuple[str, ...] = ()
    notices: int = 0
    answers: int = 0
    disputes: int = 0
    hardships: int = 0
    requests: int = 0
    consented: int = 0
    lifted: tuple[str, ...] = ()
    promises: tuple[Promised, ...] = ()
    plan: Planned | None = None
    results: tuple[Result, ...] = ()
    wake_at: datetime | None = None

    def loan(self, loan_id: str) -> Loan:
        """The loan, or a blank one where it was never heard of."""
        return next((loan for loan in self.loans if loan.loan_id == loan_id), None) or Loan(loan_id)

    def with_loan(self, loan: Loan) -> "Borrower":
        """The borrower with this loan in place of what was known of it."""
        others = tuple(known for known in self.loans if known.loan_id != loan.loan_id)
        return replace(self, loans=tuple(sorted((*others, loan), key=lambda each: each.loan_id)))

    def contact(self, contact_id: str) -> Contact | None:
        """The open contact of this id."""
        return next((contact for contact in self.contacts if contact.contact_id == contact_id), None)

    def progress(self, step: Step) -> Progress:
        """How far a step of this round has come; untouched where nothing was tried."""
        return next((known for known in self.round.steps if known.step == step), None) or untouched(step)

    def with_progress(self, progress: Progress) -> "Borrower":
        """The borrower with this progress in place of what was known of the step."""
        others = tuple(known for known in self.round.steps if known.step != progress.step)
        return replace(self, round=replace(self.round, steps=(*others, progress)))

    def with_contact(self, contact: Contact) -> "Borrower":
        """The borrower with this open contact in place of the one with its id."""
        return replace(self, contacts=(*self.without(contact.contact_id).contacts, contact))

    def without(self, contact_id: str) -> "Borrower":
        """The borrower without this open contact."""
        if self.contact(contact_id) is None:
            return self
        return replace(self, contacts=tuple(c for c in self.contacts if c.contact_id != contact_id))

    def over(self, contact_id: str) -> "Borrower":
        """The borrower without this contact, of whose permit nothing more can be told."""
        lapsed = tuple(permit for permit in self.lapsed if permit.contact.contact_id != contact_id)
        return replace(self.without(contact_id), lapsed=lapsed)

    def with_result(self, result: Result) -> "Borrower":
        """The borrower with this answer in place of an earlier one."""
        return replace(self, results=(*self.without_result(result.about).results, result))

    def without_result(self, about: str) -> "Borrower":
        """The borrower with nothing answered about it: they have just asked."""
        if not self.results:
            return self
        return replace(self, results=tuple(known for known in self.results if known.about != about))

    @property
    def known(self) -> Profile | None:
        """The person as the rules see them: what the bank recorded, and what the borrower told us."""
        if self.profile is None:
            return None
        phones = [point.point_id for point in self.points if point.medium == "phone"]
        return replace(
            self.profile,
            consents=(*self.profile.consents, *self.consents),
            quiet_times=self.quiet_times,
            number_invalid=bool(phones) and set(phones) <= set(self.wrong_points),
        )

    def stopped(self, at: datetime, channel: Channel) -> bool:
        """Whether a request to stop covers this channel at an instant: no consent given after it stands then."""
        consents = self.known.consents if self.known and self.stops else ()
        return any(stop.stands(at, channel, consents) for stop in self.stops)

    @property
    def lives(self) -> bool:
        """Whether anything is past due at all, even where a pause covers it."""
        return any(
            "overdue" in (loan.standing, loan.unpaused if loan.standing == "paused" else "") for loan in self.loans
        )

    @property
    def overdue(self) -> tuple[Loan, ...]:
        """Loans that may be collected at this moment."""
        return tuple(loan for loan in self.loans if loan.standing == "overdue")


def fresh(borrower_id: str) -> Borrower:
    """A borrower never heard of."""
    return Borrower(borrower_id)
