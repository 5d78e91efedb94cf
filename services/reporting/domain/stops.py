"""What stops contact, and what lets it go on again. A contact made while a stop stands is a wrongful contact.

The tables follow "Stopping facts" of docs/explanation/choreography.md. A stop concerns the borrower or one loan; it
stands from when the broker recorded it until a release of the same kind, for the same borrower or loan, is recorded.
Which words about a loan count is the rule of all services; the query applies it to what was recorded before.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, cast, get_args

from schemas import agencies, bank, cases, contacts, visits
from schemas.envelope import Fact
from schemas.values import Channel
from services.rulebook.word import Kind, Word, said_at, shown, word

GRACE_SECONDS = 1.0
"""True seconds within which a stopping fact must have taken effect (DESIGN.md, promise 3)."""

SETTLED = "settled"
"""Nothing is past due on the loan, or it has ended. Released by `loan.overdue`, by a payment that leaves something
past due, by one taken back, and by `loan.due_soon`: the next instalment may be spoken of."""

PAUSED, STATUS, DISPUTE, HARDSHIP, RELIEF, COMPLAINT, STOP_REQUEST = (
    "paused",
    "status",
    "dispute",
    "hardship",
    "relief",
    "complaint",
    "stop_request",
)


CHANNELS: tuple[Channel, ...] = get_args(Channel)


CONFIRMED = {DISPUTE: "dispute_upheld", HARDSHIP: "hardship_relief"}
"""A closed case takes the stops that were raised in it along, but for the one that its outcome confirms.

That one stands until the bank has put the loan right; from then on the loan is settled, and what falls due on it later
is another claim.
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """A stop begins or is released. `loan_id` is None when it concerns the borrower with all loans.

    A pause that begins on a later day stands from `starts`; one that ends by itself stands until `ends`. A consent
    releases, until it `ends`, what was recorded before it was given (`starts`). word, said, day,
    version: what decides whether it counts among others of its kind (services.rulebook.word); none: it always does.
    `shows` is a snapshot's word, which is held against the stop itself.
    """

    role: Literal["stop", "release"]
    kind: str
    borrower_id: str
    loan_id: str | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    word: Kind | Literal["shows"] | None = None
    said: datetime | None = None
    day: date | None = None
    version: int | None = None


def marks(fact: Fact, valid: datetime, recorded: datetime) -> Iterator[Mark]:
    """The stops that a fact begins or releases; `valid` is the time it names, `recorded` when the broker took it."""
    told = _word(fact, said_at(valid, recorded))
    if told is not None:
        yield _settled(fact, told)
    if isinstance(fact, cases.LoanRepaired) and fact.status is not None:
        yield from _repaired(fact, recorded)
    yield from _of_loans(fact, valid)
    yield from _of_the_borrower(fact)
    yield from _of_channels(fact)


def _word(fact: Fact, said: datetime) -> Word | None:
    """A fact that says whether something is past due on a loan, as a word."""
    match fact:
        case bank.LoanOverdue():
            return word("starts", said, fact.business_date, fact.loan_version)
        case bank.LoanPaymentReceived() | bank.LoanPaymentReversed():
            return word(_of_payment(fact), said, version=fact.loan_version)
        case bank.LoanCured() | bank.LoanRestructured():
            return word("stops", said, fact.business_date)
        case bank.LoanClosed() | bank.LoanChargedOff():
            return word("ends", said, fact.business_date)
    return None


def _of_payment(fact: bank.LoanPaymentReceived | bank.LoanPaymentReversed) -> Kind:
    if not fact.arrears_after.total:
        return "stops"
    return "tells" if isinstance(fact, bank.LoanPaymentReceived) else "undoes"


def _settled(fact: Fact, told: Word) -> Mark:
    role: Literal["stop", "release"] = "stop" if told.kind in ("stops", "ends") else "release"
    about = cast("bank.LoanOverdue", fact)
    return Mark(
        role,
        SETTLED,
        about.borrower_id,
        about.loan_id,
        word=told.kind,
        said=told.said,
        day=told.day,
        version=told.version,
    )


def _of_loans(fact: Fact, valid: datetime) -> Iterator[Mark]:
    match fact:
        case bank.LoanDueSoon():
            yield Mark("release", SETTLED, fact.borrower_id, fact.loan_id)
        case bank.LoanPaused():
            yield _pause(fact, valid.date())
        case bank.LoanResumed():
            yield Mark("release", PAUSED, fact.borrower_id, fact.loan_id)
        case bank.LoanCured() | bank.LoanRestructured():  # put right by the bank
            yield from (Mark("release", kind, fact.borrower_id) for kind in (*CONFIRMED, RELIEF))


def _repaired(fact: cases.LoanRepaired, recorded: datetime) -> Iterator[Mark]:
    """A lost fact takes effect with its repair: what it would have stopped or released.

    It lifts no stop that was said after the snapshot was taken.
    """
    if fact.status in ("overdue", "paused"):
        told = shown(True, fact.taken_at or recorded, recorded, fact.business_date, fact.loan_version)
        lifts = Mark("release", SETTLED, fact.borrower_id, fact.loan_id, word="shows")
        yield replace(lifts, said=told.said, day=told.day, version=told.version)
    else:
        yield Mark("stop", SETTLED, fact.borrower_id, fact.loan_id)
    yield Mark("stop" if fact.status == "paused" else "release", PAUSED, fact.borrower_id, fact.loan_id)


def _of_the_borrower(fact: Fact) -> Iterator[Mark]:
    match fact:
        case bank.BorrowerRecorded():
            yield Mark("release" if fact.status == "active" else "stop", STATUS, fact.borrower_id)
        case contacts.NoticeAnswered() if fact.answer == COMPLAINT:
            yield Mark("stop", COMPLAINT, fact.borrower_id)
        case cases.DisputeResolved() if not fact.upheld:
            yield Mark("release", DISPUTE, fact.borrower_id)
        case cases.HoldReleased():
            yield from _released(fact)
        case cases.CaseClosed():
            moot = (kind for kind in (DISPUTE, HARDSHIP, COMPLAINT) if CONFIRMED.get(kind) != fact.outcome)
            yield from (Mark("release", kind, fact.borrower_id) for kind in moot)
        case cases.HardshipGranted():
            yield from _relieved(fact)
        case _ if isinstance(fact, _BEGIN):
            until = fact.until if isinstance(fact, cases.HoldPlaced) else None
            yield Mark("stop", _kind(fact), fact.borrower_id, ends=until)
        case _ if isinstance(fact, _RELEASE):
            yield Mark("release", _kind(fact), fact.borrower_id)


def _of_channels(fact: Fact) -> Iterator[Mark]:
    """A request to stop stands for each of its channels by itself."""
    match fact:
        case contacts.ContactStopRequested():
            yield from (Mark("stop", _of_channel(c), fact.borrower_id) for c in fact.channels or CHANNELS)
        case cases.HoldReleased() if fact.reason == STOP_REQUEST:
            yield from (Mark("release", _of_channel(c), fact.borrower_id) for c in CHANNELS)
        case contacts.ConsentGiven():
            yield from _opened(fact.borrower_id, (fact,))
        case bank.BorrowerRecorded():
            yield from _opened(fact.borrower_id, fact.consents)


def _of_channel(channel: Channel) -> str:
    """The stop of one channel: the others are as free as before."""
    return f"{STOP_REQUEST} {channel}"


def _opened(borrower_id: str, given: Iterable[bank.Consent | contacts.ConsentGiven]) -> Iterator[Mark]:
    """Consents to be contacted lift requests to stop that came before them, over their channel, while they run.

    Of several that cover a channel the one that runs longest is taken.
    """
    known = sorted(
        (c for c in given if c.kind == "channel"), key=lambda c: (c.expires_at is None, c.expires_at or c.given_at)
    )
    for channel in CHANNELS:
        for consent in [c for c in known if c.channel in (None, channel)][-1:]:
            yield Mark("release", _of_channel(channel), borrower_id, starts=consent.given_at, ends=consent.expires_at)


def _relieved(fact: cases.HardshipGranted) -> Iterator[Mark]:
    """What was declared is granted, and stands to its last day; without one until the loan is put right."""
    yield Mark("release", HARDSHIP, fact.borrower_id)
    yield Mark("stop", RELIEF, fact.borrower_id, ends=_over(fact.until) if fact.until else None)


def _released(fact: cases.HoldReleased) -> Iterator[Mark]:
    """A hold that is released lets go of the reason for which it was placed, too."""
    yield Mark("release", f"hold {fact.hold_id}", fact.borrower_id)
    if fact.reason in (DISPUTE, HARDSHIP, COMPLAINT):
        yield Mark("release", fact.reason, fact.borrower_id)
    if fact.reason == HARDSHIP:
        yield Mark("release", RELIEF, fact.borrower_id)


_BEGIN = (
    contacts.DisputeRaised,
    contacts.HardshipDeclared,
    cases.ComplaintReceived,
    cases.HoldPlaced,
)
_RELEASE = (cases.HardshipRejected, cases.ComplaintUpheld, cases.ComplaintRejected)


def _kind(fact: Fact) -> str:
    """Which stop a fact is about; a hold stands for itself."""
    match fact:
        case contacts.DisputeRaised():
            return DISPUTE
        case contacts.HardshipDeclared() | cases.HardshipRejected():
            return HARDSHIP
        case cases.HoldPlaced():
            return f"hold {fact.hold_id}"
    return COMPLAINT


def _pause(fact: bank.LoanPaused, today: date) -> Mark:
    later = fact.from_date > today
    starts = _midnight(fact.from_date) + timedelta(days=1) if later else None
    ends = _over(fact.until_date) if fact.until_date else None
    return Mark("stop", PAUSED, fact.borrower_id, fact.loan_id, starts, ends)


def _over(last_day: date) -> datetime:
    """When a day has ended somewhere. Days have no zone here, so a stop that has a last day is counted only while it
    stands in every zone of the world."""
    return _midnight(last_day) + timedelta(hours=24 - 14)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


@dataclass(frozen=True, slots=True)
class Made:
    """A contact that was really made: whom it reached, about which loans, when, and over which channel.

    What agencies and officers made names no loans: the permit that they asked for does.
    """

    contact_id: str
    borrower_id: str
    loan_ids: tuple[str, ...]
    made_at: datetime
    channel: Channel


def made(fact: Fact, recorded: datetime) -> Made | None:
    """The contact that a fact reports as made. What an agency reports by itself was made no later than `recorded`."""
    match fact:
        case contacts.NoticeSent():
            return Made(fact.notice_id, fact.borrower_id, fact.loan_ids, fact.submitted_at, fact.channel)
        case visits.VisitArrived():
            return Made(fact.visit_id, fact.borrower_id, fact.loan_ids, fact.arrived_at, "visit")
        case contacts.ContactSettled(made_at=datetime() as told) if fact.channel != "visit":  # that arrived, see above
            return Made(fact.contact_id, fact.borrower_id, (), told, fact.channel)
        case agencies.CallReported():
            return Made(fact.contact_id, fact.borrower_id, (), min(fact.called_at, recorded), "voice")
    return None
