"""What carriers, officers, agencies and borrowers tell notifier through its edge: closed sets of plain values."""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Literal, TypeAlias

from schemas.values import Answer, Channel, Party
from services.rulebook.question import ConsentKind

About: TypeAlias = Literal["debt", "location"]
"""What a contact is for; the rules know "location" as the purpose that collects nothing."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A carrier has taken the notice, as this text, under this reference."""

    reference: str
    submitted_at: datetime
    template_version: str
    text_digest: str
    template: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The carrier would not take it; the next channel is tried."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have gone out, or not; it is never sent again by itself."""

    reason: str


Submission: TypeAlias = Accepted | Refused | Unknown


@dataclass(frozen=True, slots=True)
class Delivered:
    """The carrier's receipt: it arrived. `digest` is the SHA-256 of the receipt as it came."""

    at: datetime
    reference: str
    digest: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The carrier's receipt: it did not arrive."""

    at: datetime
    reason: str


Receipt: TypeAlias = Delivered | Failed


@dataclass(frozen=True, slots=True)
class Tracked:
    """What the print house or the post says of a letter."""

    status: Literal["delivered", "returned", "lost"]
    at: datetime
    reference: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the borrower said to a notice, or to an officer. `statement` is personal; the kit seals it.

    contact_point: where whoever answers was reached, as far as known; same_points: other ids of the very same.
    """

    answer: Answer
    notice_id: str
    via: Literal["link", "officer", "agency"] = "link"
    promised_on: date | None = None
    amount: Decimal | None = None
    currency: str | None = None
    instalments: int | None = None
    hardship: Literal["unemployment", "illness", "business_failure", "family", "disaster", "other"] = "other"
    channels: tuple[Channel, ...] = ()
    statement: str | None = None
    contact_point: str | None = None
    same_points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A contact that an agency or an officer wants to make. `at` is when; `contact_point` the id of the number used,
    `same_points` its other ids. of_agency: whoever asks is known to be one.

    person_id: who of the contact persons, where the party is one. about: what for; "location" asks only where the
    debtor can be reached, or for word to be passed on, and tells nothing of the debt. recording: the call is recorded
    whole. private_device: it is made from somebody's own telephone or account.
    """

    channel: Channel
    proposed_by: str
    at: datetime
    until: datetime | None = None
    party: Party = "debtor"
    contact_point: str | None = None
    contact_source: str | None = None
    person_id: str | None = None
    about: About = "debt"
    overrides: tuple[tuple[str, str], ...] = ()
    recording: bool = False
    private_device: bool = False
    same_points: tuple[str, ...] = ()
    of_agency: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a permitted contact: a conversation, no answer, or it was not made at all.

    refused: the contact person wants to hear no more of it, ever.
    """

    outcome: Literal["connected", "unanswered", "not_made"]
    at: datetime
    dials: int = 1
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Consented:
    """What a borrower allows, with its evidence and its end."""

    kind: ConsentKind
    channel: Channel | None = None
    expires_at: datetime | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Times:
    """When a borrower wants to be contacted, on their own clock, from start to end; without them at any lawful time."""

    start: time | None = None
    end: time | None = None
    via: Literal["link", "officer", "agency"] = "link"
