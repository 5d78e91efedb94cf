"""Rules about the time of day and the days of a calendar."""

from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Annotated

from services.rulebook.kinds.asking import AT_LEAST_ONE, PASSES, Finding, Question
from services.rulebook.local import DAY, day_start, next_at, on
from services.rulebook.question import Consent, ConsentKind


@dataclass(frozen=True, slots=True)
class QuietHours:
    """No contact from `start` to `end` in the borrower's local time, unless a consent of kind `lifted_by` covers it."""

    start: time
    end: time
    lifted_by: ConsentKind | None = None
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """Quiet hours are half open: at `start` it is quiet, at `end` it is not."""
        if self._shows_quiet(q.wall) and not self._lifted(q.at, q):
            text = f"quiet from {self.start:%H:%M} to {self.end:%H:%M}; it is {q.wall:%H:%M} there"
            return Finding(passes=False, text=text, retry_at=self._opens(q))
        return Finding(passes=True, ends_at=self._closes(q))

    def _shows_quiet(self, wall: time) -> bool:
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end

    def _quiet(self, at: datetime, q: Question) -> bool:
        return self._shows_quiet(at.astimezone(q.zone).time())

    def _lifted(self, at: datetime, q: Question) -> Consent | None:
        for consent in q.profile.consents:
            if consent.kind == self.lifted_by and consent.holds(at, q.proposal.channel):
                return consent
        return None

    def _opens(self, q: Question) -> datetime:
        """When the quiet ends, or sooner, when a consent begins."""
        edge = next_at(q.at, self.end, q.zone)
        given = [c.given_at for c in q.profile.consents if c.kind == self.lifted_by and q.at < c.given_at < edge]
        return min([edge, *(at for at in given if self._lifted(at, q))])

    def _next_start(self, q: Question) -> datetime:
        today = on(q.day, self.start, q.zone)
        return today if q.at < today else next_at(q.at, self.start, q.zone)

    def _closes(self, q: Question) -> datetime | None:
        """When the next quiet begins that no consent lifts; None when a consent without end lifts it."""
        edge = q.at if self._shows_quiet(q.wall) else self._next_start(q)
        for _ in range(len(q.profile.consents)):
            consent = self._lifted(edge, q)
            if consent is None or consent.expires_at is None:
                return edge if consent is None else None
            ends = consent.expires_at
            edge = ends if self._quiet(ends, q) else next_at(ends, self.start, q.zone)
        return edge


@dataclass(frozen=True, slots=True)
class RequestedQuiet:
    """No contact at the times of day at which the borrower asked to be left in peace."""

    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """Each request decides; a permit ends where the next of them begins."""
        times = [t for t in q.profile.quiet_times if not t.channels or q.proposal.channel in t.channels]
        if not times:
            return PASSES
        edges = sorted({next_at(q.at, wall, q.zone) for t in times for wall in (t.start, t.end)} | {q.tomorrow})
        if any(t.holds(q.wall, q.proposal.channel) for t in times):
            free = (edge for edge in edges if not self._asked(edge, q))
            return Finding(False, f"the borrower asked for peace at this time; it is {q.wall:%H:%M}", next(free, None))
        return Finding(passes=True, ends_at=next((edge for edge in edges if self._asked(edge, q)), None))

    def _asked(self, at: datetime, q: Question) -> bool:
        wall = at.astimezone(q.zone).time()
        return any(t.holds(wall, q.proposal.channel) for t in q.profile.quiet_times)


@dataclass(frozen=True, slots=True)
class Blackout:
    """No contact on the days of a calendar. A year that the calendar does not know does not pass."""

    calendar: str
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """The borrower's local day decides."""
        years = q.calendars.get(self.calendar, {})
        if q.day.year not in years:
            return Finding(False, f"the calendar {self.calendar} is not known for {q.day.year}", self._next_year(q))
        if q.day not in years[q.day.year]:
            return Finding(passes=True, ends_at=q.tomorrow)
        free = q.day + DAY
        while free in years.get(free.year, ()):
            free += DAY
        return Finding(False, f"{q.day} is a day of {self.calendar}", day_start(free, q.zone))

    def _next_year(self, q: Question) -> datetime | None:
        """The first day of the next year that is known, should the table not be completed before."""
        known = [year for year in q.calendars.get(self.calendar, {}) if year > q.day.year]
        return day_start(q.day.replace(year=min(known), month=1, day=1), q.zone) if known else None


@dataclass(frozen=True, slots=True)
class Spacing:
    """After a call that nobody answered, none to the same person for `minutes`."""

    minutes: Annotated[int, AT_LEAST_ONE]
    days_back: int = field(default=1, init=False)

    def judge(self, q: Question) -> Finding:
        """Calls to come, already reserved, keep the same distance."""
        near = self.minutes * 60.0
        calls = [
            c.at
            for c in q.history.contacts
            if c.channel == "voice" and not c.connected and c.contact_id != q.proposal.contact_id
        ]
        close = [at for at in calls if abs((at - q.at).total_seconds()) < near]
        if not close:
            return PASSES
        ends = max(close) + DAY * (self.minutes / 1440)
        return Finding(False, f"a call at {max(close).astimezone(q.zone):%H:%M} was not answered", ends)
