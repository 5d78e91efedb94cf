"""Holidays and worked weekends, from a table of one file per country and year, that ops complete without a release.

TOML (`jurisdiction`, `year`, `[holidays]`, `[working_days]` with day = name) or CSV (`date,kind,name`, the file named
like IN-2026.csv). A later folder's year takes the place of an earlier one's. What is not there is not known.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, TypeAlias

from services.rulebook.reading import BadPack, Document
from services.rulebook.shape import Mistake, Must

FOLDER = Path(__file__).parent / "calendars"
HOLIDAYS, WORKING_DAYS = "holidays", "working_days"
SATURDAY = 5

Calendars: TypeAlias = Mapping[str, Mapping[int, tuple[date, ...]]]
"""Name → year → the days it marks."""

FOUR_DIGITS = Must(lambda year: 1900 <= year <= 9999, "must be a year of four digits")


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """One year of one jurisdiction. `working_days`: days of a weekend that are worked in exchange."""

    jurisdiction: str
    year: Annotated[int, FOUR_DIGITS]
    source: str = ""
    holidays: dict[str, str]
    working_days: dict[str, str] = field(default_factory=dict)


@cache
def load_calendars(folder: Path = FOLDER, more: Path | None = None) -> Mapping[str, Calendars]:
    """Jurisdiction → its calendars, from the shipped table and, over it, the house's own folder. Raises BadPack."""
    found: dict[str, dict[str, dict[int, tuple[date, ...]]]] = {}
    for path in _files(folder, more):
        year = read_year(path)
        mine = found.setdefault(year.jurisdiction, {HOLIDAYS: {}, WORKING_DAYS: {}})
        mine[HOLIDAYS][year.year] = _days(year.holidays)
        mine[WORKING_DAYS][year.year] = _days(year.working_days)
    return found


def read_year(path: Path) -> Year:
    """One file of the table. Raises BadPack with every mistake and its line."""
    document = Document.of_csv(path) if path.suffix == ".csv" else Document(path)
    problems = list(document.unread)
    year = document.tried(Year, document.data, problems)
    if year is not None:
        problems += (document.problem(loc, what) for loc, what in _mistakes(year))
    if problems or year is None:
        raise BadPack(problems)
    if not year.holidays:
        raise BadPack([document.problem((HOLIDAYS,), "names no day; leave the file out while its days are not known")])
    return year


def _mistakes(year: Year) -> Iterable[Mistake]:
    return (
        ((part, day), what)
        for part, days in ((HOLIDAYS, year.holidays), (WORKING_DAYS, year.working_days))
        for day in days
        if (what := _wrong(day, part, year))
    )


def is_working_day(calendars: Calendars, day: date) -> bool | None:
    """Whether people work on a day; None where its year is not known."""
    holidays = calendars.get(HOLIDAYS, {})
    if day.year not in holidays:
        return None
    if day in calendars.get(WORKING_DAYS, {}).get(day.year, ()):
        return True
    return day.weekday() < SATURDAY and day not in holidays[day.year]


def working_days_after(calendars: Calendars, day: date, count: int) -> date | None:
    """The day that lies so many working days later; None where a year on the way is not known."""
    while count > 0:
        day += timedelta(days=1)
        works = is_working_day(calendars, day)
        if works is None:
            return None
        count -= works
    return day


def _files(folder: Path, more: Path | None) -> Iterable[Path]:
    for place in (folder, *([more] if more else [])):
        yield from sorted(path for path in place.glob("*") if path.suffix in (".toml", ".csv"))


def _wrong(day: str, part: str, year: Year) -> str:
    try:
        known = date.fromisoformat(day)
    except ValueError:
        return "is no day; write it like 2026-10-01"
    if known.year != year.year:
        return f"is not in {year.year}"
    return "is a holiday and a working day" if part == WORKING_DAYS and day in year.holidays else ""


def _days(named: Mapping[str, str]) -> tuple[date, ...]:
    return tuple(sorted(date.fromisoformat(day) for day in named))
