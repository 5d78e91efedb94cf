"""What follows from the state as it is: derived after every reaction, never remembered.

A wish stands again when the consent that took it back has ended. A case is opened where one is due, steps back where
what it stood on is gone, leaves an agency that may not work any more, and is offered to the next one when nothing holds
it.
"""

from datetime import datetime, timedelta

from schemas.changing import replace
from services.assignment.domain import (
    borrowers,
    cases,
    complaints,
    holds,
    legal,
    loans,
    matters,
    placements,
    plans,
    promises,
    recommendation,
    snapshots,
)
from services.assignment.domain.moment import Moment
from services.assignment.domain.stages import fall_back
from services.assignment.domain.state import Case, State
from services.assignment.domain.steps import Said, Step, prune, run, step

RETRY = timedelta(hours=1)
"""How soon a case that found the panel empty or the strategy paused looks again."""


def onward(state: State, at: Moment) -> Said:
    """All that follows, in order."""
    return run(
        state,
        step(borrowers.consents_over, at),
        step(cases.consider, at),
        step(cases.rest_while_paused, at),
        step(placements.take_from_fallen, at),
        step(recommendation.withdraw_without_ground, at),
        step(fall_back, at),
        step(_way_out_of_a_stop, at),
        step(seek, at),
    )


def _way_out_of_a_stop(state: State, at: Moment) -> Said:
    """Where the person may not be contacted any more, only the decision about the court is left."""
    reasons = {hold.reason for hold in state.holds} & recommendation.OF_THE_PERSON
    return legal.recommend(state, min(reasons), at) if reasons else (state, ())


def seek(state: State, at: Moment) -> Said:
    """Offer the case to the next one who may have it, once notice is proved, nothing holds it and nobody has it."""
    case = state.case
    if case is None or not _may_be_placed(state, case, at.now):
        return state, ()
    if "visit" in state.stopped:
        return _write_only(state, case, at)
    if at.paused or not at.panel.agencies:
        return replace(state, case=replace(case, seek_at=at.now + RETRY)), ()
    choice = placements.choice_for(state, case, at)
    if choice.agency is None:
        return legal.recommend(state, "exhausted", at)
    return placements.offer(state, case, choice.agency, choice, at)


def _write_only(state: State, case: Case, at: Moment) -> Said:
    """Nobody may come: letters and messages go on for as long as a placement lasts, then only the court is left."""
    until = case.written_until or at.now + timedelta(days=at.strategy.placement.term_days)
    if until <= at.now:
        return legal.recommend(state, recommendation.IN_WRITING, at)
    return replace(state, case=replace(case, written_until=until, seek_at=until)), ()


def _may_be_placed(state: State, case: Case, now: datetime) -> bool:
    waiting = case.seek_at is not None and case.seek_at > now
    free = state.placement is None and state.plan is None and case.legal is None and not waiting
    return free and bool(case.proof_id) and not holds.standing(state)


def tick(state: State, at: Moment) -> Said:
    """Do all that is due, then what follows."""
    return run(
        prune(state, at.now),
        step(snapshots.reconcile, at),
        step(promises.tick, at),
        step(plans.tick, at),
        step(placements.tick, at),
        step(matters.tick, at),
        step(complaints.tick, at),
        step(_end_waiting, at),
        step(onward, at),
        step(legal.decide_by_rule, at),
    )


def _end_waiting(state: State, at: Moment) -> Said:
    """Holds, pauses and waits whose time is over."""
    case = state.case
    if case and case.seek_at and case.seek_at <= at.now:
        state = replace(state, case=replace(case, seek_at=None))
    return holds.release_due(loans.resume_due(state, at.now), at)


def reacting(state: State, at: Moment, *steps: Step) -> Said:
    """A reaction: forget the old, decide, and do what follows."""
    return run(prune(state, at.now), *steps, step(onward, at))


def next_at(state: State) -> datetime | None:
    """The instant at which something falls due: a pure function of the facts, recomputed after each change."""
    seek_at = state.case.seek_at if state.case else None
    due = (
        *promises.timers(state),
        *plans.timers(state),
        *placements.timers(state),
        *matters.timers(state),
        *complaints.timers(state),
        *legal.timers(state),
        *holds.ends(state),
        *loans.timers(state),
        *borrowers.timers(state),
        snapshots.look_again_at(state),
        seek_at,
    )
    return min((instant for instant in due if instant), default=None)
