"""Local days and wall-clock edges of a time zone, right over midnight and over changes of summer time."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo | None:
    """The zone of an IANA name; None where there is no such zone."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """The calendar day that people there have at this instant."""
    return at.astimezone(zone).date()


def on(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """The first instant at which clocks there show `wall` on `day`; where they skip it, when they have."""
    return datetime.combine(day, wall, zone).astimezone(UTC)


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a calendar day begins there."""
    return on(day, time(0), zone)


def next_at(after: datetime, wall: time, zone: ZoneInfo) -> datetime:
    """The first instant later than `after` at which clocks there show `wall`."""
    today = local_day(after, zone)
    return min(edge for n in range(-1, 3) if (edge := on(today + n * DAY, wall, zone)) > after)
