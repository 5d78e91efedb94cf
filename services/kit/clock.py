"""The one port through which time comes in: the system's, a scaled one for the demo, a manual one for tests."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells business time and converts it to and from true (wall) time. Pure functions of the wall clock."""

    def now(self) -> datetime:
        """The business instant, aware, UTC."""
        ...

    def at(self, wall: datetime) -> datetime:
        """The business instant at a true instant."""
        ...

    def wall(self, instant: datetime) -> datetime:
        """The true instant at which the business clock shows `instant`."""
        ...

    def seconds(self, business: timedelta) -> float:
        """True seconds that a stretch of business time takes."""
        ...


@dataclass(frozen=True, slots=True)
class ScaledClock:
    """Business time runs `factor` times as fast as true time, from `start` at the true instant `origin`.

    All processes given the same three numbers show the same time. Factor 1 with start = origin is the system's clock.
    """

    start: datetime
    origin: datetime
    factor: float

    def now(self) -> datetime:
        """The business instant, aware, UTC."""
        return self.at(datetime.fromtimestamp(time.time(), UTC))

    def at(self, wall: datetime) -> datetime:
        """The business instant at a true instant."""
        return self.start + (wall - self.origin) * self.factor

    def wall(self, instant: datetime) -> datetime:
        """The true instant at which the business clock shows `instant`."""
        return self.origin + (instant - self.start) / self.factor

    def seconds(self, business: timedelta) -> float:
        """True seconds that a stretch of business time takes."""
        return business.total_seconds() / self.factor


FACTOR_MIN, FACTOR_MAX = 0.001, 10_000_000.0
"""From a second in a quarter of an hour to a year in three seconds; beyond, instants can no longer be told apart."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SYSTEM = ScaledClock(EPOCH, EPOCH, 1)


@dataclass(slots=True)
class ManualClock:
    """Shows what it was set to; for tests and simulation. One business second is one true second."""

    instant: datetime

    def now(self) -> datetime:
        """The instant it was set to."""
        return self.instant

    def at(self, wall: datetime) -> datetime:
        """The same instant."""
        return wall

    def wall(self, instant: datetime) -> datetime:
        """The same instant."""
        return instant

    def seconds(self, business: timedelta) -> float:
        """The same seconds."""
        return business.total_seconds()


def clock_from(setting: str) -> Clock:
    """Read `system` or the scaled form; instants are ISO 8601 with an offset.

    The form is `scaled|2026-01-05T00:00:00+00:00|2026-11-23T10:00:00+00:00|21600`.
    Raises ValueError that says what is wrong.
    """
    if setting == "system":
        return SYSTEM
    kind, *parts = setting.split("|")
    if kind != "scaled" or len(parts) != 3:
        raise ValueError(f"clock {setting!r} is neither 'system' nor 'scaled|<start>|<origin>|<factor>'")
    start, origin, factor = datetime.fromisoformat(parts[0]), datetime.fromisoformat(parts[1]), float(parts[2])
    if start.tzinfo is None or origin.tzinfo is None:
        raise ValueError(f"clock {setting!r}: instants need an offset")
    if not FACTOR_MIN <= factor <= FACTOR_MAX:  # not-a-number is in no range
        raise ValueError(f"clock {setting!r}: the factor must be from {FACTOR_MIN:g} to {FACTOR_MAX:,.0f}")
    return ScaledClock(start, origin, factor)
