"""Rules about how often."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Annotated, Literal, TypeAlias

from schemas.values import Channel
from services.rulebook.kinds.asking import AT_LEAST_ONE, Finding, Question, earliest
from services.rulebook.local import DAY, day_start, local_day
from services.rulebook.question import Consent, ConsentKind, Contacted

Per: TypeAlias = Literal["debtor", "number", "loan"]
NONE: list[list[Contacted]] = [[]]
NOTHING: list[list[date]] = [[]]
"""One scope in which nothing counts."""


@dataclass(frozen=True, slots=True)
class Lifting:
    """A consent of this kind, given for the very channel at most `days_max` days ago, takes a contact out of a rule."""

    consent: ConsentKind
    days_max: int

    def ends_at(self, q: Question) -> datetime | None:
        """When the consent that lifts the rule at this instant ends; None where none does."""
        held = [self._end(c) for c in q.consents(self.consent) if c.channel == q.proposal.channel]
        return max((end for end in held if end > q.at), default=None)

    def begins_at(self, q: Question) -> datetime | None:
        """When the next such consent begins."""
        given = [c.given_at for c in q.profile.consents if c.kind == self.consent and c.given_at > q.at]
        return min(given, default=None)

    def _end(self, consent: Consent) -> datetime:
        end = consent.given_at + timedelta(days=self.days_max)
        return end if consent.expires_at is None else min(end, consent.expires_at)


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `maximum` contacts in any `days` consecutive local days, per debtor, number used, or loan.

    counts: "contacts", or "connected" to leave out calls that are known to be unanswered. channels: those that count,
    none meaning all; a pack's rule hands on its own where none are named.
    """

    maximum: Annotated[int, AT_LEAST_ONE]
    days: Annotated[int, AT_LEAST_ONE] = 1
    per: Per = "debtor"
    counts: Literal["contacts", "connected"] = "contacts"
    lifted_by: Lifting | None = None
    channels: tuple[Channel, ...] = ()

    @property
    def days_back(self) -> int:
        """The days of its window."""
        return self.days

    @property
    def only_connected(self) -> bool:
        """Whether calls that nobody answered are left out."""
        return self.counts == "connected"

    def judge(self, q: Question) -> Finding:
        """Every window of `days` days that holds this day must have room for one more."""
        scopes = _scopes(q, self)
        days = NOTHING if scopes is NONE else [_days(same, q) for same in scopes]
        worst = max([self._fullest(q.day, each) for each in days])
        if worst < self.maximum:
            return Finding(passes=True, ends_at=q.tomorrow, count=worst)
        return self._full(q, worst, days)

    def _full(self, q: Question, worst: int, days: list[list[date]]) -> Finding:
        if self.lifted_by is not None and (ends_at := self.lifted_by.ends_at(q)) is not None:
            return Finding(passes=True, ends_at=ends_at, count=worst)
        text = f"{worst} of at most {self.maximum} per {self.per} in {self.days} day(s)"
        begins_at = self.lifted_by.begins_at(q) if self.lifted_by else None
        return Finding(passes=False, text=text, retry_at=earliest(begins_at, self._room(q, days)), count=worst)

    def _fullest(self, day: date, days: list[date]) -> int:
        if not days:
            return 0
        if self.days == 1:
            return days.count(day)
        starts = (day - n * DAY for n in range(self.days))
        return max(sum(1 for each in days if start <= each < start + self.days * DAY) for start in starts)

    def _room(self, q: Question, days: list[list[date]]) -> datetime | None:
        if self.maximum <= 0:
            return None
        last = max(each for scope in days for each in scope)
        free = q.day + DAY
        while free <= last + self.days * DAY and any(self._fullest(free, each) >= self.maximum for each in days):
            free += DAY
        return day_start(free, q.zone)


@dataclass(frozen=True, slots=True)
class Cooldown:
    """After a contact (or a conversation) none for `days` local days, its own day being the first."""

    days: Annotated[int, AT_LEAST_ONE]
    after: Literal["contact", "conversation"] = "contact"
    per: Per = "debtor"
    lifted_by: Lifting | None = None
    channels: tuple[Channel, ...] = ()

    @property
    def days_back(self) -> int:
        """The days of its rest."""
        return self.days

    @property
    def only_connected(self) -> bool:
        """Whether calls that nobody answered are left out."""
        return self.after == "conversation"

    def judge(self, q: Question) -> Finding:
        """The latest contact decides."""
        days = [each for same in _scopes(q, self) for each in _days(same, q) if each <= q.day]
        ends = max(days) + self.days * DAY if days else q.day
        if ends <= q.day:
            return Finding(passes=True, ends_at=q.tomorrow)
        if self.lifted_by is not None and (ends_at := self.lifted_by.ends_at(q)) is not None:
            return Finding(passes=True, ends_at=ends_at)
        text = f"the last {self.after} was on {max(days)}; {self.days} day(s) must pass"
        begins_at = self.lifted_by.begins_at(q) if self.lifted_by else None
        return Finding(passes=False, text=text, retry_at=earliest(begins_at, day_start(ends, q.zone)))


def _scopes(q: Question, rule: "Cap | Cooldown") -> list[list[Contacted]]:
    """The contacts that count together with this one: of the debtor, of the number, or for each of its loans.

    What is so far away that it cannot lie in any of the rule's days is left out at once.
    """
    own, channels, connected = q.proposal.contact_id, rule.channels, rule.only_connected
    reach = _reach(rule.days)
    first, last = q.at - reach, q.at + reach
    others = [
        c
        for c in q.history.contacts
        if (not channels or c.channel in channels)
        and first < c.at < last
        and (c.connected or not connected)
        and c.contact_id != own
    ]
    if not others:
        return NONE
    if rule.per == "number":
        return [[c for c in others if c.contact_point == q.proposal.contact_point]]
    if rule.per == "loan":
        return [[c for c in others if loan in c.loan_ids] for loan in q.proposal.loan_ids] or [others]
    return [others]


@cache
def _reach(days: int) -> timedelta:
    """No contact so far away lies in one of these days, whatever clocks do: the longest local day has 48 hours."""
    return timedelta(days=days + 2)


def _days(contacts: list[Contacted], q: Question) -> list[date]:
    return [local_day(c.at, q.zone) for c in contacts]
