"""Rules about the time of day and the days of a calendar."""

from dataclasses import dataclass, field
from datetime import datetime, time

from services.rulebook.kinds.asking import Finding, Question
from services.rulebook.local import DAY, day_start, next_at
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
        if self._quiet(q.at, q) and not self._lifted(q.at, q):
            local = q.at.astimezone(q.zone)
            text = f"quiet from {self.start:%H:%M} to {self.end:%H:%M}; it is {local:%H:%M} there"
            return Finding(passes=False, text=text, retry_at=self._opens(q))
        return Finding(passes=True, ends_at=self._closes(q))

    def _quiet(self, at: datetime, q: Question) -> bool:
        wall = at.astimezone(q.zone).time()
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end

    def _lifted(self, at: datetime, q: Question) -> Consent | None:
        consents = (c for c in q.profile.consents if c.kind == self.lifted_by)
        return next((c for c in consents if c.holds(at, q.proposal.channel)), None)

    def _opens(self, q: Question) -> datetime:
        """When the quiet ends, or sooner, when a consent begins."""
        edge = next_at(q.at, self.end, q.zone)
        given = [c.given_at for c in q.profile.consents if c.kind == self.lifted_by and q.at < c.given_at < edge]
        return min([edge, *(at for at in given if self._lifted(at, q))])

    def _closes(self, q: Question) -> datetime | None:
        """When the next quiet begins that no consent lifts; None when a consent without end lifts it."""
        edge = q.at if self._quiet(q.at, q) else next_at(q.at, self.start, q.zone)
        for _ in range(len(q.profile.consents) + 1):
            consent = self._lifted(edge, q)
            if consent is None:
                return edge
            if consent.expires_at is None:
                return None
            ends = consent.expires_at
            edge = ends if self._quiet(ends, q) else next_at(ends, self.start, q.zone)
        return edge


@dataclass(frozen=True, slots=True)
class Blackout:
    """No contact on the days of a calendar. A year that the calendar does not know does not pass."""

    calendar: str
    days_back: int = field(default=0, init=False)

    def judge(self, q: Question) -> Finding:
        """The borrower's local day decides."""
        years = q.calendars.get(self.calendar, {})
        if q.day.year not in years:
            return Finding(False, f"the calendar {self.calendar} is not known for {q.day.year}")
        if q.day not in years[q.day.year]:
            return Finding(passes=True, ends_at=day_start(q.day + DAY, q.zone))
        free = q.day + DAY
        while free in years.get(free.year, ()):
            free += DAY
        return Finding(False, f"{q.day} is a day of {self.calendar}", day_start(free, q.zone))
