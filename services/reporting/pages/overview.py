"""The first page: what is at risk, how cases flow, what today brings, what is wrong, how fresh it all is."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from sqlalchemy import Connection

from services.reporting.api.asked import Desk
from services.reporting.domain.figures import Flow, Portfolio, RiskDay, Tally
from services.reporting.domain.laws import Law
from services.reporting.domain.summary import Latency, Money, flows
from services.reporting.store import laws, letters, portfolio, said, summary, today
from services.reporting.store.stops import Wrongful, wrongful
from services.reporting.store.view import View

DAYS = 90
CACHE_SECONDS = 2.0  # many people may look at the same moment; nobody sees figures older than this


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the first page shows."""

    standing: Portfolio
    risk: Sequence[RiskDay]
    flows: Sequence[Flow]
    laws: Sequence[Law]
    wrongful: Sequence[Wrongful]
    today: Sequence[Tally]
    money: Sequence[Money]
    alarms: Sequence[said.Standing]
    dead_letters: Mapping[str, int]
    overdue_to_notice: Latency
    cure_to_recall: Latency


def gather(desk: Desk, view: View) -> Overview:
    """Ask for everything; the slow halves side by side."""
    since = desk.day_began(view)
    halves: tuple[Callable[[Connection], dict[str, Any]], ...] = (
        lambda db: _standing(db, view, desk.zone),
        lambda db: {**_laws(db, view), "today": today.done(db, view, since)},
    )

    def ask(half: Callable[[Connection], dict[str, Any]]) -> dict[str, Any]:
        with desk.reading() as db:
            return half(db)

    with ThreadPoolExecutor(len(halves)) as pool:
        first, second = pool.map(ask, halves)
    return Overview(**first, **second)


def _standing(db: Connection, view: View, zone: str) -> dict[str, Any]:
    standing = portfolio.portfolio(db, view, zone)
    return {
        "standing": standing,
        "risk": portfolio.at_risk(db, view, zone, DAYS, standing.currency),
        "alarms": said.alarms(db, view),
        "dead_letters": letters.by_service(db),
    }


def _laws(db: Connection, view: View) -> dict[str, Any]:
    courses = laws.courses(db, view)
    return {
        "flows": flows(courses),
        "laws": laws.laws(db, view, courses),
        "wrongful": wrongful(db, view),
        "money": summary.money(db, view),
        "overdue_to_notice": summary.overdue_to_notice(db, view),
        "cure_to_recall": summary.cure_to_recall(db, view),
    }


@dataclass(slots=True)
class Latest:
    """The overview as of now, asked for at most once in a while."""

    desk: Desk
    _lock: Lock = field(default_factory=Lock)
    _until: float = 0.0
    _kept: tuple[View, Overview] | None = None

    def get(self) -> tuple[View, Overview]:
        """The overview and the view that it is of."""
        with self._lock:
            if self._kept is None or time.monotonic() > self._until:
                view = self.desk.view()
                self._kept = view, gather(self.desk, view)
                self._until = time.monotonic() + CACHE_SECONDS
            return self._kept
