"""Looks which versions of the rule books are in force: what was allowed under another is asked anew, at once.

Also says, as metrics and in the log, when something is missing that makes the gate deny: a version that was activated
and is not installed, or a calendar that does not know the year.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog
from prometheus_client import Gauge
from sqlalchemy import Connection, select

from services.kit.plug import Runtime
from services.notifier.domain import Borrower, Policy
from services.notifier.store import activations_of, contacts, decisions
from services.rulebook.packs import Rulebook
from services.rulebook.shelf import Shelf

log = structlog.get_logger(__name__)
Running: TypeAlias = Runtime[Borrower, Policy]
Seen: TypeAlias = tuple[frozenset[str], frozenset[int]]

LOOK_SECONDS = 1.0
AHEAD = timedelta(days=30)
"""So long before a year begins its calendars should be known."""

MISSING = Gauge(
    "arrears_notifier_rulebooks_missing", "Versions of rule books that were activated and are not installed."
)
UNKNOWN = Gauge(
    "arrears_notifier_calendar_years_unknown", "Years that a rule in force needs, now or soon, and no calendar knows."
)


@dataclass(slots=True)
class Watch:
    """Keeps an eye on the versions for the partitions of this worker."""

    runtime: Running
    shelf: Shelf
    _seen: Seen | None = None
    _said: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """Look again and again; while the database is away, later."""
        while True:
            try:
                await asyncio.to_thread(self.look)
            except Exception as error:
                log.warning("rulebook_watch_waits", reason=type(error).__name__, detail=str(error)[:200])
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Wake whoever has something open that another version allowed; only when something has changed since."""
        now, owned = self.runtime.clock.now(), self.runtime.owned()
        with self.runtime.engine.begin() as db:
            shelf = self.shelf.activated(activations_of(db))
            seen = frozenset(book.label for book in _in_force(shelf, now)), owned
            if seen != self._seen:
                self.runtime.wake(_under_others(db, *seen))
        self._seen = seen
        self._complain(shelf, now)

    def _complain(self, shelf: Shelf, now: datetime) -> None:
        missing = [f"{one.target} {one.version}" for one in shelf.missing()]
        unknown = [
            f"{book.label} {name} {year}"
            for book in _in_force(shelf, now)
            for name, year in sorted(book.calendar_years_unknown({now.year, (now + AHEAD).year}))
        ]
        MISSING.set(len(missing))
        UNKNOWN.set(len(unknown))
        for what in {*missing, *unknown} - self._said:
            log.error("rulebook_incomplete", what=what)
        self._said = {*missing, *unknown}


def _in_force(shelf: Shelf, now: datetime) -> Iterator[Rulebook]:
    return (book for country in shelf if (book := shelf.in_force(country, now)) is not None)


def _under_others(db: Connection, labels: frozenset[str], partitions: frozenset[int]) -> Sequence[str]:
    """Borrowers with an open contact that was allowed by a version that is not in force."""
    query = (
        select(contacts.c.borrower_id)
        .distinct()
        .join(decisions, decisions.c.contact_id == contacts.c.contact_id)
        .where(
            contacts.c.partition.in_(partitions),
            contacts.c.state.in_(("pending", "permitted")),
            decisions.c.allowed,
            decisions.c.rulebook.not_in(labels),
        )
    )
    return list(db.execute(query).scalars())
