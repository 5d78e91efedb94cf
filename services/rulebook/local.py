"""Local days and wall-clock edges of a time zone, right over midnight and over changes of summer time."""

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
EDGES = 65_536
"""So many edges are remembered: a year of days in a few dozen zones. Most decisions of a day ask for the same ones."""


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


@lru_cache(maxsize=EDGES)
def on(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """The first instant at which clocks there show `wall` on `day`, or more where they skip it."""
    first, again = _both(day, wall, zone)
    return first if first <= again else _jump(again, first, zone)


@lru_cache(maxsize=EDGES)
def again_on(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """The last instant at which they do: another one where clocks are put back over it."""
    first, again = _both(day, wall, zone)
    return again if first <= again else _jump(again, first, zone)


def _both(day: date, wall: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """By the offset before and by the offset after a change of the clocks; in this order unless they skip `wall`."""
    naive = datetime.combine(day, wall, zone)
    return naive.replace(fold=0).astimezone(UTC), naive.replace(fold=1).astimezone(UTC)


def _jump(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The second in which clocks are put forward between two instants."""
    before = low.astimezone(zone).utcoffset()
    seconds = int((high - low).total_seconds())

    def jumped(second: int) -> bool:
        return (low + timedelta(seconds=second)).astimezone(zone).utcoffset() != before

    return low + timedelta(seconds=bisect_left(range(seconds), True, key=jumped))


@lru_cache(maxsize=EDGES)
def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a calendar day begins there."""
    return on(day, time(0), zone)


def next_at(after: datetime, wall: time, zone: ZoneInfo) -> datetime:
    """The first instant later than `after` at which clocks there show `wall`."""
    day = local_day(after, zone) - DAY
    while (edge := on(day, wall, zone)) <= after and (edge := again_on(day, wall, zone)) <= after:
        day += DAY
    return edge
