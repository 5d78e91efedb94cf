"""What agencies, officers and the print house ask and tell. Every contact needs a decision that can be read later."""

import hashlib
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, Field

from schemas.contacts import ContactAllowed, ContactDenied
from schemas.values import Answer, Currency, Id, Party, Positive, Text
from services.notifier import domain, handlers, store_asked
from services.notifier.api.asking import Asked, Key, Run, contact_of, run, said, shown

router = APIRouter()
CONTACTS_MAX = 500


class ContactAsked(Asked):
    """A contact that an agency or an officer wants to make, from `at` on (without it: now)."""

    borrower_id: Id
    channel: Literal["voice", "sms", "email", "letter"]
    proposed_by: Id
    at: AwareDatetime | None = None
    until: AwareDatetime | None = None
    party: Party = "debtor"
    contact_point: Id | None = None
    contact_source: Text | None = None
    overrides: Annotated[dict[str, str], Field(default_factory=dict)]
    """SOFT rule → the reason why it does not count here; recorded with the decision."""
    recording: bool = False
    """Whether the call is recorded from beginning to end; the rule book asks for it."""
    private_device: bool = False
    """Whether it is made from somebody's own telephone or account."""


class OutcomeTold(Asked):
    """What became of a permitted contact. `dials`: how often the number was called."""

    outcome: Literal["connected", "unanswered", "not_made"]
    at: AwareDatetime
    dials: Annotated[int, Field(ge=1, le=20)] = 1


class AnswerTold(Asked):
    """What a borrower said to an officer. `notice_id` where it answers a notice."""

    answer: Answer
    notice_id: Id | None = None
    promised_on: date | None = None
    amount: Positive | None = None
    currency: Currency | None = None
    instalments: Annotated[int | None, Field(ge=2, le=60)] = None
    hardship: Literal["unemployment", "illness", "business_failure", "family", "disaster", "other"] = "other"
    channels: tuple[Literal["sms", "email", "letter", "voice", "visit"], ...] = ()
    statement: Text | None = None


class TrackingTold(Asked):
    """What the post says of a letter."""

    status: Literal["delivered", "returned", "lost"]
    at: AwareDatetime
    reference: Id


@router.post("/contacts", tags=["contact gate"])
def propose(runtime: Run, asked: ContactAsked, key: Key) -> JSONResponse:
    """May this contact be made? The answer is decided, recorded and counted at once, and names its reasons."""
    at = asked.at or runtime.clock.now()
    wanted = domain.Asked(
        channel=asked.channel,
        proposed_by=asked.proposed_by,
        at=at,
        until=asked.until,
        party=asked.party,
        contact_point=asked.contact_point,
        contact_source=asked.contact_source,
        overrides=tuple(sorted(asked.overrides.items())),
        recording=asked.recording,
        private_device=asked.private_device,
    )
    events = run(runtime, asked.borrower_id, handlers.command(domain.propose, wanted), key, asked)
    decided = next(e.data for e in events if isinstance(e.data, ContactAllowed | ContactDenied))
    return shown(
        {"allowed": isinstance(decided, ContactAllowed), **decided.model_dump(mode="json", exclude={"inputs"})}
    )


@router.post("/contacts/{contact_id}/outcome", tags=["contact gate"])
def settle(runtime: Run, contact_id: str, told: OutcomeTold, key: Key) -> JSONResponse:
    """Say what became of a permitted contact, so that the counters are right."""
    settled = domain.Settled(told.outcome, told.at, told.dials)
    act = handlers.command(domain.settle, contact_id, settled)
    return shown(said(run(runtime, contact_of(runtime, contact_id)["borrower_id"], act, key, told, contact_id)))


@router.get("/decisions/{contact_id}", tags=["contact gate"])
def decisions(runtime: Run, contact_id: str) -> JSONResponse:
    """Every decision about a contact: what was asked, what the rules said and on what knowledge."""
    with runtime.engine.connect() as db:
        found = store_asked.decisions_about(db, contact_id)
    if not found:
        raise HTTPException(404, f"nothing was decided about {contact_id}")
    return shown({"contact_id": contact_id, "decisions": found})


@router.post("/borrowers/{borrower_id}/answers", tags=["borrowers"])
def answer(runtime: Run, borrower_id: str, told: AnswerTold, key: Key) -> JSONResponse:
    """Record what a borrower said to an officer; what must stop because of it stops at once."""
    given = domain.Answered(**{**told.model_dump(), "notice_id": told.notice_id or "", "via": "officer"})
    return shown(said(run(runtime, borrower_id, handlers.command(domain.answer, given), key, told, borrower_id)))


@router.get("/borrowers/{borrower_id}/contacts", tags=["borrowers"])
def contacts(runtime: Run, borrower_id: str, limit: Annotated[int, Query(ge=1, le=CONTACTS_MAX)] = 100) -> JSONResponse:
    """A borrower's contacts, the latest first, over all loans and agencies."""
    with runtime.engine.connect() as db:
        found = store_asked.contacts_of(db, borrower_id, limit)
    known = runtime.known_as_of(runtime.partition_of(borrower_id))
    return shown({"borrower_id": borrower_id, "known_as_of": known, "contacts": found})


@router.post("/letters/{notice_id}/tracking", tags=["letters"])
def tracking(runtime: Run, notice_id: str, told: TrackingTold, key: Key) -> JSONResponse:
    """Say what became of a letter. Its delivery is the proof of notice."""
    digest = hashlib.sha256(told.model_dump_json().encode()).hexdigest()
    tracked = domain.Tracked(told.status, told.at, told.reference, digest)
    act = handlers.command(domain.tracking, notice_id, tracked)
    return shown(said(run(runtime, contact_of(runtime, notice_id)["borrower_id"], act, key, told, notice_id)))
