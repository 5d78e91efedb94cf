"""The shapes of what the API answers, for its description; and what can go wrong, as problem documents."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from schemas.values import Reason

PROBLEMS = {
    404: "there is no such thing",
    409: "the state does not allow it; nothing has changed, the detail says why",
    422: "the request breaks the contract, or an idempotency key came with another request",
    503: "something that is needed is away; try again with the same idempotency key",
}


class Problem(BaseModel):
    """RFC 9457, as application/problem+json."""

    type: str
    title: str
    status: int
    detail: str


class SaidEvent(BaseModel):
    """One event that was said."""

    type: str
    id: str
    data: dict[str, Any]


class Happened(BaseModel):
    """What was said because of a command; empty where nothing changed."""

    said: list[SaidEvent]


class Decided(BaseModel):
    """A decision of the contact gate, decided and reserved at once. A denial names every rule that forbids it."""

    allowed: bool
    contact_id: str
    borrower_id: str
    channel: str
    proposed_by: str
    decided_at: datetime
    local_time: str
    time_zone: str
    rulebook: str
    reasons: list[Reason]
    counters: dict[str, int]
    known_as_of: datetime
    not_before: datetime | None = None
    expires_at: datetime | None = None
    retry_at: datetime | None = None


class Decision(BaseModel):
    """A decision as it was recorded, with all that the rules were told, so that it can be made again."""

    decision_id: str
    allowed: bool
    reasons: list[Reason]
    counters: dict[str, int]
    rulebook: str
    proposed_for: datetime
    decided_at: datetime
    local_time: str
    time_zone: str
    known_as_of: datetime
    retry_at: datetime | None
    expires_at: datetime | None
    inputs: dict[str, Any] | None = None


class Decisions(BaseModel):
    """All decisions about one contact, the first one first."""

    contact_id: str
    decisions: list[Decision]


class ContactRow(BaseModel):
    """One contact and what became of it."""

    contact_id: str
    case_id: str | None
    loan_ids: list[str]
    channel: str
    purpose: str
    step: str | None
    state: str
    proposed_by: str
    not_before: datetime
    expires_at: datetime
    submitted_at: datetime | None
    delivered_at: datetime | None
    settled_at: datetime | None
    reason: str | None


class Contacts(BaseModel):
    """A borrower's contacts, the latest first. `next` is where to go on, as `before`."""

    borrower_id: str
    known_as_of: datetime
    contacts: list[ContactRow]
    next: str | None = None


class LedgerEntry(BaseModel):
    """One proposed contact: every decision about it, and the contact where one was allowed."""

    contact_id: str
    proposed_by: str
    channel: str
    purpose: str
    decisions: list[Decision]
    contact: ContactRow | None


class Ledger(BaseModel):
    """The one ledger of the borrower of a case, over all loans, services and agencies, the latest first."""

    case_id: str
    borrower_id: str
    known_as_of: datetime
    entries: list[LedgerEntry]
    next: str | None


class UnknownNotice(BaseModel):
    """A notice of which nobody knows whether it went out or arrived. It is never sent again by itself."""

    contact_id: str
    borrower_id: str
    case_id: str | None
    channel: str
    step: str | None
    claimed_at: datetime | None
    carrier_reference: str | None
    since: datetime
    age_hours: float
    reason: str | None


class UnknownNotices(BaseModel):
    """The oldest first. `next` is where to go on, as `after`.

    mails_without_receipt: taken by the mail server and not listed; there are no receipts for mail to wait for.
    """

    known_as_of: datetime
    count: int
    mails_without_receipt: int
    notices: list[UnknownNotice]
    next: str | None


class FoundOut(BaseModel):
    """What was found out about a notice has been kept; it is not listed any more."""

    contact_id: str


class PreviewedText(BaseModel):
    """One text for a sample borrower; `unfit` says why it may not be sent as things are set up."""

    name: str
    channel: str
    language: str
    subject: str = ""
    greeting: str = ""
    text: str = ""
    digest: str = ""
    parts: dict[str, list[str]] = {}
    unfit: str = ""


class PreviewedTexts(BaseModel):
    """Every text of the version that speaks, under one country's rules."""

    version: str
    country: str
    texts: list[PreviewedText]


def described(answer: type[BaseModel], *problems: int) -> dict[int | str, dict[str, Any]]:
    """What a route answers, for OpenAPI."""
    wrong: dict[int | str, dict[str, Any]] = {
        status: {"description": PROBLEMS[status], "content": {"application/problem+json": {"schema": _PROBLEM}}}
        for status in (*problems, 503)
    }
    return {200: {"model": answer}, **wrong}


_PROBLEM = Problem.model_json_schema()
