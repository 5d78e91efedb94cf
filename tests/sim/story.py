"""What happens from outside, and when a service is away: made from a seed, printable, of parts that can be left out.

A story has steps (the bank's facts, officers' commands), spells in which a service reads nothing, and borrowers whose
own habits, like those of carriers and agencies, come from the seed's dice.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from schemas.topics import ASSIGNMENT, NOTIFIER, VISITS

BEGINS = datetime(2026, 3, 1, 16, 0, tzinfo=UTC)  # midnight of a Monday in Shanghai
DAY = timedelta(days=1)
DAYS_MAX = 600
"""A story ends here at the latest. It is so long that each comes to its number of facts, where little happens too."""
MONTH = 31
NUMBERS = 2
"""Partitions of every topic here: few, so that borrowers share them."""

GRID = timedelta(milliseconds=100)
"""All instants are multiples of it: what happens within it happens at once, in an order that the seed gives."""

PRODUCTS = ("consumer_loan", "micro_loan", "credit_card")
ZONES = (("CN-GD", "Asia/Shanghai"), ("CN-ZJ", "Asia/Shanghai"), ("CN-XJ", "Asia/Urumqi"))


@dataclass(frozen=True, slots=True)
class Step:
    """Something from outside. `size` is what the kind makes of it: a percentage, a number of days, a variant."""

    at: datetime
    kind: str
    borrower: str
    loan: str = ""
    size: int = 0

    def __str__(self) -> str:
        return f"{when(self.at)}  {self.kind:<12} {self.loan or self.borrower} {self.size or ''}".rstrip()


@dataclass(frozen=True, slots=True)
class Spell:
    """A service does not read a partition number from `begins` until `ends`; with `timers` its timers still run."""

    service: str
    number: int
    begins: datetime
    ends: datetime
    timers: bool

    def __str__(self) -> str:
        what = "reads nothing" if self.timers else "is away"
        return f"{when(self.begins)}  {self.service} {what} on {self.number} until {when(self.ends)}"


@dataclass(frozen=True, slots=True)
class Borrower:
    """Who somebody is. versions: whether their bank numbers the facts of a loan."""

    borrower_id: str
    region: str
    time_zone: str
    versions: bool
    vulnerable: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """One seed's story, until `events` facts have been said."""

    seed: int
    events: int
    borrowers: tuple[Borrower, ...]
    steps: tuple[Step, ...]
    spells: tuple[Spell, ...]

    @property
    def parts(self) -> tuple[Step | Spell, ...]:
        """What may be left out."""
        return (*self.steps, *self.spells)

    def lived(self, days: int) -> tuple[Step | Spell, ...]:
        """The parts that began before it was over, so many days after its first step."""
        ends = self.steps[0].at + (days + 1) * DAY if self.steps else BEGINS
        return tuple(p for p in self.parts if (p.at if isinstance(p, Step) else p.begins) <= ends)

    def having(self, parts: Sequence[object]) -> "Story":
        """The story with these parts alone."""
        kept = set(map(id, parts))
        return replace(
            self,
            steps=tuple(step for step in self.steps if id(step) in kept),
            spells=tuple(spell for spell in self.spells if id(spell) in kept),
        )


def when(instant: datetime) -> str:
    """An instant as day and time since the story began."""
    passed = instant - BEGINS
    seconds = passed.seconds + passed.microseconds / 1_000_000
    return f"day {passed.days:>2} {int(seconds // 3600):02}:{int(seconds // 60 % 60):02}:{seconds % 60:04.1f}"


def told(seed: int, events: int = 200) -> Story:
    """The story of a seed."""
    pick = random.Random(f"story {seed}")
    borrowers = tuple(_borrower(pick, f"B-{n}") for n in range(1, pick.choice((2, 2, 3)) + 1))
    day_end = timedelta(minutes=30 * pick.randrange(48))
    steps = [step for borrower in borrowers for step in _life(pick, borrower.borrower_id, day_end)]
    return Story(seed, events, borrowers, tuple(sorted(steps, key=lambda s: (s.at, s.loan, s.kind))), _spells(pick))


def _borrower(pick: random.Random, borrower_id: str) -> Borrower:
    region, zone = pick.choice(ZONES)
    return Borrower(borrower_id, region, zone, versions=pick.random() < 0.5, vulnerable=pick.random() < 0.08)


def _at(pick: random.Random, day: float, spread_hours: float = 24) -> datetime:
    ticks = int((day * 86_400 + pick.random() * spread_hours * 3600) * 10)
    return BEGINS + ticks * GRID


INCIDENTS = {
    "pay": 8, "pay_all": 5, "reverse": 1, "cure": 1, "pause": 3, "resume": 1, "restructure": 1, "charge_off": 1,
    "close": 1, "snapshot": 3, "grow": 3, "record": 2, "hold": 3, "recall": 1, "legal": 1, "resolve": 1,
    "complain": 1, "lose": 3, "due_soon": 1, "retell": 2,
}  # fmt: skip


FOLLOWED = {
    "pay": "reverse", "pay_all": "reverse", "pause": "resume", "hold": "release", "lose": "snapshot",
    "record": "record",
}  # fmt: skip


def _life(pick: random.Random, borrower_id: str, day_end: timedelta) -> list[Step]:
    loans = [f"L-{borrower_id[2:]}{letter}" for letter in "abc"[: pick.choice((1, 1, 2, 3))]]
    steps = [Step(_at(pick, 0, 1), "record", borrower_id)]
    for loan in loans:
        begins = pick.choice((1, 2, 3, 5, 9, 14))
        steps.append(Step(_at(pick, begins - 1), "due_soon", borrower_id, loan))
        steps += _overdue(pick, borrower_id, loan, begins, day_end)
    for _ in range(pick.randint(2, 9)):
        steps += _incident(pick, borrower_id, pick.choice(loans))
    return steps


def _overdue(pick: random.Random, borrower_id: str, loan: str, begins: int, day_end: timedelta) -> list[Step]:
    """An instalment is not paid; the bank says so every few days, at the end of its day, for all at once.

    Each month another loan begins like that.
    """
    steps, pace = [Step(BEGINS + begins * DAY + day_end, "overdue", borrower_id, loan)], pick.choice((1, 3, 5, 9))
    for day in range(begins + pace, DAYS_MAX, pace):
        of = f"{loan}{day // MONTH}" if day > MONTH + begins else loan
        size = 0 if (day - begins) % MONTH < pace else 1
        steps.append(Step(BEGINS + day * DAY + day_end, "overdue", borrower_id, of, size))
    return steps


def _incident(pick: random.Random, borrower_id: str, loan: str) -> list[Step]:
    """Something happens; what begins so often ends some days later."""
    kind, day = pick.choices(list(INCIDENTS), list(INCIDENTS.values()))[0], pick.randint(2, 40)
    steps = [Step(_at(pick, day), kind, borrower_id, loan, pick.randint(1, 99))]
    if kind in FOLLOWED and pick.random() < 0.6:
        after = day + pick.choice((0.1, 1, 4, 12))
        steps.append(Step(_at(pick, after), FOLLOWED[kind], borrower_id, loan, pick.randint(1, 99)))
    return steps


def _spells(pick: random.Random) -> tuple[Spell, ...]:
    return tuple(_spell(pick) for _ in range(pick.randint(0, 5)))


def _spell(pick: random.Random) -> Spell:
    begins = _at(pick, pick.randint(1, 40))
    length = timedelta(seconds=pick.choice((30, 300, 3600, 6 * 3600, 18 * 3600)))
    service = pick.choice((NOTIFIER, ASSIGNMENT, VISITS))
    return Spell(service, pick.randrange(NUMBERS), begins, begins + length, pick.random() < 0.5)
