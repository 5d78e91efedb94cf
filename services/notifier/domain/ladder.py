"""The ladder: which step comes next, over which channel, and when, as a function of facts. Nothing is rolled.

A step is a step of the borrower over all overdue loans. It is due when the days past due reach its number, the step
before has gone out (or was given up) long enough ago, that step's response window is over, no answer is resting, and
the hours of its channel have come. Which steps there are follows from segment, arm and products as known; a change of
them on the way up never repeats a step and never goes back behind one that has gone out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.values import Channel, Step
from services.notifier.domain.asking import zone_for
from services.notifier.domain.state import Borrower, Contact, Proved
from services.rulebook.local import DAY, local_day, on
from services.rulebook.strategy import Hours, LadderStep, Strategy

EARLY = "early_warning"
UNDER_WAY = ("pending", "submitting")


@dataclass(frozen=True, slots=True)
class Turn:
    """The step whose turn it is: from when on, over which channel, as which attempt."""

    step: LadderStep
    channel: Channel
    due_at: datetime
    attempt: int


def early_step(state: Borrower, product: str, strategy: Strategy) -> LadderStep | None:
    """The early warning for a loan of this product, if the strategy has one."""
    fits = (s for s in strategy.ladder.steps if s.step == EARLY and s.is_for(state.segment, state.arm, (product,)))
    return next(fits, None)


def steps_for(state: Borrower, strategy: Strategy) -> list[LadderStep]:
    """The steps of overdue loans that are for this borrower, without those that were passed by."""
    products = {loan.product for loan in state.overdue}
    chosen: dict[Step, LadderStep] = {}
    for step in strategy.ladder.steps:
        if step.step != EARLY and step.step not in chosen and step.is_for(state.segment, state.arm, products):
            chosen[step.step] = step
    steps = list(chosen.values())
    begun = max((n for n, step in enumerate(steps) if _begun(state, step)), default=0)
    return [step for n, step in enumerate(steps) if n >= begun or _begun(state, step)]


def next_turn(state: Borrower, strategy: Strategy, now: datetime) -> Turn | None:
    """The step that comes next; None while nothing comes by the passing of time alone."""
    if not state.overdue or state.placement_id or state.round.unanswered_at:
        return None
    steps = steps_for(state, strategy)
    for number, step in enumerate(steps):
        if _under_way(state, step):
            return None
        channel = _channel_left(state, step, steps[number + 1 :])
        if channel is not None:
            due_at = _due_at(state, step, steps[number - 1] if number else None)
            attempt = 2 if state.progress(step.step).tried else 1
            return (
                None
                if due_at is None
                else Turn(step, channel, opens_at(state, channel, due_at, now, strategy), attempt)
            )
    return None


def opens_at(state: Borrower, channel: Channel, due_at: datetime, now: datetime, strategy: Strategy) -> datetime:
    """When what is due may first go over a channel: `due_at`, or the next beginning of the channel's hours."""
    hours = _hours(strategy, channel)
    if hours is None:
        return due_at
    zone, earliest = zone_for(state), max(due_at, now)
    day, wall = local_day(earliest, zone), earliest.astimezone(zone).time()
    if hours.start <= wall < hours.end:
        return due_at
    return on(day if wall < hours.start else day + DAY, hours.start, zone)


def closes_at(state: Borrower, channel: Channel, at: datetime, strategy: Strategy) -> datetime | None:
    """The end of the channel's hours on the local day of an instant; None where it has none."""
    hours, zone = _hours(strategy, channel), zone_for(state)
    return on(local_day(at, zone), hours.end, zone) if hours else None


def _hours(strategy: Strategy, channel: Channel) -> Hours | None:
    return next((hours for hours in strategy.ladder.hours if hours.channel == channel), None)


def silence_ends_at(state: Borrower, strategy: Strategy) -> datetime | None:
    """When the borrower has been told, provably, and has stayed silent long enough; None while that is open."""
    if not state.round.proved or not state.overdue:
        return None
    steps = steps_for(state, strategy)
    proved = [p for step in steps if step.response_window_days and (p := proof_of(state, step))]
    if not proved or _open(state, steps[-1]):
        return None
    ends = [window_end(state, step) for step in steps if step.response_window_days]
    known = [end for end in ends if end is not None]
    return max([*known, state.round.quiet_until or known[0]]) if len(known) == len(ends) else None


def _begun(state: Borrower, step: LadderStep) -> bool:
    return bool(state.progress(step.step).tried) or _under_way(state, step)


def _open(state: Borrower, step: LadderStep) -> bool:
    """Whether a step has still to go out, to be received, or to fall back."""
    return _under_way(state, step) or _waiting(state, step) or _channel_left(state, step, ()) is not None


def _channel_left(state: Borrower, step: LadderStep, later: Sequence[LadderStep]) -> Channel | None:
    """The first channel until it is used; the fall-back when all before came to nothing and no later step has begun."""
    if proof_of(state, step) is not None:
        return None
    progress = state.progress(step.step)
    tried, order = progress.tried, progress.channels or step.channels
    left = [channel for channel in order if channel not in tried]
    if not left or left[0] == order[0]:
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
