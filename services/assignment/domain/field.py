"""What came of a visit: each disposition has its consequence, for the placement that the visit was made under."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from schemas.agencies import VisitResult
from schemas.values import Disposition
from schemas.visits import VisitsExhausted
from services.assignment.domain import borrowers, complaints, legal, placements, plans, promises
from services.assignment.domain.moment import Moment
from services.assignment.domain.promises import Wish
from services.assignment.domain.stages import move_stage
from services.assignment.domain.state import State
from services.assignment.domain.steps import Said, heard, remember, run, step


@dataclass(frozen=True, slots=True)
class Result:
    """A visit's result and which visit, under which placement, by whom."""

    visit_id: str
    placement_id: str
    agency_id: str
    result: VisitResult


def reported(state: State, told: Result, at: Moment) -> Said:
    """Do what the disposition asks for. The same visit counts once; one under a placement that is gone, only if it
    tells of a death or an incident."""
    seen = f"visit/{told.visit_id}"
    current = placements.answered(state, told.placement_id, told.agency_id)
    disposition = told.result.disposition
    if heard(state, seen) or (current is None and disposition not in ALWAYS) or disposition not in CONSEQUENCE:
        return state, ()
    return CONSEQUENCE[disposition](remember(state, seen), told, at)


def _promise(state: State, told: Result, at: Moment) -> Said:
    result = told.result
    return promises.make(state, Wish(result.promised_amount, result.promised_on, result.currency, "visit"), at)


def _plan(state: State, told: Result, at: Moment) -> Said:
    return plans.propose(state, told.result.instalments, "visit", at)


def _refused(state: State, _told: Result, at: Moment) -> Said:
    return give_up(state, "refused", at)


def _dead(state: State, _told: Result, at: Moment) -> Said:
    return borrowers.died(state, at)


def _incident(state: State, told: Result, at: Moment) -> Said:
    return complaints.receive(state, "visit", complaints.INCIDENT, at, agency_id=told.agency_id, visit_id=told.visit_id)


Consequence = Callable[[State, Result, Moment], Said]
CONSEQUENCE: Mapping[Disposition, Consequence] = {
    "promise": _promise,
    "plan_agreed": _plan,
    "refused": _refused,
    "deceased": _dead,
    "incident": _incident,
}
"""What is not here has none in this service: payments come from the bank, disputes and hardship from notifier, and who
was not met is visits' business."""

ALWAYS: frozenset[Disposition] = frozenset({"deceased", "incident"})
"""Dispositions that count whoever had the case."""


def dispatched(state: State, placement_id: str, agency_id: str, at: Moment) -> Said:
    """A team is on its way."""
    current = placements.answered(state, placement_id, agency_id)
    return move_stage(state, "dispatched", at) if current else (state, ())


def exhausted(state: State, told: VisitsExhausted, at: Moment) -> Said:
    """No further visit will be planned: the field has brought nothing."""
    if placements.answered(state, told.placement_id, told.agency_id) is None:
        return state, ()
    return give_up(state, "refused" if told.reason == "refused" else "unreachable", at)


def give_up(state: State, why: str, at: Moment) -> Said:
    """The case leaves the field for the decision about the court."""
    return run(
        state,
        step(move_stage, why, at),
        step(placements.stop, "exhausted", f"the borrower {'refused' if why == 'refused' else 'could not be met'}", at),
        step(legal.recommend, why, at),
    )
