"""Which word of core banking about a loan counts, when words come late, twice or with odd dates. One rule for all.

A word that stops counts unless it is provably old; a word that starts counts only where it is provably new. In this
order: what ends a loan always counts; where both have a `loan_version` the version decides; else the business day and
the time at which it was said. A date from the future proves nothing: no word is later than the broker took it, and a
snapshot no less than a fact. What a snapshot shows is followed where it is older in nothing.
docs/explanation/choreography.md, "Which word counts", says the same for people.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

Kind = Literal["starts", "tells", "undoes", "stops", "ends"]
"""starts: past due. tells: a payment that leaves something. undoes: one taken back. stops: nothing is past due (cured,
paid in full, a new schedule). ends: closed or charged off."""

A_DAY = timedelta(days=1)
"""A business day may be a day ahead of UTC, by its zone or by a bank that closes its day early."""


@dataclass(frozen=True, slots=True)
class Word:
    """One fact about a loan. said: its time, no later than the broker took it. day: its business day, likewise."""

    kind: Kind
    said: datetime
    day: date | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What counts so far: the latest time, business day and version heard, and whether the last word stopped."""

    said: datetime | None = None
    day: date | None = None
    version: int | None = None
    stopped: bool = False


def said_at(happened: datetime, recorded: datetime) -> datetime:
    """When a fact was said: the time it names, unless that lies after the broker took it."""
    return min(happened, recorded)


def day_at(day: date, said: datetime) -> date:
    """The business day that a word names, unless that lies beyond the day after it was said."""
    return min(day, said.astimezone(UTC).date() + A_DAY)


def word(kind: Kind, said: datetime, day: date | None = None, version: int | None = None) -> Word:
    """A fact as a word. Without a business day of its own (payments) it counts for the day on which it was said."""
    return Word(kind, said, said.astimezone(UTC).date() if day is None else day_at(day, said), version)


def shown(past_due: bool, taken: datetime, recorded: datetime, day: date, version: int | None = None) -> Word:
    """What a snapshot shows of a loan, as a word: its time and its day are bounded like those of any other."""
    return word("starts" if past_due else "stops", said_at(taken, recorded), day, version)


def repairs(shown: Word, known: Known) -> bool:
    """Whether what a snapshot shows is followed: it is older in nothing. In a tie of all only a stop is.

    More is asked of it than of a fact, for it tells what was true when it was taken, not what has just happened.
    """
    ahead = shown.version - known.version if shown.version and known.version else 0
    if ahead < 0 or (known.said and shown.said < known.said) or _before(shown, known):
        return False
    tied = not ahead and (shown.said, shown.day) == (known.said, known.day)
    return shown.kind == "stops" or not tied


def counts(word: Word, known: Known) -> bool:
    """Whether a word is to be followed after what is known. A tie, and every doubt, goes to the stop."""
    if known.said is None or word.kind == "ends":
        return True
    if word.version is not None and known.version is not None:
        return word.version > known.version or (word.version == known.version and _repeated(word, known))
    if word.kind == "stops":
        return word.said >= known.said or not _before(word, known)
    tie_counts = not known.stopped or word.kind == "undoes" or _after(word, known)
    later = word.said > known.said or (word.said == known.said and tie_counts)
    return later and not _before(word, known)


def heard(word: Word, known: Known) -> Known:
    """What is known once a word was followed."""
    days = [day for day in (word.day, known.day) if day is not None]
    said = word.said if known.said is None else max(word.said, known.said)
    version = max(word.version or 0, known.version or 0) or None
    return Known(said, max(days, default=None), version, word.kind in ("stops", "ends"))


def _repeated(word: Word, known: Known) -> bool:
    """A version told again: a stop always, anything else only while nothing has stopped."""
    return word.kind == "stops" or (not known.stopped and not _before(word, known))


def _after(word: Word, known: Known) -> bool:
    """A later business day."""
    return word.kind == "starts" and word.day is not None and known.day is not None and word.day > known.day


def _before(word: Word, known: Known) -> bool:
    """An older business day. A payment has none that orders it: its value date may lie anywhere."""
    if word.kind in ("tells", "undoes") or word.day is None or known.day is None:
        return False
    return word.day < known.day
