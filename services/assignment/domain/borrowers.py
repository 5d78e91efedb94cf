"""What the borrower is and says: status, answers to notices, and the wish not to be contacted."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import get_args

from schemas.bank import BorrowerRecorded
from schemas.cases import HoldReason
from schemas.changing import replace
from schemas.contacts import (
    ConsentGiven,
    ConsentWithdrawn,
    ContactStopRequested,
    NoticeAnswered,
    NoticeDelivered,
    NoticeUnanswered,
)
from schemas.values import BorrowerStatus, Channel
from services.assignment.domain import cases, complaints, holds, loans, placements, plans, promises
from services.assignment.domain.moment import Moment, local_day
from services.assignment.domain.promises import Wish
from services.assignment.domain.stages import move_stage
from services.assignment.domain.state import Opened, State
from services.assignment.domain.steps import Said, heard, remember, run, step
from services.rulebook.limitation import Interruption

STATUS_HOLDS: dict[BorrowerStatus, tuple[HoldReason, placements.Cause]] = {
    "deceased": ("deceased", "deceased"),
    "incapacitated": ("incapacitated", "legal"),
    "bankrupt": ("bankrupt", "legal"),
}
"""The status of a person that stops everything: as which hold, and as which cause of the recall."""


CHANNELS: frozenset[Channel] = frozenset(get_args(Channel))

CONSENTS_KEPT = 20
"""So many consents that took a wish back are remembered; who gives more has the oldest for good."""

ACKNOWLEDGES = frozenset({"will_pay", "promise", "plan_request"})
"""Answers by which the borrower agrees to perform (Civil Code 195 no. 2)."""


def recorded(state: State, told: BorrowerRecorded, at: Moment) -> Said:
    """Keep what decisions need of the person; nothing personal enters."""
    before = state.status
    state = replace(state, region=told.region, time_zone=told.time_zone, vulnerable=told.vulnerable, status=told.status)
    return _status_changed(state, told.status, at) if told.status != before else (state, ())


def _status_changed(state: State, status: BorrowerStatus, at: Moment) -> Said:
    held = {reason for reason, _ in STATUS_HOLDS.values()}
    state, said = holds.release(state, lambda h: h.reason in held and h.reason != status, f"the status is {status}", at)
    if status not in STATUS_HOLDS:
        return state, said
    reason, cause = STATUS_HOLDS[status]
    state, more = run(state, step(holds.place, reason, at), step(placements.stop, cause, f"{status}", at))
    state, last = cases.close(state, "deceased", "deceased", at) if status == "deceased" else (state, ())
    return state, (*said, *more, *last)


def died(state: State, at: Moment) -> Said:
    """Visitors were told that the borrower is dead."""
    if state.status == "deceased":
        return state, ()
    return _status_changed(replace(state, status="deceased"), "deceased", at)


def answered(state: State, told: NoticeAnswered, at: Moment) -> Said:
    """An answer to a notice. Heard twice it counts once; disputes and hardship come as facts of their own."""
    if heard(state, told.answer_id):
        return state, ()
    state = _acknowledged(remember(state, told.answer_id), told, at)
    match told.answer:
        case "promise":
            return promises.make(state, Wish(told.amount, told.promised_on, told.currency, "notice"), at)
        case "plan_request":
            return plans.propose(state, told.instalments, "notice", at)
        case "complaint":
            return complaints.receive(state, "notice", "conduct", at)
        case _:
            return state, ()


def unanswered(state: State, told: NoticeUnanswered, at: Moment) -> Said:
    """Proved notices, no answer: from here on the case may be entrusted, on this proof."""
    case = state.case
    if case is None or case.legal is not None:
        return state, ()
    return move_stage(replace(state, case=replace(case, proof_id=told.proof_id)), "unanswered", at)


def stop_requested(state: State, told: ContactStopRequested, at: Moment) -> Said:
    """What the borrower wants no more of. Without visits nobody may have the case; without any channel it is held."""
    channels = frozenset(told.channels or CHANNELS)
    return _stop(replace(state, opened=_without(state, channels)), channels, at)


def _stop(state: State, channels: Iterable[Channel], at: Moment) -> Said:
    stopped = CHANNELS if state.stop_requested else {*state.stopped, *channels}
    state = _stopping(state, stopped)
    held = step(holds.place, "stop_request", at) if state.stop_requested else run
    why = "the borrower asked not to be contacted" if state.stop_requested else "the borrower asked for no visits"
    left = step(placements.stop, "stop_request", why, at) if "visit" in stopped else run
    return run(state, held, left)


def consented(state: State, at: Moment, channel: Channel | None = None) -> Said:
    """The borrower allows contact again, over one channel or over all."""
    before = CHANNELS if state.stop_requested else frozenset(state.stopped)
    state = _stopping(state, before - {channel} if channel else frozenset())
    return holds.release(state, lambda hold: hold.reason == "stop_request", "the borrower consented to contact", at)


def _stopping(state: State, channels: AbstractSet[Channel]) -> State:
    """With these channels stopped and no other. Where visits are wanted again, the wait for an answer is over."""
    after = replace(state, stopped=tuple(sorted(channels)), stop_requested=channels == CHANNELS)
    if state.case is None or "visit" in channels or state.case.written_until is None:
        return after
    return replace(after, case=replace(state.case, written_until=None, seek_at=None))


def consent_given(state: State, told: ConsentGiven, at: Moment) -> Said:
    """A consent to be contacted takes a stop request back for its channels, no other does. What it opens is kept.

    One that is heard of when it has ended takes nothing back.
    """
    if told.kind != "channel" or (told.expires_at is not None and told.expires_at <= at.now):
        return state, ()
    covers = frozenset({told.channel} if told.channel else CHANNELS)
    opens = covers & (CHANNELS if state.stop_requested else {*state.stopped, *_opened(state.opened)})
    after, said = consented(state, at, told.channel)
    given = (Opened(told.consent_id, tuple(sorted(opens)), told.expires_at),) if opens else ()
    return replace(after, opened=(*after.opened, *given)[-CONSENTS_KEPT:]), said


def consent_withdrawn(state: State, told: ConsentWithdrawn, at: Moment) -> Said:
    """The wish that the consent had taken back stands again, over the channels that no other consent keeps open."""
    return _resting_on(state, tuple(one for one in state.opened if one.consent_id != told.consent_id), at)


def consents_over(state: State, at: Moment) -> Said:
    """The wishes that consents had taken back stand again when these have ended by themselves."""
    return _resting_on(state, tuple(one for one in state.opened if one.until is None or one.until > at.now), at)


def timers(state: State) -> tuple[datetime, ...]:
    """The instants at which consents end by themselves."""
    return tuple(one.until for one in state.opened if one.until)


def _resting_on(state: State, left: tuple[Opened, ...], at: Moment) -> Said:
    """Open by no more than these consents."""
    if left == state.opened:
        return state, ()
    channels = _opened(state.opened) - _opened(left)
    state = replace(state, opened=left)
    return _stop(state, channels, at) if channels else (state, ())


def _opened(consents: Iterable[Opened]) -> frozenset[Channel]:
    """The channels that consents have opened and that are stopped without them."""
    return frozenset(channel for one in consents for channel in one.channels)


def _without(state: State, channels: AbstractSet[Channel]) -> tuple[Opened, ...]:
    """What consents have opened but for these channels: a wish that comes after them is not theirs to take back."""
    left = (one._replace(channels=tuple(c for c in one.channels if c not in channels)) for one in state.opened)
    return tuple(one for one in left if one.channels)


def notice_delivered(state: State, told: NoticeDelivered, at: Moment) -> Said:
    """A demand is proved to have reached the borrower. A warning before the due date demands nothing."""
    if told.step == "early_warning":
        return state, ()
    day = local_day(told.delivered_at, state.time_zone)
    demand = Interruption("demand", day, told.proof.proof_id, told.channel)
    return loans.interrupted(state, told.loan_ids, demand, at.strategy.legal.limitation_years), ()


def _acknowledged(state: State, told: NoticeAnswered, at: Moment) -> State:
    """Who says that they will pay acknowledges the debt."""
    if told.answer not in ACKNOWLEDGES:
        return state
    word = Interruption("acknowledgement", local_day(told.answered_at, state.time_zone), told.answer_id)
    return loans.interrupted(state, told.loan_ids, word, at.strategy.legal.limitation_years)
