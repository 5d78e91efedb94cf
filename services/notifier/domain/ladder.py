"""The ladder: which step comes next, over which channel, and when, as a function of facts. Nothing is rolled.

A step is a step of the borrower over all overdue loans. It is due when the days past due reach its number, the step
before has gone out (or was given up) long enough ago, that step's response window is over, and no answer is resting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.values import Channel
from services.notifier.domain.asking import zone_for
from services.notifier.domain.state import Borrower, Contact, Proved
from services.rulebook.local import DAY, local_day, on
from services.rulebook.strategy import LadderStep, Strategy

EARLY = "early_warning"
UNDER_WAY = ("pending", "submitting")


@dataclass(frozen=True, slots=True)
class Turn:
    """The step whose turn it is: from when on, over which channel, as which attempt."""

    step: LadderStep
    channel: Channel
    due_at: datetime
    attempt: int


def overdue_steps(strategy: Strategy) -> list[LadderStep]:
    """The steps of the ladder of overdue loans; the early warning stands apart, before the due date."""
    return [step for step in strategy.ladder.steps if step.step != EARLY]


def next_turn(state: Borrower, strategy: Strategy) -> Turn | None:
    """The step that comes next; None while nothing comes by the passing of time alone."""
    if not state.overdue or state.placement_id or state.round.unanswered_at:
        return None
    steps = overdue_steps(strategy)
    for number, step in enumerate(steps):
        if _under_way(state, step):
            return None
        channel = _channel_left(state, step, steps[number + 1 :])
        if channel is not None:
            due_at = _due_at(state, step, steps[number - 1] if number else None)
            attempt = 2 if state.progress(step.step).tried else 1
            return None if due_at is None else Turn(step, channel, due_at, attempt)
    return None


def silence_ends_at(state: Borrower, strategy: Strategy) -> datetime | None:
    """When the borrower has been told, provably, and has stayed silent long enough; None while that is open."""
    steps = overdue_steps(strategy)
    proved = [p for step in steps if step.response_window_days and (p := proof_of(state, step))]
    if not state.overdue or not proved or not steps or _open(state, steps[-1]):
        return None
    ends = [window_end(state, step) for step in steps if step.response_window_days]
    known = [end for end in ends if end is not None]
    return max([*known, state.round.quiet_until or known[0]]) if len(known) == len(ends) else None


def _open(state: Borrower, step: LadderStep) -> bool:
    """Whether a step has still to go out, to be received, or to fall back."""
    return _under_way(state, step) or _waiting(state, step) or _channel_left(state, step, ()) is not None


def _channel_left(state: Borrower, step: LadderStep, later: Sequence[LadderStep]) -> Channel | None:
    """The first channel until it is used; the fall-back when all before came to nothing and no later step has begun."""
    if proof_of(state, step) is not None:
        return None
    tried = state.progress(step.step).tried
    left = [channel for channel in step.channels if channel not in tried]
    if not left or left[0] == step.channels[0]:
        return left[0] if left else None
    begun = any(state.progress(each.step).tried or _under_way(state, each) for each in later)
    return None if begun or _waiting(state, step) else left[0]


def _due_at(state: Borrower, step: LadderStep, before: LadderStep | None) -> datetime | None:
    """When a step is due; None while something other than time is waited for."""
    since = [loan.past_due_since for loan in state.overdue if loan.past_due_since is not None]
    if not since:
        return None
    zone = zone_for(state)
    times = [on(min(since) + step.days_past_due * DAY, step.from_time, zone)]
    if before is not None:
        last, window = state.progress(before.step).at, window_end(state, before)
        if last is None or window is None:
            return None
        times += [last + timedelta(days=step.days_after_previous), window]
    due_at = max([*times, *([state.round.quiet_until] if state.round.quiet_until else [])])
    return max(due_at, on(local_day(due_at, zone), step.from_time, zone))


def window_end(state: Borrower, step: LadderStep) -> datetime | None:
    """When the wait for an answer to a step is over; at once where none can come. None while its receipt is out."""
    proof, last = proof_of(state, step), state.progress(step.step).at
    if proof is not None:
        return proof.delivered_at + timedelta(days=step.response_window_days)
    return None if step.response_window_days and _waiting(state, step) else last


def proof_of(state: Borrower, step: LadderStep) -> Proved | None:
    """The first proved delivery of a step in this round."""
    return next((proved for proved in state.round.proved if proved.step == step.step), None)


def _contacts(state: Borrower, step: LadderStep) -> list[Contact]:
    return [c for c in state.contacts if c.step == step.step and c.round == state.round.number]


def _under_way(state: Borrower, step: LadderStep) -> bool:
    return any(c.state in UNDER_WAY for c in _contacts(state, step))


def _waiting(state: Borrower, step: LadderStep) -> bool:
    return any(c.state == "submitted" for c in _contacts(state, step))
