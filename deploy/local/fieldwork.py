"""What simulated agencies decide and write: answers to offers, accounts of visits, attestations. Pure and seeded."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from deploy.local.behaviour import Behaviour
from deploy.local.books import cents
from deploy.local.chance import luck, pick, wait
from deploy.local.stories import Team
from schemas.agencies import (
    Conduct,
    DataDeletionAttested,
    Evidence,
    PlacementAccepted,
    PlacementDeclined,
    PlacementReturned,
    VisitReported,
    VisitResult,
)
from schemas.cases import PlacementActivated, PlacementOffered, PlacementRecalled
from schemas.envelope import Fact
from schemas.values import Disposition, ReasonForDefault

MET: frozenset[Disposition] = frozenset(
    {"paid_in_full", "paid_part", "promise", "plan_agreed", "refused", "disputes_debt", "hardship", "incident"}
)
DOOR_INSTALMENTS, DOOR_PROMISE_DAYS = 2, 4
_REASONS: tuple[ReasonForDefault, ...] = ("unemployment", "overindebted", "forgot", "family", "illness", "unwilling")
_HARDSHIPS: tuple[ReasonForDefault, ...] = ("unemployment", "illness", "overindebted")
_DECLINES = ("no free staff in this region", "amount too small", "conflict of interest")

Answer = Literal["accept", "decline", "late", "silent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """Something that an agency says at an instant. `id` is the event's."""

    id: str
    at: datetime
    fact: Fact


def answer(seed: int, offer: PlacementOffered) -> Saying | None:
    """What the agency answers to an offer, and when; None where it stays silent."""
    word = _word(luck(seed, offer.placement_id, offer.attempt, "answer"))
    if word == "silent":
        return None
    late = offer.answer_by + wait((2, 20), seed, offer.placement_id)
    at = late if word == "late" else offer.offered_at + wait((1, 20), seed, offer.placement_id)
    named = {
        "report_id": f"R-{offer.placement_id}-answer",
        "borrower_id": offer.borrower_id,
        "agency_id": offer.agency_id,
        "placement_id": offer.placement_id,
    }
    if word == "decline":
        reason = pick(_DECLINES, seed, offer.placement_id)
        return Saying(id=named["report_id"], at=at, fact=PlacementDeclined(**named, declined_at=at, reason=reason))
    return Saying(id=named["report_id"], at=at, fact=PlacementAccepted(**named, accepted_at=at))


def _word(number: float) -> Answer:
    shares: tuple[tuple[float, Answer], ...] = ((0.86, "accept"), (0.92, "decline"), (0.96, "late"))
    return next((word for limit, word in shares if number < limit), "silent")


def attestation(seed: int, recall: PlacementRecalled) -> Saying | None:
    """The agency has deleted the data: mostly in time, sometimes late, sometimes never."""
    number = luck(seed, recall.placement_id, "attests")
    if number > 0.97:
        return None
    late = number > 0.9
    at = (recall.attest_by if late else recall.recalled_at) + wait((6, 50), seed, recall.placement_id, "attests")
    fact = DataDeletionAttested(
        report_id=f"R-{recall.placement_id}-deleted",
        borrower_id=recall.borrower_id,
        agency_id=recall.agency_id,
        placement_id=recall.placement_id,
        attested_at=at,
        method="deleted from all systems, backups overwritten within 30 days",
    )
    return Saying(id=fact.report_id, at=at, fact=fact)


def giving_back(behaviour: Behaviour, placement: PlacementActivated) -> Saying | None:
    """Some agencies give a case back when they see no prospect."""
    if not behaviour.story.agency_returns:
        return None
    at = placement.activated_at + wait((240, 300), behaviour.seed, placement.placement_id, "returns")
    fact = PlacementReturned(
        report_id=f"R-{placement.placement_id}-returned",
        borrower_id=placement.borrower_id,
        agency_id=placement.agency_id,
        placement_id=placement.placement_id,
        returned_at=at,
        reason="no prospect of an agreement",
    )
    return Saying(id=fact.report_id, at=at, fact=fact)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A visit that a team makes. `owed` is what the case was entrusted with, as far as the agency knows it."""

    visit_id: str
    placement_id: str
    borrower_id: str
    agency_id: str
    team: tuple[str, ...]
    window: tuple[datetime, datetime]
    attempt: int
    owed: Decimal = Decimal(100)
    currency: str = "CNY"

    def knocks_at(self, behaviour: Behaviour) -> datetime:
        """When the team stands at the door."""
        start, end = self.window
        return start + (end - start) * behaviour.arrival(self.visit_id)


def manner(behaviour: Behaviour, errand: Errand) -> Team:
    """How this team works on this visit: as the story says, or by luck, mostly as it should."""
    if behaviour.story.team:
        return behaviour.story.team
    return "slow" if luck(behaviour.seed, errand.visit_id, "manner") < 0.04 else "punctual"


def talk(behaviour: Behaviour, errand: Errand) -> timedelta:
    """How long they stay."""
    met = behaviour.door(errand.attempt) in MET
    return wait((0.2, 0.5) if met else (0.05, 0.1), behaviour.seed, errand.visit_id, "talk")


def delay(behaviour: Behaviour, errand: Errand) -> timedelta:
    """How long after the visit they report it."""
    if manner(behaviour, errand) == "slow":
        return timedelta(hours=24, minutes=10)
    return wait((0.1, 3), behaviour.seed, errand.visit_id, "reports")


def account(behaviour: Behaviour, errand: Errand, arrived_at: datetime, today: date) -> VisitReported:
    """What the team reports; `today` is local to the borrower."""
    found = behaviour.door(errand.attempt)
    return VisitReported(
        report_id=f"R-{errand.visit_id}",
        borrower_id=errand.borrower_id,
        agency_id=errand.agency_id,
        visit_id=errand.visit_id,
        team=errand.team,
        arrived_at=arrived_at,
        ended_at=arrived_at + talk(behaviour, errand),
        result=_result(behaviour, errand, found, today),
        conduct=_conduct(behaviour, errand, arrived_at, found in MET),
        evidence=_evidence(behaviour, errand, arrived_at, found in MET),
        statement=None
        if found not in MET
        else "借款人陈述已记录"
        if errand.currency == "CNY"
        else "Statement recorded",
    )


def _result(behaviour: Behaviour, errand: Errand, found: Disposition, today: date) -> VisitResult:
    reasons = _HARDSHIPS if found == "hardship" else _REASONS
    promise = found == "promise"
    return VisitResult(
        disposition=found,
        reason_for_default=pick(reasons, behaviour.seed, errand.borrower_id, "reason") if found in MET else None,
        promised_on=today + timedelta(days=DOOR_PROMISE_DAYS) if promise else None,
        promised_amount=cents(errand.owed) if promise else None,
        currency=errand.currency if promise else None,
        instalments=DOOR_INSTALMENTS if found == "plan_agreed" else None,
    )


def _conduct(behaviour: Behaviour, errand: Errand, arrived_at: datetime, met: bool) -> Conduct:
    number = luck(behaviour.seed, errand.visit_id, "conduct")
    return Conduct(
        identity_shown=number > 0.02,
        recording_started_at=arrived_at - timedelta(minutes=3) if number < 0.97 else None,
        consent_to_enter=met and number > 0.5,
        entered=met and number > 0.7,
    )


def _evidence(behaviour: Behaviour, errand: Errand, arrived_at: datetime, met: bool) -> tuple[Evidence, ...]:
    """Files are only named here, by the digest that their bytes would have."""
    if luck(behaviour.seed, errand.visit_id, "evidence") < 0.05:
        return ()
    return tuple(
        Evidence(
            kind=kind,
            digest=hashlib.sha256(f"{errand.visit_id}-{kind}".encode()).hexdigest(),
            taken_at=arrived_at + timedelta(minutes=1),
        )
        for kind in (("audio", "video") if met else ("photo",))
    )
