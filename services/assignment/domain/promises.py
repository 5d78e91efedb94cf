"""Promises to pay: made, filled by payments first in first out, decided after grace, reopened by a reversal."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from schemas.cases import (
    PromiseBroken,
    PromiseCancelled,
    PromiseKept,
    PromiseMade,
    PromisePartlyKept,
    PromiseReopened,
)
from schemas.changing import replace
from schemas.envelope import Fact
from services.assignment.domain import holds, placements
from services.assignment.domain.moment import Moment, end_of, local_day
from services.assignment.domain.moves import PROMISE
from services.assignment.domain.stages import move_stage
from services.assignment.domain.state import ZERO, Case, Promise, Share, State, Via
from services.assignment.domain.steps import Said, case_loans, numbered, run, step


@dataclass(frozen=True, slots=True)
class Wish:
    """What the borrower said: how much by when, in which currency, to whom."""

    amount: Decimal | None
    due_on: date | None
    currency: str | None
    via: Via


def make(state: State, wish: Wish, at: Moment) -> Said:
    """Take the promise, if one may be taken: collection rests until grace has passed."""
    case = state.case
    if case is None or wish.amount is None or wish.due_on is None or not _acceptable(state, case, wish, at):
        return state, ()
    state, promise = _promise(state, case, wish.amount, wish.due_on, at)
    made = PromiseMade(
        **_named(state, promise),
        made_at=at.now,
        via=wish.via,
        grace_days=at.strategy.promise.grace_days,
        threshold_percent=promise.threshold_percent,
    )
    state, facts = run(
        replace(state, promises=(*state.promises, promise)),
        step(holds.place, "promise", at, about=promise.promise_id, until=promise.decide_at),
        step(placements.withdraw_offer, "the borrower promised to pay", at),
        step(move_stage, "agreed", at),
    )
    return state, (made, *facts)


def _acceptable(state: State, case: Case, wish: Wish, at: Moment) -> bool:
    """No third after two broken ones, none beside a plan, none for a day that is over or far ahead."""
    today = local_day(at.now, state.time_zone)
    last = today + timedelta(days=at.strategy.promise.ahead_days_max)
    in_time = wish.due_on is not None and today <= wish.due_on <= last
    same_money = wish.currency in {None, case.currency}
    return case.broken < at.strategy.promise.broken_max and state.plan is None and in_time and same_money


def _promise(state: State, case: Case, amount: Decimal, due_on: date, at: Moment) -> tuple[State, Promise]:
    state, promise_id = numbered(state, "PR")
    policy = at.strategy.promise
    return state, Promise(
        promise_id,
        case.case_id,
        case.currency,
        amount,
        due_on,
        end_of(due_on, policy.grace_days, state.time_zone),
        threshold_percent=policy.threshold_percent,
        loan_ids=tuple(loan.loan_id for loan in case_loans(state)),
    )


def _named(state: State, promise: Promise) -> dict[str, object]:
    return {
        "case_id": promise.case_id,
        "borrower_id": state.borrower_id,
        "promise_id": promise.promise_id,
        "loan_ids": promise.loan_ids,
        "currency": promise.currency,
        "amount": promise.amount,
        "due_on": promise.due_on,
    }


def appropriate(state: State, loan_id: str, currency: str, amount: Decimal) -> tuple[Share, ...]:
    """Which part of a payment fills which open promise: the one due first, first."""
    shares: list[Share] = []
    for promise in sorted(state.promises, key=lambda p: (p.due_on, p.decide_at, p.promise_id)):
        fits = promise.state == "active" and promise.currency == currency and loan_id in promise.loan_ids
        part = min(amount, max(ZERO, promise.amount - promise.paid)) if fits else ZERO
        if part > 0:
            shares.append(Share(promise.promise_id, part))
            amount -= part
    return tuple(shares)


def fill(state: State, shares: tuple[Share, ...], at: Moment) -> Said:
    """Count the shares; a promise that reaches its threshold is kept."""
    return run(state, *(step(_fill_one, share, at) for share in shares))


def _fill_one(state: State, share: Share, at: Moment) -> Said:
    promise = _find(state, share.to)
    if promise is None:
        return state, ()
    promise = replace(promise, paid=promise.paid + share.amount)
    state = _with(state, promise)
    return decide(state, promise, "keep", at) if reached(promise) and promise.state == "active" else (state, ())


def reached(promise: Promise) -> bool:
    """True where payments reach the threshold."""
    return promise.paid * 100 >= promise.amount * promise.threshold_percent


def decide(state: State, promise: Promise, move: str, at: Moment, reason: str = "") -> Said:
    """End a promise by the table of moves; its hold ends with it."""
    after = PROMISE.get((promise.state, move))
    if after is None:
        return state, ()
    decided = replace(promise, state=after, decided_at=at.now)
    fact = _decision(state, decided, reason, at)
    case = state.case
    if case and after == "broken":
        case = replace(case, broken=case.broken + 1)
    state, said = holds.release_about(_with(replace(state, case=case), decided), promise.promise_id, after, at)
    return state, (fact, *said)


def _decision(state: State, promise: Promise, reason: str, at: Moment) -> Fact:
    named, paid = _named(state, promise), promise.paid
    match promise.state:
        case "kept":
            return PromiseKept(**named, paid=paid, decided_at=at.now)
        case "partly_kept":
            return PromisePartlyKept(**named, paid=paid, decided_at=at.now)
        case "broken":
            return PromiseBroken(**named, paid=paid, decided_at=at.now)
        case _:
            return PromiseCancelled(**named, reason=reason, decided_at=at.now)


def tick(state: State, at: Moment) -> Said:
    """Grace has passed: partly kept where something was paid, broken where nothing was."""
    due = tuple(p for p in state.promises if p.state == "active" and p.decide_at <= at.now)
    return run(state, *(step(decide, p, "keep_in_part" if p.paid > 0 else "break", at) for p in due))


def end_all(state: State, reason: str, at: Moment) -> Said:
    """The promises have lost their object: kept where reached, else cancelled."""
    return run(state, *(step(_end, p, reason, at) for p in state.promises if p.state == "active"))


def _end(state: State, promise: Promise, reason: str, at: Moment) -> Said:
    return decide(state, promise, "keep" if reached(promise) else "cancel", at, reason)


def unfill(state: State, share: Share, payment_id: str, at: Moment) -> Said:
    """A payment was taken back: a promise that only it had kept is open again."""
    promise = _find(state, share.to)
    if promise is None:
        return state, ()
    promise = replace(promise, paid=promise.paid - share.amount)
    state = _with(state, promise)
    if reached(promise) or (promise.state, "reopen") not in PROMISE:
        return state, ()
    state = _with(state, replace(promise, state=PROMISE[promise.state, "reopen"], decided_at=None))
    return state, (PromiseReopened(**_named(state, promise), payment_id=payment_id, reopened_at=at.now),)


def rest_again(state: State, at: Moment) -> Said:
    """A reopened promise whose grace still runs holds the case as it did before."""
    if state.case is None:
        return end_all(state, "no case is open", at)
    running = tuple(p for p in state.promises if p.state == "active" and p.decide_at > at.now)
    return run(
        state,
        *(step(holds.place, "promise", at, about=p.promise_id, until=p.decide_at) for p in running),
        *((step(move_stage, "agreed", at),) if running else ()),
    )


def timers(state: State) -> tuple[datetime, ...]:
    """The instants at which grace ends."""
    return tuple(p.decide_at for p in state.promises if p.state == "active")


def _find(state: State, promise_id: str) -> Promise | None:
    return next((p for p in state.promises if p.promise_id == promise_id), None)


def _with(state: State, promise: Promise) -> State:
    others = (p for p in state.promises if p.promise_id != promise.promise_id)
    return replace(state, promises=tuple(sorted((*others, promise), key=lambda p: (p.due_on, p.promise_id))))
