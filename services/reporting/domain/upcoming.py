"""What happens next in a case, and what holds it: everything that has begun and waits for an end, with its date."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

WAITS: Mapping[str, tuple[str, str]] = {
    "contact.allowed.v1": ("contact", "expires_at"),
    "contact.denied.v1": ("contact", "retry_at"),
    "placement.offered.v1": ("placement", "answer_by"),
    "placement.activated.v1": ("placement", "ends_at"),
    "placement.recalled.v1": ("placement", "attest_by"),
    "visit.permit_requested.v1": ("visit", "window_start"),
    "visit.planned.v1": ("visit", "window_start"),
    "visit.appointed.v1": ("visit", "window_start"),
    "visit.dispatched.v1": ("visit", "dispatched_at"),
    "visit.arrived.v1": ("visit", "arrived_at"),
    "promise.made.v1": ("promise", "due_on"),
    "promise.reopened.v1": ("promise", "due_on"),
    "plan.proposed.v1": ("plan", ""),
    "plan.accepted.v1": ("plan", "instalments"),
    "dispute.raised.v1": ("dispute", ""),
    "hardship.declared.v1": ("hardship", ""),
    "complaint.received.v1": ("complaint", "answer_by"),
    "legal.recommended.v1": ("legal", "decide_by"),
    "hold.placed.v1": ("hold", "until"),
}
"""A type that leaves something waiting → its family, and the field that says until when."""

ENDS: Mapping[str, str] = {
    "contact.cancelled.v1": "contact",
    "contact.settled.v1": "contact",
    "notice.submitting.v1": "contact",
    "notice.sent.v1": "contact",
    "notice.failed.v1": "contact",
    "notice.unknown.v1": "contact",
    "placement.refused.v1": "placement",
    "placement.ended.v1": "placement",
    "visit.completed.v1": "visit",
    "visit.no_contact.v1": "visit",
    "visit.refused.v1": "visit",
    "visit.cancelled.v1": "visit",
    "visit.aborted.v1": "visit",
    "promise.kept.v1": "promise",
    "promise.partly_kept.v1": "promise",
    "promise.broken.v1": "promise",
    "promise.cancelled.v1": "promise",
    "plan.rejected.v1": "plan",
    "plan.completed.v1": "plan",
    "plan.defaulted.v1": "plan",
    "plan.cancelled.v1": "plan",
    "dispute.resolved.v1": "dispute",
    "hardship.granted.v1": "hardship",
    "hardship.rejected.v1": "hardship",
    "complaint.upheld.v1": "complaint",
    "complaint.rejected.v1": "complaint",
    "legal.referred.v1": "legal",
    "legal.not_pursued.v1": "legal",
    "legal.withdrawn.v1": "legal",
    "hold.released.v1": "hold",
}
"""A type that ends what waits → the family."""

RUNGS: Mapping[str, str] = {
    "loan.overdue.v1": "overdue",
    "notice.unanswered.v1": "unanswered",
    "placement.activated.v1": "placed",
    "visit.planned.v1": "visit_planned",
    "visit.arrived.v1": "visited",
    "legal.recommended.v1": "legal",
}
LADDER = ("overdue", "reminder", "notice", "letter", "unanswered", "placed", "visit_planned", "visited", "legal")
"""The rungs in the order in which a case climbs them."""


@dataclass(frozen=True, slots=True)
class Told:
    """A fact as a case page needs it."""

    type: str
    subject_id: str
    label: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that waits: since what fact, about which id, until when (None: until somebody decides)."""

    type: str
    family: str
    id: str
    word: str
    until: datetime | date | None

    def late(self, now: datetime) -> bool:
        """Whether its date is over and nobody has said what came of it."""
        until = self.until.date() if isinstance(self.until, datetime) else self.until
        return until is not None and until < now.date()


def waiting(facts: Iterable[Told]) -> list[Waiting]:
    """What waits after these facts, the soonest first; holds are among it, as family `hold`."""
    standing: dict[tuple[str, str], Waiting] = {}
    for fact in facts:
        if fact.type in ENDS:
            standing.pop((ENDS[fact.type], fact.subject_id), None)
        elif fact.type == "case.closed.v1":
            standing = {key: w for key, w in standing.items() if w.type == "placement.recalled.v1"}
        elif fact.type in WAITS:
            family, field = WAITS[fact.type]
            until = _until(fact.data.get(field))
            standing[family, fact.subject_id] = Waiting(fact.type, family, fact.subject_id, fact.label, until)
    return sorted(standing.values(), key=lambda w: (w.until is None, str(w.until), w.id))


def _until(value: object) -> datetime | date | None:
    """An instant, a day, or the first day of a plan's instalments."""
    if isinstance(value, list) and value:
        value = value[0].get("due_on")
    if not isinstance(value, str):
        return None
    return date.fromisoformat(value) if len(value) == len("2026-01-05") else datetime.fromisoformat(value)


def climbed(facts: Iterable[Told]) -> dict[str, datetime]:
    """When each rung of the ladder was first reached."""
    reached: dict[str, datetime] = {}
    for fact in facts:
        rung = fact.label if fact.type == "notice.sent.v1" else RUNGS.get(fact.type, "")
        if rung in LADDER:
            reached.setdefault(rung, fact.at)
    return reached
