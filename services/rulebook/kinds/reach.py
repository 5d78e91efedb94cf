"""When a debtor counts as lost, so that somebody else may be asked where they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Annotated

from schemas.values import BorrowerStatus
from services.rulebook.kinds.asking import AT_LEAST_ONE, PASSES, Finding, Question
from services.rulebook.local import DAY, day_start, local_day
from services.rulebook.question import Contacted


@dataclass(frozen=True, slots=True)
class LostContact:
    """Somebody else is asked only when the debtor cannot be reached, or is in one of `statuses`.

    Not reached: the last `dials` calls were on one day and nobody answered (then from the next day on), or calls on the
    last `days` days of calling, which follow each other, were all unanswered (then at once), or no number that the
    debtor gave is theirs. Calls older than `valid_days` local days say nothing any more.
    """

    dials: Annotated[int, AT_LEAST_ONE]
    days: Annotated[int, AT_LEAST_ONE]
    valid_days: Annotated[int, AT_LEAST_ONE]
    statuses: tuple[BorrowerStatus, ...] = ()

    @property
    def days_back(self) -> int:
        """Calls count so long."""
        return self.valid_days + self.days

    def judge(self, q: Question) -> Finding:
        """A single answered call begins the test anew."""
        if q.profile.status in self.statuses or q.profile.number_invalid:
            return PASSES
        failed = self._failed(q)
        if not failed:
            return Finding(False, "the debtor has not been tried in vain")
        by_day = [(day, len(list(calls))) for day, calls in groupby(failed, lambda c: local_day(c.at, q.zone))]
        if self._lost(by_day, q.day):
            return Finding(passes=True, ends_at=self._next_call(q))
        return Finding(False, "the debtor can still be reached, as far as is known", self._tomorrow(by_day, q))

    def _failed(self, q: Question) -> Sequence[Contacted]:
        """The debtor's unanswered calls since the last conversation, the earliest first."""
        calls = [c for c in q.history.contacts if c.channel == "voice" and c.party == "debtor" and c.at <= q.at]
        calls.sort(key=lambda c: c.at)
        answered = max((n for n, c in enumerate(calls) if c.connected), default=-1)
        since = q.day - self.valid_days * DAY
        return [c for c in calls[answered + 1 :] if local_day(c.at, q.zone) >= since]

    def _next_call(self, q: Question) -> datetime:
        """The end of the day, or the next call that is reserved: the debtor may answer it."""
        calls = [c.at for c in q.history.contacts if c.channel == "voice" and c.party == "debtor" and c.at > q.at]
        return min([q.tomorrow, *calls])

    def _lost(self, by_day: Sequence[tuple[date, int]], today: date) -> bool:
        return self._on_one_day(by_day, today) or self._day_after_day(by_day)

    def _on_one_day(self, by_day: Sequence[tuple[date, int]], today: date) -> bool:
        return any(count >= self.dials and day < today for day, count in by_day)

    def _day_after_day(self, by_day: Sequence[tuple[date, int]]) -> bool:
        days = {day for day, _ in by_day}
        return any(all(day - n * DAY in days for n in range(self.days)) for day in days)

    def _tomorrow(self, by_day: Sequence[tuple[date, int]], q: Question) -> datetime | None:
        """The next day, where enough calls of this one were in vain."""
        enough = any(count >= self.dials and day == q.day for day, count in by_day)
        return day_start(q.day + DAY, q.zone) if enough else None
