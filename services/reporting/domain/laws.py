"""What must balance. A law that does not hold says so by name, with both sides and the ids that break it.

Most laws are lives: something begins, goes on, and ends in exactly one way. The others compare two accounts of the same
thing. A law that two topics speak about lets a fact of one wait `SETTLE_SECONDS` for its answer on the other.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal

SETTLE_SECONDS = 15.0
"""True seconds that an answer on another topic may take before its absence breaks a law. Counted, never hidden."""

ANSWERED_WITHIN_DAYS = 14
"""Business days within which a dispute or hardship must have its answer; no review takes half as long."""

OFFENDERS_MAX = 20
"""So many ids are named; the count says how many there are."""

CENT = Decimal("0.01")
BASIS_POINT = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Life:
    """A noun that begins, may begin again, and ends.

    again: types that let an ended one live again. loose: it may end so without having begun (a carrier that refuses
    a notice ends what was never sent). repeats: it may be begun more than once (a permit is asked anew).
    after: what may still be learned once it has ended (a receipt after all), changing how it ended.
    """

    law: str
    noun: str
    begins: str
    ends: tuple[str, ...]
    again: tuple[str, ...] = ()
    loose: frozenset[str] = frozenset()
    after: frozenset[tuple[str, str]] = frozenset()
    repeats: bool = False
    open_as: str = "open"


LIVES = (
    Life("cases", "case", "case.opened.v1", ("case.closed.v1",), again=("case.reopened.v1",)),
    Life(
        "placements offered",
        "placement",
        "placement.offered.v1",
        ("placement.activated.v1", "placement.refused.v1"),
        open_as="pending",
    ),
    Life("placements active", "placement", "placement.activated.v1", ("placement.recalled.v1",), open_as="active"),
    Life(
        "promises",
        "promise",
        "promise.made.v1",
        ("promise.kept.v1", "promise.partly_kept.v1", "promise.broken.v1", "promise.cancelled.v1"),
        again=("promise.reopened.v1",),
    ),
    Life(
        "notices",
        "notice",
        "notice.sent.v1",
        ("notice.delivered.v1", "notice.failed.v1", "notice.unknown.v1"),
        loose=frozenset({"notice.failed.v1", "notice.unknown.v1"}),
        after=frozenset({("notice.unknown.v1", "notice.delivered.v1"), ("notice.unknown.v1", "notice.failed.v1")}),
        open_as="waiting",
    ),
    Life(
        "visits",
        "visit",
        "visit.permit_requested.v1",
        ("visit.completed.v1", "visit.no_contact.v1", "visit.refused.v1", "visit.cancelled.v1", "visit.aborted.v1"),
        repeats=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One fact in the life of a thing: its type and its word."""

    type: str
    word: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """The steps that `count` things of a noun took, in order. ids: some of them."""

    noun: str
    steps: tuple[Step, ...]
    count: int
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lived:
    """A course as one kind of life: how often it lived and ended, how it ended last, and whether that may be."""

    lived: int = 0
    ended: int = 0
    last: Step | None = None
    possible: bool = True

    @property
    def alive(self) -> bool:
        """It goes on."""
        return self.lived > self.ended


@dataclass(frozen=True, slots=True)
class Law:
    """One law as found. `settling` counts what may still be answered in time; it stands on the right side."""

    name: str
    holds: bool
    left: str
    right: str
    equation: str
    offenders: tuple[str, ...] = ()
    offending: int = 0
    settling: int = 0


def lived(life: Life, course: Course) -> Lived:
    """Walk through a course."""
    found = Lived()
    for step in course.steps:
        found = _step(life, found, step)
    return found


def _step(life: Life, so_far: Lived, step: Step) -> Lived:
    if step.type == life.begins:
        return _begin(so_far, again=life.repeats and so_far.lived == 1)
    if step.type in life.again:
        possible = so_far.possible and so_far.lived > 0 and not so_far.alive
        return replace(so_far, lived=so_far.lived + 1, last=None, possible=possible)
    return _end(life, so_far, step) if step.type in life.ends else so_far


def _begin(so_far: Lived, *, again: bool) -> Lived:
    if again:
        return so_far
    return replace(so_far, lived=so_far.lived + 1, possible=so_far.possible and not so_far.lived)


def _end(life: Life, so_far: Lived, step: Step) -> Lived:
    if so_far.last and (so_far.last.type, step.type) in life.after:
        return replace(so_far, last=step)
    if not so_far.lived and step.type in life.loose:
        so_far = replace(so_far, lived=1)
    return replace(so_far, ended=so_far.ended + 1, last=step, possible=so_far.possible and so_far.alive)


def balance(life: Life, courses: Sequence[Course]) -> Law:
    """Judge the law of one kind of life. An impossible course breaks it and puts its sides apart."""
    walked = [(lived(life, course), course) for course in courses if course.noun == life.noun]
    broken = [course for walk, course in walked if not walk.possible]
    left = sum(walk.lived * course.count for walk, course in walked)
    right = sum((walk.ended + (walk.alive and walk.possible)) * course.count for walk, course in walked)
    return Law(
        life.law,
        not broken,
        str(left),
        str(right),
        _equation(life),
        tuple(sorted(i for course in broken for i in course.ids))[:OFFENDERS_MAX],
        sum(course.count for course in broken),
    )


def _equation(life: Life) -> str:
    return (
        f"{' + '.join(map(_short, (life.begins, *life.again)))} = {' + '.join((*map(_short, life.ends), life.open_as))}"
    )


def _short(type_: str) -> str:
    return type_.removesuffix(".v1")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two accounts of one thing in one unit (a currency, or "" for a count). young: told within the settling time."""

    id: str
    unit: str
    left: Decimal
    right: Decimal
    young: bool = False


@dataclass(frozen=True, slots=True)
class Total:
    """Sums of both accounts over everything in one unit."""

    unit: str
    left: Decimal
    right: Decimal


def compare(name: str, equation: str, totals: Sequence[Total], apart: Sequence[Pair]) -> Law:
    """Judge a law that compares two accounts. `apart` are all things on which they differ, also the young ones."""
    settling, broken = [p for p in apart if p.young], [p for p in apart if not p.young]
    waiting = {t.unit: sum((p.left - p.right for p in settling if p.unit == t.unit), Decimal(0)) for t in totals}
    return Law(
        name,
        not broken,
        _sums(totals, lambda t: t.left),
        _sums(totals, lambda t: t.right + waiting[t.unit]),
        equation,
        tuple(sorted(p.id for p in broken))[:OFFENDERS_MAX],
        len(broken),
        len(settling),
    )


def net(told: Iterable[Decimal]) -> Decimal:
    """What is left of one payment id on one loan, of all that core banking told in order: money received above 0, taken
    back below.

    The same amount told again counts once, unless the payment was wholly taken back in between; another amount is other
    money. It may be taken back in parts, also before it is told; what is wholly taken back cannot be taken back again.
    """
    got = back = first = Decimal(0)
    returned = False
    early: list[Decimal] = []
    for amount in told:
        if amount > 0 and (not got or amount != first or (returned and back >= got)):
            back = back if got else _taken(early, amount)
            returned = returned and bool(got) and amount != first
            first, got = first or amount, got + amount
        elif amount < 0 and (not got or got > back):
            early.append(-amount)
            back, returned = back - amount, True
    return got - back


def _taken(parts: Iterable[Decimal], amount: Decimal) -> Decimal:
    """How much of an amount the parts take back, in order; what follows once it is all taken back repeats them."""
    back = Decimal(0)
    for part in parts:
        back += part if back < amount else 0
    return back


def _sums(totals: Sequence[Total], side: Callable[[Total], Decimal]) -> str:
    """Each unit's sum; the unit is named where there are several."""
    several = len(totals) > 1
    return " + ".join(f"{side(t):f}{' ' + t.unit if several and t.unit else ''}" for t in totals) or "0"


def fee(amount: Decimal, basis_points: int) -> Decimal:
    """The agency's fee on an attributed amount: basis points of it, to the cent, half to even."""
    return (amount * basis_points * BASIS_POINT).quantize(CENT, ROUND_HALF_EVEN)


PAYMENTS = ("payments", "received − reversed = agency + in-house + unattributed + settling")
FEES = ("fees", "accrued − reversed = basis points of what is attributed to agencies")
CONTACTS = ("contacts", "allowed = made + withdrawn + pending")
OBJECTIONS = ("objections", "disputes and hardship told = answered + open")
SEQUENCES = ("sequences", "last number said = numbers read, per source")
LAWS = (*(life.law for life in LIVES), PAYMENTS[0], FEES[0], CONTACTS[0], OBJECTIONS[0], SEQUENCES[0])
"""Every law by name, in the order in which they are told."""
