"""What a reader asks for: as known when, as of when; and the connection on which it is answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from schemas.topics import PARTITIONS
from services.kit.plug import Runtime
from services.reporting.domain.laws import SETTLE_SECONDS
from services.reporting.domain.reports import Report
from services.reporting.domain.stops import GRACE_SECONDS
from services.reporting.store.view import View

Reporting: TypeAlias = Runtime[Report, None]


class Unclear(Exception):
    """An instant that cannot be read. The reader made a mistake (HTTP 422)."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where questions are answered. `zone` is the IANA name in which days begin and instants are shown."""

    runtime: Reporting
    zone: str

    def view(self, as_known: str = "", as_of: str = "", *, strict: bool = False) -> View:
        """The view asked for: now where nothing is said. strict: nothing is given time to settle."""
        known = self.instant(as_known) if as_known else self.runtime.clock.now()
        of = self.instant(as_of) if as_of else known
        business_second = timedelta(seconds=1 / self.runtime.clock.seconds(timedelta(seconds=1)))
        settling = timedelta(0) if strict else business_second * SETTLE_SECONDS
        scale = self.runtime.clock.seconds(timedelta(seconds=1))
        return View(known, of, known - settling, business_second * GRACE_SECONDS, scale)

    def instant(self, said: str) -> datetime:
        """An ISO instant, or the end of an ISO day in our zone. Raises Unclear."""
        zone = ZoneInfo(self.zone)
        try:
            if len(said) == len("2026-01-05"):
                return datetime.combine(date.fromisoformat(said) + timedelta(days=1), time(), zone).astimezone(UTC)
            found = datetime.fromisoformat(said.replace(" ", "+"))
        except (ValueError, OverflowError):
            raise Unclear(
                f"{said!r} is neither a day like 2026-01-05 nor an instant like 2026-01-05T18:00+08:00"
            ) from None
        return found if found.tzinfo else found.replace(tzinfo=zone)

    def today(self, view: View) -> date:
        """The day, in our zone, that the view is about."""
        return view.as_of.astimezone(ZoneInfo(self.zone)).date()

    def day_began(self, view: View) -> datetime:
        """When that day began."""
        return datetime.combine(self.today(view), time(), ZoneInfo(self.zone)).astimezone(UTC)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one unchanging state of the tables and changes nothing."""
        with self.runtime.engine.begin() as db:
            db.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            yield db

    def known_as_of(self) -> datetime:
        """Up to when the facts of all partitions have been read."""
        partitions = range(PARTITIONS)
        return min(self.runtime.known_as_of(partition) for partition in partitions)

    def fresh(self) -> bool:
        """Whether every partition is read to within a second of its log's end."""
        return all(self.runtime.fresh(partition) for partition in range(PARTITIONS))
