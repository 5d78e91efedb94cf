"""What notifier says: each decision about a contact, each notice and what became of it, each word of the borrower."""

from datetime import date, time
from typing import Literal

from pydantic import Field

from schemas.envelope import Fact
from schemas.topics import CONTACTS
from schemas.values import (
    Answer,
    Arrears,
    Channel,
    Currency,
    Id,
    Instant,
    JsonObject,
    Party,
    Personal,
    Positive,
    Reason,
    Step,
    Text,
    Value,
)

Purpose = Literal["early_warning", "reminder", "notice", "letter", "lawyers_letter", "visit", "call"]


class ContactDecision(Fact):
    """A decision of the contact gate: what was asked, what the rules said, by which version, on what knowledge.

    `inputs` is all that the rules were told, so that the decision can be made again; ids only, no personal value.
    """

    contact_id: Id
    borrower_id: Id
    loan_ids: tuple[Id, ...]
    channel: Channel
    purpose: Purpose
    party: Party = "debtor"
    proposed_by: Id
    proposed_for: Instant
    decided_at: Instant
    local_time: str
    time_zone: str
    rulebook: str
    reasons: tuple[Reason, ...] = ()
    counters: dict[str, int] = Field(default_factory=dict)
    known_as_of: Instant
    case_id: Id | None = None
    step: Step | None = None
    attempt: int = 1
    contact_point: Id | None = None
    template: str | None = None
    language: str | None = None
    currency: Currency | None = None
    arrears: Arrears | None = None
    days_past_due: int | None = None
    due_date: date | None = None
    inputs: JsonObject = Field(default_factory=dict)


class ContactAllowed(ContactDecision, type="contact.allowed.v1", topic=CONTACTS):
    """The contact may be made from `not_before` until `expires_at`; it is counted from this moment on."""

    not_before: Instant
    expires_at: Instant


class ContactDenied(ContactDecision, type="contact.denied.v1", topic=CONTACTS):
    """The contact may not be made. `retry_at` is the earliest instant at which the rules could say otherwise."""

    retry_at: Instant | None = None


class ContactCancelled(Fact, type="contact.cancelled.v1", topic=CONTACTS):
    """An allowed contact was withdrawn before it was made, and its permit with it."""

    contact_id: Id
    borrower_id: Id
    channel: Channel
    purpose: Purpose
    reason: Text
    cancelled_at: Instant


class ContactSettled(Fact, type="contact.settled.v1", topic=CONTACTS):
    """A permitted contact (a visit, an agency's call) has been made, or its permit ran out and nobody said so.

    It counts either way; `unanswered` does not count as a conversation. made_at: the instant at which it counts as
    made; none where nobody said so. exceeded: the rules about how often that it breaks by all that is known now; a
    contact that is told late may (its permit had been withdrawn, its slot given on).
    """

    contact_id: Id
    borrower_id: Id
    channel: Channel
    purpose: Purpose
    outcome: Literal["made", "connected", "unanswered", "unreported"]
    settled_at: Instant
    exceeded: tuple[Id, ...] = ()
    made_at: Instant | None = None


class Proof(Value):
    """Evidence that a notice reached a verified contact point."""

    proof_id: Id
    kind: Literal["delivery_receipt", "postal_receipt"]
    carrier_reference: str
    received_at: Instant
    digest: str


class NoticeFact(Fact):
    """What all notice facts name."""

    notice_id: Id
    borrower_id: Id
    loan_ids: tuple[Id, ...]
    step: Step
    channel: Channel


class NoticeSubmitting(NoticeFact, type="notice.submitting.v1", topic=CONTACTS):
    """The notice is being handed to a carrier: no stop withdraws it any more, and a crash leaves it unknown."""

    claimed_at: Instant


class NoticeNotSubmitted(NoticeFact, type="notice.not_submitted.v1", topic=CONTACTS):
    """The carrier was away and nothing has left the house: the notice waits again."""

    since: Instant


class NoticeSent(NoticeFact, type="notice.sent.v1", topic=CONTACTS):
    """A carrier has taken the notice. The amounts are those that the text named."""

    template: str
    template_version: str
    language: str
    currency: Currency
    arrears: Arrears
    days_past_due: int
    submitted_at: Instant
    carrier_reference: str
    contact_point: Id
    text_digest: str


class NoticeDelivered(NoticeFact, type="notice.delivered.v1", topic=CONTACTS):
    """The notice reached the borrower's contact point; the proof says how that is known."""

    delivered_at: Instant
    proof: Proof


class NoticeFailed(NoticeFact, type="notice.failed.v1", topic=CONTACTS):
    """The notice did not arrive."""

    failed_at: Instant
    reason: Text


class NoticeUnknown(NoticeFact, type="notice.unknown.v1", topic=CONTACTS):
    """Whether the notice went out, or arrived, cannot be known. It is never sent again by itself."""

    since: Instant
    reason: Text


class NoticeAnswered(Fact, type="notice.answered.v1", topic=CONTACTS):
    """The borrower answered. A promise names day and amount, a plan request the instalments wanted."""

    answer_id: Id
    notice_id: Id
    borrower_id: Id
    loan_ids: tuple[Id, ...]
    answer: Answer
    answered_at: Instant
    promised_on: date | None = None
    amount: Positive | None = None
    currency: Currency | None = None
    instalments: int | None = None
    statement: Personal | None = None


class ProvedNotice(Value):
    """One notice in the proof that the borrower was told and stayed silent."""

    notice_id: Id
    step: Step
    channel: Channel
    delivered_at: Instant
    proof_id: Id


class NoticeUnanswered(Fact, type="notice.unanswered.v1", topic=CONTACTS):
    """Proved notices got no answer within the response window: the case may be entrusted."""

    borrower_id: Id
    loan_ids: tuple[Id, ...]
    currency: Currency
    arrears: Arrears
    days_past_due: int
    notices: tuple[ProvedNotice, ...]
    response_window_days: int
    window_ended_at: Instant
    proof_id: Id


class DisputeRaised(Fact, type="dispute.raised.v1", topic=CONTACTS):
    """The borrower says that the debt is wrong. Contact stops until it is resolved."""

    dispute_id: Id
    borrower_id: Id
    loan_ids: tuple[Id, ...]
    raised_at: Instant
    via: Literal["link", "officer", "agency"]
    grounds: Personal | None = None


class HardshipDeclared(Fact, type="hardship.declared.v1", topic=CONTACTS):
    """The borrower says that they cannot pay and why."""

    hardship_id: Id
    borrower_id: Id
    loan_ids: tuple[Id, ...]
    declared_at: Instant
    via: Literal["link", "officer", "agency"]
    reason: Literal["unemployment", "illness", "business_failure", "family", "disaster", "other"] = "other"
    statement: Personal | None = None


class ContactStopRequested(Fact, type="contact.stop_requested.v1", topic=CONTACTS):
    """The borrower asks not to be contacted any more."""

    request_id: Id
    borrower_id: Id
    requested_at: Instant
    via: Literal["link", "officer", "agency"]
    channels: tuple[Channel, ...] = ()


class ContactTimesPreferred(Fact, type="contact.times_preferred.v1", topic=CONTACTS):
    """The borrower wants to be contacted from `from_time` to `until_time` on their own clock; neither: at any time."""

    request_id: Id
    borrower_id: Id
    asked_at: Instant
    via: Literal["link", "officer", "agency"]
    from_time: time | None = None
    until_time: time | None = None


class ConsentGiven(Fact, type="consent.given.v1", topic=CONTACTS):
    """The borrower allows something, with its proof and its end."""

    consent_id: Id
    borrower_id: Id
    kind: Literal["night_contact", "channel", "third_party", "workplace_visit"]
    channel: Channel | None = None
    given_at: Instant
    expires_at: Instant | None = None
    evidence: str = ""


class ConsentWithdrawn(Fact, type="consent.withdrawn.v1", topic=CONTACTS):
    """The borrower takes a consent back."""

    consent_id: Id
    borrower_id: Id
    withdrawn_at: Instant
