"""What a decision may know besides the state: the instant, its cause, the policy and the panel of agencies."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.values import LAST_DAY
from services.assignment.domain.choice import Panel
from services.rulebook.shelf import Shelf, load_rulebooks
from services.rulebook.strategy import Strategy

FALLBACK_ZONE = "Asia/Shanghai"
"""Dates of a borrower whose zone is unknown or misspelt are read here. Contacts never are: the gate denies those."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What is the same for all borrowers of a partition: strategy, panel, whether it is paused, the rule books.

    retell: how often loans were to be told again at their next snapshot.
    """

    strategy: Strategy
    panel: Panel
    paused: bool = False
    rulebooks: Shelf = field(default_factory=load_rulebooks)
    retell: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """When and why something is decided, and on what knowledge.

    now: the clock's instant. happened: the cause's own time. recorded: when the broker took it. known_as_of: up to
    when all facts about this borrower have been read. paused: no new placement is to be offered.
    retell: as in the reference.
    """

    now: datetime
    happened: datetime
    recorded: datetime
    known_as_of: datetime
    cause: str
    strategy: Strategy
    panel: Panel
    paused: bool = False
    rulebooks: Shelf = field(default_factory=load_rulebooks)
    retell: int = 0


def local_day(instant: datetime, zone: str) -> date:
    """The borrower's calendar day at an instant."""
    return instant.astimezone(_zone(zone)).date()


def end_of(day: date, grace_days: int, zone: str) -> datetime:
    """The instant at which a day and its grace are over where the borrower lives; a day beyond 2199 ends with 2199."""
    return datetime.combine(min(day, LAST_DAY) + timedelta(days=grace_days + 1), time(), tzinfo=_zone(zone))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(FALLBACK_ZONE)
