"""What decisions refer to besides the borrower: the strategy's values, the agencies and their staff, the moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Protocol

from services.rulebook.shelf import Shelf, load_rulebooks
from services.rulebook.strategy import Strategy


@dataclass(frozen=True, slots=True)
class Staff:
    """A visitor of an agency."""

    staff_id: str
    badge: str
    certified_until: date
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agency:
    """An agency as its licence and its suspension describe it."""

    agency_id: str
    name: str = ""
    licensed_until: date | None = None
    staff: tuple[Staff, ...] = ()
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """The values of the strategy that visits follows; windows are the borrower's local time.

    tries_max: plans that may come to nothing (denied, nobody free) before the placement counts as not permitted.
    result_wait: a team that was told go and stays silent so long after its window has no result.
    """

    strategy: str
    windows: tuple[tuple[time, time], ...]
    attempts_max: int
    gap: timedelta
    lead: timedelta
    team_size: int
    places: tuple[str, ...]
    documents: tuple[str, ...]
    feedback: timedelta
    not_reported: timedelta
    result_wait: timedelta = timedelta(hours=72)
    tries_max: int = 6
    retry_after: timedelta = timedelta(days=1)
    staff_day_max: int = 12
    search_days: int = 7
    promise_days_max: int = 60
    visits_vulnerable: bool = False

    @classmethod
    def of(cls, strategy: Strategy) -> "Policy":
        """What a strategy says of visits."""
        visit = strategy.visit
        return cls(
            strategy=strategy.label,
            windows=tuple((window.start, window.end) for window in visit.windows),
            attempts_max=visit.attempts_max,
            gap=timedelta(days=visit.days_between_attempts),
            lead=timedelta(days=visit.lead_days),
            team_size=visit.team_size,
            places=visit.places,
            documents=visit.documents,
            feedback=timedelta(hours=visit.feedback_hours),
            not_reported=timedelta(hours=visit.not_reported_hours),
        )


@dataclass(frozen=True, slots=True)
class Panel:
    """The service's reference data: strategy values, agencies, who is booked how often on which day, rule books."""

    policy: Policy
    agencies: Mapping[str, Agency] = field(default_factory=dict)
    booked: Mapping[tuple[str, date], int] = field(default_factory=dict)
    paused: bool = False
    rulebooks: Shelf = field(default_factory=load_rulebooks)


class Moment(Protocol):
    """What a decision may know of the world besides the state: the kit's Context is one."""

    @property
    def now(self) -> datetime:
        """The business instant."""
        ...

    @property
    def cause(self) -> str:
        """Id of what made us decide."""
        ...

    @property
    def happened(self) -> datetime:
        """The cause's own time."""
        ...

    @property
    def recorded(self) -> datetime:
        """When the broker, or the service, took the cause."""
        ...

    @property
    def known_as_of(self) -> datetime:
        """Up to when the stopping facts are known."""
        ...

    @property
    def reference(self) -> Panel:
        """The reference data."""
        ...
