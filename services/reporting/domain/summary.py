"""The summary: its parts, and the words under which the courses of things are counted."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from schemas.envelope import Fact
from services.reporting.domain.figures import Flow
from services.reporting.domain.laws import LIVES, Course, Law, Lived, Step, lived


@dataclass(frozen=True, slots=True)
class Money:
    """Payments less reversals in one currency, and to whom they are credited."""

    currency: str
    paid: Decimal
    agency: Decimal
    in_house: Decimal
    unattributed: Decimal


@dataclass(frozen=True, slots=True)
class Latency:
    """True seconds; None where nothing was measured."""

    p50: float | None
    p99: float | None
    count: int


Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How everything fared: state or outcome → count."""

    cases: Counts
    notices: Counts
    placements: Counts
    visits: Counts
    promises: Counts


@dataclass(frozen=True, slots=True)
class Summary:
    """All of it. `types` counts every fact by type."""

    loans: int
    borrowers: int
    types: Counts
    outcomes: Outcomes
    money: Sequence[Money]
    laws: Sequence[Law]
    wrongful_contacts: int
    dead_letters: int
    overdue_to_notice: Latency
    cure_to_recall: Latency

    def as_json(self) -> dict[str, Any]:
        """The summary under the keys that the demo's result file has; amounts as strings, one currency's money."""
        published = {t: n for t, n in self.types.items() if Fact.KINDS[t].TOPIC.intake}
        return {
            "loans": self.loans,
            "borrowers": self.borrowers,
            "published": published,
            "said": {t: n for t, n in self.types.items() if t not in published},
            "cases": self.outcomes.cases,
            "notices": self.outcomes.notices,
            "placements": self.outcomes.placements,
            "visits": self.outcomes.visits,
            "promises": self.outcomes.promises,
            "money": _money(self.money),
            "laws": [{"name": x.name, "holds": x.holds, "left": x.left, "right": x.right} for x in self.laws],
            "wrongful_contacts": self.wrongful_contacts,
            "dead_letters": self.dead_letters,
            "latency_seconds": {
                "overdue_to_notice": _latency(self.overdue_to_notice),
                "cure_to_recall": _latency(self.cure_to_recall),
            },
        }


def _money(all_: Sequence[Money]) -> dict[str, str | None]:
    """The money of the currency most was paid in."""
    most = all_[0] if all_ else Money("", Decimal("0.00"), Decimal("0.00"), Decimal("0.00"), Decimal("0.00"))
    return {
        "paid": f"{most.paid:f}",
        "attributed": f"{most.agency + most.in_house:f}",
        "unattributed": f"{most.unattributed:f}",
        "currency": most.currency or None,
    }


def _latency(latency: Latency) -> dict[str, float | None]:
    return {"p50": latency.p50, "p99": latency.p99}


def outcomes(courses: Sequence[Course]) -> Outcomes:
    """Count how things ended, or that they go on."""
    return Outcomes(
        cases=_count("cases", courses, lambda last: last.word),
        notices=_count("notices", courses, _ending),
        placements=_placements(courses),
        visits=_count("visits", courses, _visit),
        promises=_count("promises", courses, _ending),
    )


def _count(law: str, courses: Sequence[Course], word: Callable[[Step], str]) -> Counts:
    life, counts = next(life for life in LIVES if life.law == law), Counter[str]()
    for course in courses:
        walk = lived(life, course) if course.noun == life.noun else Lived()
        if walk.lived:
            counts[word(walk.last) if walk.last and not walk.alive else life.open_as] += course.count
    return dict(sorted(counts.items()))


def _ending(last: Step) -> str:
    """`promise.partly_kept.v1` → `partly_kept`."""
    return last.type.split(".")[1]


def _visit(last: Step) -> str:
    """What a visit that was made ended as; `cancelled` or `aborted` where it was not."""
    ending = _ending(last)
    return ending if ending in {"cancelled", "aborted"} else last.word


def _placements(courses: Sequence[Course]) -> Counts:
    """Pending and refused offers, active placements, and recalled ones by cause."""
    offered = _count("placements offered", courses, _ending)
    active = _count("placements active", courses, lambda last: f"recalled:{last.word}")
    return dict(sorted({**{k: n for k, n in offered.items() if k != "activated"}, **active}.items()))


def flows(courses: Sequence[Course]) -> list[Flow]:
    """How cases went from stage to stage and out: `still:` where they stand, `out:` how they ended."""
    counts = Counter[tuple[str, str]]()
    for course in courses:
        if course.noun == "case":
            for way in _ways(course.steps):
                counts[way] += course.count
    return [
        Flow(before, after, n) for (before, after), n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def _ways(steps: Sequence[Step]) -> Iterator[tuple[str, str]]:
    stage = "start"
    for step in steps:
        after = {"case.closed.v1": f"out:{step.word}", "case.stage_changed.v1": step.word}.get(step.type, "open")
        yield stage, after
        stage = after
    if not stage.startswith("out:"):
        yield stage, f"still:{stage}"
