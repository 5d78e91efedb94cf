"""What core banking says: facts about loans and borrowers, and the snapshot that reconciles them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from schemas.envelope import Fact
from schemas.topics import BORROWERS, LOANS, SNAPSHOTS
from schemas.values import (
    AMOUNT_MAX,
    PERSONAL,
    Amount,
    Arrears,
    BorrowerStatus,
    Currency,
    Day,
    DaysPastDue,
    GivenId,
    Instant,
    LoanStatus,
    NonNegative,
    Personal,
    Positive,
    Product,
    Remark,
    Sealed,
    UntilDay,
    UntilInstant,
    Value,
    Version,
    Word,
)

Region = Annotated[Word, Field(min_length=2, max_length=20, description="ISO 3166-2 subdivision, like CN-GD")]


def _bounded(arrears: Arrears) -> Arrears:
    if max(arrears.principal, arrears.interest, arrears.fees) > AMOUNT_MAX:
        raise ValueError(f"no component may be above {AMOUNT_MAX}")
    return arrears


def _something(arrears: Arrears) -> Arrears:
    if not arrears.total:
        raise ValueError("nothing is past due; what ends an arrears is loan.cured or a payment that leaves nothing")
    return arrears


Paid = Annotated[Positive, Field(le=AMOUNT_MAX)]
Left = Annotated[NonNegative, Field(le=AMOUNT_MAX)]
PastDue = Annotated[Arrears, AfterValidator(_bounded)]


class LoanDueSoon(Fact, type="loan.due_soon.v1", topic=LOANS):
    """An instalment falls due in the coming days."""

    loan_id: GivenId
    borrower_id: GivenId
    product: Product
    currency: Currency
    due_date: Day
    amount_due: Paid
    business_date: Day


class LoanOverdue(Fact, type="loan.overdue.v1", topic=LOANS):
    """A loan is past due. Sent when it begins and whenever arrears change; daily repetition is harmless."""

    loan_id: GivenId
    borrower_id: GivenId
    product: Product
    currency: Currency
    business_date: Day
    oldest_due_date: Day
    days_past_due: Annotated[DaysPastDue, Field(ge=1)]
    arrears: Annotated[PastDue, AfterValidator(_something)]
    outstanding_principal: Left
    region: Region
    loan_version: Version | None = None
    originated_on: Day | None = None
    instalment_amount: Paid | None = None


class LoanPaymentReceived(Fact, type="loan.payment_received.v1", topic=LOANS):
    """Money arrived on a loan; `arrears_after` is what is still past due."""

    payment_id: GivenId
    loan_id: GivenId
    borrower_id: GivenId
    currency: Currency
    amount: Paid
    value_date: Day
    arrears_after: PastDue
    days_past_due_after: DaysPastDue
    loan_version: Version | None = None


class LoanPaymentReversed(Fact, type="loan.payment_reversed.v1", topic=LOANS):
    """An earlier payment was taken back (bounced, recalled)."""

    payment_id: GivenId
    loan_id: GivenId
    borrower_id: GivenId
    currency: Currency
    amount: Paid
    value_date: Day
    arrears_after: PastDue
    days_past_due_after: DaysPastDue
    reason: Remark
    loan_version: Version | None = None


class LoanCured(Fact, type="loan.cured.v1", topic=LOANS):
    """Nothing is past due on this loan any more."""

    loan_id: GivenId
    borrower_id: GivenId
    business_date: Day


class LoanClosed(Fact, type="loan.closed.v1", topic=LOANS):
    """The loan has ended."""

    loan_id: GivenId
    borrower_id: GivenId
    business_date: Day
    reason: Remark


class LoanChargedOff(Fact, type="loan.charged_off.v1", topic=LOANS):
    """The lender has written the loan off in its books; the debt lives on."""

    loan_id: GivenId
    borrower_id: GivenId
    business_date: Day
    amount: Paid
    currency: Currency


class LoanPaused(Fact, type="loan.paused.v1", topic=LOANS):
    """Collection of this loan rests for a while."""

    loan_id: GivenId
    borrower_id: GivenId
    from_date: Day
    until_date: UntilDay = None
    reason: Remark


class LoanResumed(Fact, type="loan.resumed.v1", topic=LOANS):
    """A pause has ended."""

    loan_id: GivenId
    borrower_id: GivenId
    from_date: Day
    until_date: UntilDay = None
    reason: Remark


class LoanRestructured(Fact, type="loan.restructured.v1", topic=LOANS):
    """The loan has a new schedule."""

    loan_id: GivenId
    borrower_id: GivenId
    business_date: Day
    new_instalment_amount: Paid
    first_due_date: Day
    instalments: Annotated[int, Field(strict=True, ge=1, le=1200)]
    currency: Currency


ContactSource = Literal["contract", "public_channel", "debtor_authorisation"]
"""Where a contact point comes from; any other source is unlawful to use (rule CN-WHO-08)."""


class Phone(Value):
    """A telephone number of the borrower."""

    phone_id: GivenId
    number: Personal
    source: ContactSource
    verified_on: Day | None = None


class Email(Value):
    """An e-mail address of the borrower."""

    email_id: GivenId
    address: Personal
    source: ContactSource = "contract"
    verified_on: Day | None = None


class Address(Value):
    """A place where the borrower lives, works or is registered. Coordinates are WGS-84 degrees."""

    address_id: GivenId
    kind: Literal["home", "work", "registered"]
    text: Personal
    latitude: Annotated[Word | float | Sealed, PERSONAL] | None = None
    longitude: Annotated[Word | float | Sealed, PERSONAL] | None = None
    source: ContactSource


class ContactPerson(Value):
    """Somebody else whom the borrower named. Never collected from."""

    person_id: GivenId
    name: Personal
    relation: Remark
    phone: Personal
    debt_related: bool


class Consent(Value):
    """What the borrower has allowed: when, over which channel, until when, and where the proof is."""

    consent_id: GivenId
    kind: Literal["night_contact", "channel", "third_party", "workplace_visit"]
    channel: Literal["sms", "email", "letter", "voice", "visit"] | None = None
    given_at: Instant
    expires_at: UntilInstant = None
    evidence: Word = ""


class BorrowerRecorded(Fact, type="borrower.recorded.v1", topic=BORROWERS):
    """All that is known of a borrower, whole in each record: the only event with contact data. A list may be sealed."""

    borrower_id: GivenId
    region: Region
    time_zone: Annotated[Word, Field(min_length=1, description="IANA name, like Asia/Shanghai")]
    language: Annotated[Word, Field(min_length=2, max_length=20, description="BCP 47, like zh-CN or en")]
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

    loan_id: GivenId
    loan_version: Version | None = None
    days_past_due: DaysPastDue
    arrears: PastDue
    outstanding_principal: Left
    status: LoanStatus


class BorrowerSnapshot(Fact, type="borrower.snapshot.v1", topic=SNAPSHOTS):
    """All loans of a borrower with their state, for reconciliation."""

    borrower_id: GivenId
    business_date: Day
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
