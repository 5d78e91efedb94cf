"""What core banking says: facts about loans and borrowers, and the snapshot that reconciles them."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Fact
from schemas.topics import BORROWERS, LOANS, SNAPSHOTS
from schemas.values import (
    PERSONAL,
    Amount,
    Arrears,
    BorrowerStatus,
    Currency,
    Id,
    Instant,
    LoanStatus,
    NonNegative,
    Personal,
    Positive,
    Product,
    Sealed,
    Text,
    Value,
)

Region = Annotated[str, Field(min_length=2, max_length=20, description="ISO 3166-2 subdivision, like CN-GD")]


class LoanDueSoon(Fact, type="loan.due_soon.v1", topic=LOANS):
    """An instalment falls due in the coming days."""

    loan_id: Id
    borrower_id: Id
    product: Product
    currency: Currency
    due_date: date
    amount_due: Positive
    business_date: date


class LoanOverdue(Fact, type="loan.overdue.v1", topic=LOANS):
    """A loan is past due. Sent when it begins and whenever arrears change; daily repetition is harmless."""

    loan_id: Id
    borrower_id: Id
    product: Product
    currency: Currency
    business_date: date
    oldest_due_date: date
    days_past_due: Annotated[int, Field(ge=1)]
    arrears: Arrears
    outstanding_principal: NonNegative
    region: Region
    loan_version: Annotated[int, Field(ge=1)] | None = None
    originated_on: date | None = None
    instalment_amount: Positive | None = None


class LoanPaymentReceived(Fact, type="loan.payment_received.v1", topic=LOANS):
    """Money arrived on a loan; `arrears_after` is what is still past due."""

    payment_id: Id
    loan_id: Id
    borrower_id: Id
    currency: Currency
    amount: Positive
    value_date: date
    arrears_after: Arrears
    days_past_due_after: Annotated[int, Field(ge=0)]
    loan_version: Annotated[int, Field(ge=1)] | None = None


class LoanPaymentReversed(Fact, type="loan.payment_reversed.v1", topic=LOANS):
    """An earlier payment was taken back (bounced, recalled)."""

    payment_id: Id
    loan_id: Id
    borrower_id: Id
    currency: Currency
    amount: Positive
    value_date: date
    arrears_after: Arrears
    days_past_due_after: Annotated[int, Field(ge=0)]
    reason: Text
    loan_version: Annotated[int, Field(ge=1)] | None = None


class LoanCured(Fact, type="loan.cured.v1", topic=LOANS):
    """Nothing is past due on this loan any more."""

    loan_id: Id
    borrower_id: Id
    business_date: date


class LoanClosed(Fact, type="loan.closed.v1", topic=LOANS):
    """The loan has ended."""

    loan_id: Id
    borrower_id: Id
    business_date: date
    reason: Text


class LoanChargedOff(Fact, type="loan.charged_off.v1", topic=LOANS):
    """The lender has written the loan off in its books; the debt lives on."""

    loan_id: Id
    borrower_id: Id
    business_date: date
    amount: Positive
    currency: Currency


class LoanPaused(Fact, type="loan.paused.v1", topic=LOANS):
    """Collection of this loan rests for a while."""

    loan_id: Id
    borrower_id: Id
    from_date: date
    until_date: date | None = None
    reason: Text


class LoanResumed(Fact, type="loan.resumed.v1", topic=LOANS):
    """A pause has ended."""

    loan_id: Id
    borrower_id: Id
    from_date: date
    until_date: date | None = None
    reason: Text


class LoanRestructured(Fact, type="loan.restructured.v1", topic=LOANS):
    """The loan has a new schedule."""

    loan_id: Id
    borrower_id: Id
    business_date: date
    new_instalment_amount: Positive
    first_due_date: date
    instalments: Annotated[int, Field(ge=1)]
    currency: Currency


ContactSource = Literal["contract", "public_channel", "debtor_authorisation"]
"""Where a contact point comes from; any other source is unlawful to use (rule CN-WHO-08)."""


class Phone(Value):
    """A telephone number of the borrower."""

    phone_id: Id
    number: Personal
    source: ContactSource
    verified_on: date | None = None


class Email(Value):
    """An e-mail address of the borrower."""

    email_id: Id
    address: Personal
    source: ContactSource = "contract"
    verified_on: date | None = None


class Address(Value):
    """A place where the borrower lives, works or is registered. Coordinates are WGS-84 degrees."""

    address_id: Id
    kind: Literal["home", "work", "registered"]
    text: Personal
    latitude: Annotated[str | float | Sealed, PERSONAL] | None = None
    longitude: Annotated[str | float | Sealed, PERSONAL] | None = None
    source: ContactSource


class ContactPerson(Value):
    """Somebody else whom the borrower named. Never collected from."""

    person_id: Id
    name: Personal
    relation: Text
    phone: Personal
    debt_related: bool


class Consent(Value):
    """What the borrower has allowed: when, over which channel, until when, and where the proof is."""

    consent_id: Id
    kind: Literal["night_contact", "channel", "third_party", "workplace_visit"]
    channel: Literal["sms", "email", "letter", "voice", "visit"] | None = None
    given_at: Instant
    expires_at: Instant | None = None
    evidence: str = ""


class BorrowerRecorded(Fact, type="borrower.recorded.v1", topic=BORROWERS):
    """All that is known of a borrower, whole in each record: the only event with contact data. A list may be sealed."""

    borrower_id: Id
    region: Region
    time_zone: Annotated[str, Field(min_length=1, description="IANA name, like Asia/Shanghai")]
    language: Annotated[str, Field(min_length=2, max_length=20, description="BCP 47, like zh-CN or en")]
    name: Personal
    id_number: Personal | None = None
    phones: Annotated[tuple[Phone, ...] | Sealed, PERSONAL] = ()
    emails: Annotated[tuple[Email, ...] | Sealed, PERSONAL] = ()
    addresses: Annotated[tuple[Address, ...] | Sealed, PERSONAL] = ()
    contact_persons: Annotated[tuple[ContactPerson, ...] | Sealed, PERSONAL] = ()
    status: BorrowerStatus
    vulnerable: bool
    consents: tuple[Consent, ...] = ()


class LoanSnapshot(Value):
    """One loan as core banking holds it on a business date."""

    loan_id: Id
    loan_version: Annotated[int, Field(ge=1)] | None = None
    days_past_due: Annotated[int, Field(ge=0)]
    arrears: Arrears
    outstanding_principal: NonNegative
    status: LoanStatus


class BorrowerSnapshot(Fact, type="borrower.snapshot.v1", topic=SNAPSHOTS):
    """All loans of a borrower with their state, for reconciliation."""

    borrower_id: Id
    business_date: date
    loans: tuple[LoanSnapshot, ...]


__all__ = [
    "Address",
    "Amount",
    "BorrowerRecorded",
    "BorrowerSnapshot",
    "Consent",
    "ContactPerson",
    "Email",
    "LoanChargedOff",
    "LoanClosed",
    "LoanCured",
    "LoanDueSoon",
    "LoanOverdue",
    "LoanPaused",
    "LoanPaymentReceived",
    "LoanPaymentReversed",
    "LoanRestructured",
    "LoanResumed",
    "LoanSnapshot",
    "Phone",
]
