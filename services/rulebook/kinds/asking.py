"""One rule asked about one proposal: what it may know, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Protocol, TypeAlias
from zoneinfo import ZoneInfo

from services.rulebook.question import Consent, ConsentKind, History, Profile, Proposal
from services.rulebook.shape import Must

AT_LEAST_ONE = Must(lambda number: number >= 1, "must be at least 1")
"""Of counts and days: 0 would forbid for ever, or nothing at all, and neither is what such a rule says."""

Calendars: TypeAlias = Mapping[str, Mapping[int, tuple[date, ...]]]
"""Name → year → the days it marks. A year that is not there is not known."""


@dataclass(slots=True)
class Question:
    """One rule asked about one proposal at one instant. `day` and `wall` are what the borrower's clock shows then.

    tomorrow: when the borrower's next calendar day begins. Nobody changes it; it and Finding are not frozen because
    making a frozen one takes three times as long, and every decision makes several.
    """

    proposal: Proposal
    history: History
    profile: Profile
    zone: ZoneInfo
    calendars: Calendars
    at: datetime
    day: date
    wall: time
    tomorrow: datetime

    def consents(self, kind: ConsentKind) -> tuple[Consent, ...]:
        """Consents of a kind that cover this channel at this instant."""
        return tuple(c for c in self.profile.consents if c.kind == kind and c.holds(self.at, self.proposal.channel))


@dataclass(slots=True)
class Finding:
    """What one rule says. retry_at: when it would pass if nothing but time changes; ends_at: when it ceases to pass."""

    passes: bool
    text: str = ""
    retry_at: datetime | None = None
    ends_at: datetime | None = None
    count: int | None = None


PASSES = Finding(passes=True)


class Parameters(Protocol):
    """The parameters of a kind."""

    @property
    def days_back(self) -> int:
        """How many local days of contacts it looks back on."""
        ...

    def judge(self, q: Question) -> Finding:
        """Whether the contact passes."""
        ...


def unless(passes: bool, text: str) -> Finding:
    """A finding that depends on no time."""
    return PASSES if passes else Finding(False, text)


def while_consented(q: Question, kind: ConsentKind, text: str) -> Finding:
    """Passes while a consent of this kind covers the contact."""
    held = q.consents(kind)
    if not held:
        return Finding(False, text)
    ends = [c.expires_at for c in held if c.expires_at is not None]
    return Finding(passes=True, ends_at=max(ends) if len(ends) == len(held) else None)


def earliest(*times: datetime | None) -> datetime | None:
    """The first of those that are known."""
    first = None
    for one in times:
        if one is not None and (first is None or one < first):
            first = one
    return first
