"""What agencies, officers and the print house ask and tell. Every contact needs a decision that can be read later."""

import hashlib
from dataclasses import dataclass, field
from datetime import date, time
from typing import Annotated, Literal, TypeAlias

import structlog
from fastapi import APIRouter, HTTPException
from fastapi.responses import JSONResponse
from prometheus_client import Counter
from pydantic import AfterValidator, AwareDatetime, Field

from schemas.contacts import ContactAllowed, ContactDenied, ContactSettled
from schemas.values import Answer, Currency, Id, Party, Positive, Text, cleaned
from services.kit.service import Reaction
from services.notifier import domain, handlers, store_asked
from services.notifier.api.answers import Decided, Happened, described
from services.notifier.api.asking import Asked, Key, KnownBorrower, Run, Running, contact_of, run, said, shown
from services.notifier.api.points import same_points

log = structlog.get_logger(__name__)
router = APIRouter()
OVERRUN = Counter("arrears_notifier_overrun_total", "Contacts that exceed a cap by what is known of them now.")
WITHDRAWN = Counter("arrears_notifier_made_without_permit_total", "Contacts made after their permit was withdrawn.")


OVERRIDES_MAX = 20
"""More SOFT rules than any pack has for one contact; each reason is kept with the decision."""

FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
"""Letters by name that show nothing."""


def _worded(text: str) -> str:
    if not any(sign.isalnum() and sign not in FILLERS for sign in text):
        raise ValueError("a reason needs words: it is read by whoever reviews the contact")
    return text


Words: TypeAlias = Annotated[str, Field(max_length=500), AfterValidator(cleaned), AfterValidator(_worded)]
"""What is kept to be read later: at least a letter or a digit, not only spaces and signs that show nothing."""


class ContactAsked(Asked):
    """A contact that an agency or an officer wants to make, from `at` on (without it: now)."""

    borrower_id: Id
    channel: Literal["voice", "sms", "email", "letter"]
    proposed_by: Id
    at: AwareDatetime | None = None
    until: AwareDatetime | None = None
    party: Party = "debtor"
    person_id: Annotated[Id | None, Field(description="who of the contact persons, where the party is one")] = None
    about: Annotated[
        Literal["debt", "location"],
        Field(description="location: to ask where the debtor can be reached, or to have word passed on, and no more"),
    ] = "debt"
    contact_point: Annotated[Id | None, Field(description="id of the number or address in borrower.recorded")] = None
    contact_source: Annotated[
        Text | None, Field(description="where a contact point that the lender does not know is from")
    ] = None
    overrides: Annotated[
        dict[Id, Words],
        Field(
            default_factory=dict,
            max_length=OVERRIDES_MAX,
            description="SOFT rule → why it does not count here; recorded with the decision",
        ),
    ]
    recording: Annotated[bool, Field(description="the call is recorded from beginning to end")] = False
    private_device: Annotated[bool, Field(description="it is made from somebody's own telephone or account")] = False


class OutcomeTold(Asked):
    """What became of a permitted contact. `dials`: how often the number was called."""

    outcome: Literal["connected", "unanswered", "not_made"]
    at: AwareDatetime
    dials: Annotated[int, Field(ge=1, le=20)] = 1
    refused: Annotated[bool, Field(description="a contact person wants to hear no more of it; for ever")] = False


class AnswerTold(Asked):
    """What a borrower said to an officer or an agency. `notice_id` where it answers a notice."""

    answer: Answer
    via: Literal["officer", "agency"] = "officer"
    notice_id: Id | None = None
    promised_on: date | None = None
    amount: Positive | None = None
    currency: Currency | None = None
    instalments: Annotated[int | None, Field(ge=2, le=60)] = None
    hardship: Literal["unemployment", "illness", "business_failure", "family", "disaster", "other"] = "other"
    channels: tuple[Literal["sms", "email", "letter", "voice", "visit"], ...] = ()
    statement: Text | None = None
    contact_point: Annotated[
        Id | None, Field(description="where whoever answers was reached, if `notice_id` does not name a contact")
    ] = None


class ConsentTold(Asked):
    """What a borrower allows. `evidence` says where the proof of it is kept."""

    kind: Literal["night_contact", "channel", "third_party", "workplace_visit"]
    channel: Literal["sms", "email", "letter", "voice", "visit"] | None = None
    expires_at: AwareDatetime | None = None
    evidence: Words


class TimesTold(Asked):
    """From when until when a borrower wants to be contacted, on their own clock; neither: at any lawful time."""

    from_time: time | None = None
    until_time: time | None = None
    via: Literal["officer", "agency"] = "officer"


class TrackingTold(Asked):
    """What the post says of a letter."""

    status: Literal["delivered", "returned", "lost"]
    at: AwareDatetime
    reference: Id


@router.post("/contacts", tags=["contact gate"], responses=described(Decided, 422))
def propose(runtime: Run, asked: ContactAsked, key: Key) -> JSONResponse:
    """May this contact be made? The answer is decided, recorded and counted at once, and names its reasons.

    503, and nothing is decided, while what could stop the contact is not known closely enough: ask again.
    """
    _closely_known(runtime, asked.borrower_id)
    at = asked.at or runtime.clock.now()
    with runtime.engine.begin() as db:
        of_agency = store_asked.is_agency(db, asked.proposed_by)
    wanted = domain.Asked(
        channel=asked.channel,
        proposed_by=asked.proposed_by,
        at=at,
        until=asked.until,
        party=asked.party,
        person_id=asked.person_id,
        about=asked.about,
        contact_point=asked.contact_point,
        contact_source=asked.contact_source,
        overrides=tuple(sorted(asked.overrides.items())),
        recording=asked.recording,
        private_device=asked.private_device,
        same_points=same_points(runtime, asked.borrower_id, asked.contact_point),
        of_agency=of_agency,
    )
    events = run(runtime, asked.borrower_id, handlers.command(domain.propose, wanted), key, asked)
    decided = next(e.data for e in events if isinstance(e.data, ContactAllowed | ContactDenied))
    return shown(
        {"allowed": isinstance(decided, ContactAllowed), **decided.model_dump(mode="json", exclude={"inputs"})}
    )


def _closely_known(runtime: Running, borrower_id: str) -> None:
    """Who asks here passes no other door: a permit on old knowledge would be a contact on old knowledge. HTTP 503."""
    if runtime.held([borrower_id]):
        why = "a record about this borrower waits in the dead letters; nobody is contacted until it is read"
        raise HTTPException(503, why, {"retry-after": "60"})
    if not runtime.fresh(runtime.partition_of(borrower_id)):
        why = "facts about this borrower are still being read; ask again with the same idempotency key"
        raise HTTPException(503, why, {"retry-after": "1"})


@router.post("/contacts/{contact_id}/outcome", tags=["contact gate"], responses=described(Happened, 404, 409, 422))
def settle(runtime: Run, contact_id: str, told: OutcomeTold, key: Key) -> JSONResponse:
    """Say what became of a permitted contact, however late, so that the counters are right: it counts when it was made.

    409 with the rules that denied it where it was never allowed, and where it lies outside its permit.
    """
    borrower_id = _permitted_one(runtime, contact_id)
    outcome = domain.Settled(told.outcome, told.at, told.dials, told.refused)
    amiss = _Amiss()
    events = run(runtime, borrower_id, _settling(contact_id, outcome, amiss), key, told, contact_id)
    amiss.tell(contact_id)
    return shown(said(events))


@dataclass(slots=True)
class _Amiss:
    """What a contact that was made proves to be: one too many by these rules, or made when its permit was withdrawn."""

    rules: list[str] = field(default_factory=list)
    withdrawn: str = ""

    def tell(self, contact_id: str) -> None:
        """Tell those who watch: once, for a command that is repeated is not run again."""
        if self.rules:
            OVERRUN.inc()
            log.warning("cap_exceeded", contact_id=contact_id, rules=self.rules)
        if self.withdrawn:
            WITHDRAWN.inc()
            log.warning("made_without_permit", contact_id=contact_id, withdrawn=self.withdrawn)


def _settling(contact_id: str, outcome: domain.Settled, amiss: _Amiss) -> handlers.Act:
    """The command; `amiss` takes what is wrong with the contact by all that is known at that moment."""
    settle = handlers.command(domain.settle, contact_id, outcome)

    def act(state: domain.Borrower, context: handlers.Here) -> Reaction[domain.Borrower]:
        after = settle(state, context)
        amiss.rules = [rule for fact in after[1] if isinstance(fact, ContactSettled) for rule in fact.exceeded]
        amiss.withdrawn = domain.withdrawn_before(state, contact_id, outcome.at)
        return after

    return act


def _permitted_one(runtime: Running, contact_id: str) -> str:
    """Whose contact it is. HTTP 409 where it was denied, with what denied it; 404 where nothing was ever decided."""
    with runtime.engine.begin() as db:
        row = store_asked.contact(db, contact_id)
        decided = store_asked.decisions_about(db, [contact_id])
    if row is None and decided:
        against = "; ".join(f"{reason['rule_id']}: {reason['text']}" for reason in decided[-1]["reasons"])
        raise HTTPException(409, f"{contact_id} was denied, so it has no outcome. {against}")
    return str((row or contact_of(runtime, contact_id))["borrower_id"])


@router.post("/borrowers/{borrower_id}/answers", tags=["borrowers"], responses=described(Happened, 404, 409, 422))
def answer(runtime: Run, borrower_id: KnownBorrower, told: AnswerTold, key: Key) -> JSONResponse:
    """Record what a borrower said to an officer; what must stop because of it stops at once."""
    point = told.contact_point or _reached_at(runtime, borrower_id, told.notice_id)
    same = same_points(runtime, borrower_id, point) if told.answer == "wrong_person" else ()
    values = {**told.model_dump(), "notice_id": told.notice_id or "", "contact_point": point, "same_points": same}
    given = domain.Answered(**values)
    return shown(said(run(runtime, borrower_id, handlers.command(domain.answer, given), key, told, borrower_id)))


def _reached_at(runtime: Running, borrower_id: str, contact_id: str | None) -> str | None:
    """The contact point of a contact with this borrower, however long ago."""
    with runtime.engine.begin() as db:
        row = store_asked.contact(db, contact_id) if contact_id else None
    return row["contact_point_id"] if row and row["borrower_id"] == borrower_id else None


@router.post("/borrowers/{borrower_id}/consents", tags=["borrowers"], responses=described(Happened, 404, 409, 422))
def consent(runtime: Run, borrower_id: KnownBorrower, told: ConsentTold, key: Key) -> JSONResponse:
    """Record what a borrower allows. A consent to be contacted, over every channel, lifts their requests to stop."""
    given = domain.Consented(told.kind, told.channel, told.expires_at, told.evidence)
    return shown(said(run(runtime, borrower_id, handlers.command(domain.consent, given), key, told, borrower_id)))


@router.post(
    "/borrowers/{borrower_id}/consents/{consent_id}/withdrawal",
    tags=["borrowers"],
    responses=described(Happened, 404, 409, 422),
)
def withdraw(runtime: Run, borrower_id: KnownBorrower, consent_id: str, key: Key) -> JSONResponse:
    """Take a consent back. What rested on it and can still be withdrawn is decided anew."""
    act = handlers.command(domain.withdraw, consent_id)
    return shown(said(run(runtime, borrower_id, act, key, Asked(), borrower_id, consent_id)))


@router.post("/borrowers/{borrower_id}/times", tags=["borrowers"], responses=described(Happened, 404, 409, 422))
def prefer(runtime: Run, borrower_id: KnownBorrower, told: TimesTold, key: Key) -> JSONResponse:
    """Record when a borrower wants to be contacted, on their own clock; without times: whenever law allows it."""
    times = domain.Times(told.from_time, told.until_time, told.via)
    return shown(said(run(runtime, borrower_id, handlers.command(domain.prefer, times), key, told, borrower_id)))


@router.post("/letters/{notice_id}/tracking", tags=["carriers"], responses=described(Happened, 404, 409, 422))
def tracking(runtime: Run, notice_id: str, told: TrackingTold, key: Key) -> JSONResponse:
    """Say what became of a letter. Its delivery is the proof of notice."""
    digest = hashlib.sha256(told.model_dump_json().encode()).hexdigest()
    tracked = domain.Tracked(told.status, told.at, told.reference, digest)
    act = handlers.command(domain.tracking, notice_id, tracked)
    return shown(said(run(runtime, contact_of(runtime, notice_id)["borrower_id"], act, key, told, notice_id)))
