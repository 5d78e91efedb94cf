"""Which command of a person means which decision."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from schemas.agencies import VisitReported
from services.kit.service import Context, Reaction, Refused
from services.visits.domain import door, life, results
from services.visits.domain.dispositions import Problem
from services.visits.domain.door import Answer
from services.visits.domain.panel import Panel
from services.visits.domain.state import Borrower

Act: TypeAlias = Callable[[Borrower, Context[Panel]], Reaction[Borrower]]


class Wrong(Refused):
    """The result cannot be taken as it is; each field that is wrong is named, and can be put right."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(" ".join(problem.what for problem in problems))
        self.problems = tuple(problems)


def arrival(visit_id: str, team: Sequence[str], is_fresh: Callable[[], bool], told: list[Answer]) -> Act:
    """The team asks at the door; what it is told stands in `told` afterwards, also when nothing is said."""

    def act(state: Borrower, ctx: Context[Panel]) -> Reaction[Borrower]:
        after, said, answer = door.arrive(state, visit_id, team, is_fresh=is_fresh(), at=ctx)
        told[:] = [answer]
        return after, said

    return act


def result(report: VisitReported, metres: float | None) -> Act:
    """The team reports. Raises Wrong for what can be put right; what is too late is said, and not applied."""

    def act(state: Borrower, ctx: Context[Panel]) -> Reaction[Borrower]:
        if problems := results.mendable(state, report, ctx):
            raise Wrong(problems)
        return results.report(state, report, ctx, metres)

    return act


def break_off(visit_id: str, reason: str) -> Act:
    """The team ends the visit by itself."""

    def act(state: Borrower, ctx: Context[Panel]) -> Reaction[Borrower]:
        return _changed(
            door.break_off(state, visit_id, reason, ctx), "Only a visit on its way or inside can be broken off."
        )

    return act


def call_off(visit_id: str) -> Act:
    """An officer takes a visit off."""

    def act(state: Borrower, ctx: Context[Panel]) -> Reaction[Borrower]:
        return _changed(life.call_off(state, visit_id, ctx), "Only a visit that is still to come can be called off.")

    return act


def _changed(reaction: Reaction[Borrower], otherwise: str) -> Reaction[Borrower]:
    if not reaction[1]:
        raise Refused(otherwise)
    return reaction
