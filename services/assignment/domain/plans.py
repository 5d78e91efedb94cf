"""Instalment plans: proposed, accepted or rejected by rule, paid first in first out, completed or defaulted."""

from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from schemas.cases import (
    Instalment,
    PlanAccepted,
    PlanCancelled,
    PlanCompleted,
    PlanDefaulted,
    PlanInstalmentMissed,
    PlanProposed,
    PlanRejected,
)
from schemas.changing import replace
from services.assignment.domain import holds, placements, promises
from services.assignment.domain.moment import Moment, end_of, local_day
from services.assignment.domain.moves import PLAN
from services.assignment.domain.stages import move_stage
from services.assignment.domain.state import ZERO, Case, Part, Plan, Share, State, Via
from services.assignment.domain.steps import Said, arrears_of, case_loans, numbered, run, step

CENT = Decimal("0.01")
INSTALMENTS_WRITTEN = 60
"""The longest plan that is drawn up at all (five years of months, rule CN-HRD-01)."""


def propose(state: State, count: int | None, via: Via, at: Moment) -> Said:
    """Somebody asks to pay in instalments; the rule answers at once."""
    case = state.case
    if case is None or not case_loans(state):
        return state, ()
    state, plan = _draw_up(state, case, _sane(count, at), at)
    proposed = PlanProposed(**_named(state, plan), instalments=_instalments(plan), via=via, proposed_at=at.now)
    why_not = _objection(state, plan, at)
    state, facts = _reject(state, plan, why_not, at) if why_not else _accept(state, plan, at)
    return state, (proposed, *facts)


def _sane(count: int | None, at: Moment) -> int:
    """The number asked for, kept within what can be written down; the rule judges it afterwards."""
    return min(max(count or at.strategy.plan.instalments_min, 1), INSTALMENTS_WRITTEN)


def _draw_up(state: State, case: Case, count: int, at: Moment) -> tuple[State, Plan]:
    state, plan_id = numbered(state, "PL")
    policy, loans = at.strategy.plan, case_loans(state)
    today, total = local_day(at.now, state.time_zone), arrears_of(loans).total
    days = [today + timedelta(days=policy.first_after_days + n * policy.interval_days) for n in range(count)]
    parts = tuple(
        Part(day, amount, end_of(day, policy.grace_days, state.time_zone))
        for day, amount in zip(days, split(total, count), strict=True)
        if amount > 0
    )
    loan_ids = tuple(loan.loan_id for loan in loans)
    return state, Plan(plan_id, case.case_id, case.currency, loan_ids, parts, "proposed")


def split(total: Decimal, count: int) -> tuple[Decimal, ...]:
    """Equal instalments to the cent; the first carries what does not divide."""
    each = (total / count).quantize(CENT, ROUND_DOWN)
    return (total - each * (count - 1), *(each for _ in range(count - 1)))


def _objection(state: State, plan: Plan, at: Moment) -> str:
    policy = at.strategy.plan
    total = sum((part.amount for part in plan.parts), ZERO)
    if state.plan is not None:
        return "a plan is being performed already"
    if not policy.instalments_min <= len(plan.parts) <= policy.instalments_max:
        return f"{policy.instalments_min} to {policy.instalments_max} instalments can be agreed"
    if total <= policy.arrears_above:
        return f"arrears of {total} are not above {policy.arrears_above}"
    return ""


def _reject(state: State, plan: Plan, reason: str, at: Moment) -> Said:
    return state, (PlanRejected(**_named(state, plan), reason=reason, rejected_at=at.now),)


def _accept(state: State, plan: Plan, at: Moment) -> Said:
    plan = replace(plan, state=PLAN[plan.state, "accept"])
    accepted = PlanAccepted(**_named(state, plan), instalments=_instalments(plan), accepted_at=at.now)
    state, facts = run(
        replace(state, plan=plan),
        step(promises.end_all, "a plan took its place", at),
        step(holds.place, "plan", at, about=plan.plan_id),
        step(placements.stop, "plan", "a plan was agreed", at),
        step(move_stage, "agreed", at),
    )
    return state, (accepted, *facts)


def _named(state: State, plan: Plan) -> dict[str, object]:
    return {
        "case_id": plan.case_id,
        "borrower_id": state.borrower_id,
        "plan_id": plan.plan_id,
        "loan_ids": plan.loan_ids,
        "currency": plan.currency,
    }


def _instalments(plan: Plan) -> tuple[Instalment, ...]:
    return tuple(Instalment(due_on=part.due_on, amount=part.amount) for part in plan.parts)


def appropriate(state: State, loan_id: str, currency: str, amount: Decimal) -> tuple[Share, ...]:
    """Which part of a payment fills which instalment: the oldest first."""
    plan = state.plan
    if plan is None or plan.currency != currency or loan_id not in plan.loan_ids:
        return ()
    shares: list[Share] = []
    for number, part in enumerate(plan.parts):
        share = min(amount, part.amount - part.paid)
        if share > 0:
            shares.append(Share(plan.plan_id, share, number))
            amount -= share
    return tuple(shares)


def fill(state: State, shares: tuple[Share, ...]) -> State:
    """Count the shares of the plan that is being performed."""
    for share in shares:
        state = _count(state, share, share.amount)
    return state


def unfill(state: State, share: Share) -> State:
    """Take a share back."""
    return _count(state, share, -share.amount)


def _count(state: State, share: Share, amount: Decimal) -> State:
    plan = state.plan
    if plan is None or share.to != plan.plan_id:
        return state
    parts = tuple(
        replace(part, paid=part.paid + amount) if number == share.instalment else part
        for number, part in enumerate(plan.parts)
    )
    return replace(state, plan=replace(plan, parts=parts))


def fulfilled(state: State) -> bool:
    """True when every instalment is paid."""
    return state.plan is not None and all(part.paid >= part.amount for part in state.plan.parts)


def complete(state: State, at: Moment) -> Said:
    """The borrower has done what was agreed."""
    plan = state.plan
    if plan is None or (plan.state, "complete") not in PLAN or not fulfilled(state):
        return state, ()
    said = PlanCompleted(**_named(state, plan), paid=plan.paid, completed_at=at.now)
    state, more = holds.release_about(replace(state, plan=None), plan.plan_id, "completed", at)
    return state, (said, *more)


def cancel(state: State, reason: str, at: Moment) -> Said:
    """The plan has lost its object."""
    plan = state.plan
    if plan is None or (plan.state, "cancel") not in PLAN:
        return state, ()
    said = PlanCancelled(**_named(state, plan), paid=plan.paid, reason=reason, cancelled_at=at.now)
    state, more = holds.release_about(replace(state, plan=None), plan.plan_id, "cancelled", at)
    return state, (said, *more)


def tick(state: State, at: Moment) -> Said:
    """Instalments whose grace has passed unpaid are missed; too many of them end the plan."""
    plan = state.plan
    if plan is None:
        return state, ()
    late = tuple(part for part in plan.parts if _late(part, at.now))
    plan = replace(plan, parts=tuple(replace(p, missed=True) if p in late else p for p in plan.parts))
    missed = tuple(
        PlanInstalmentMissed(**_named(state, plan), due_on=part.due_on, amount=part.amount, paid=part.paid)
        for part in late
    )
    state, more = _default(replace(state, plan=plan), at)
    return state, (*missed, *more)


def _late(part: Part, now: datetime) -> bool:
    return not part.missed and part.paid < part.amount and part.decide_at <= now


def _default(state: State, at: Moment) -> Said:
    plan = state.plan
    if plan is None or not _failed(plan, at.strategy.plan.missed_max):
        return state, ()
    said = PlanDefaulted(**_named(state, plan), paid=plan.paid, defaulted_at=at.now)
    state, more = holds.release_about(replace(state, plan=None), plan.plan_id, "defaulted", at)
    return state, (said, *more)


def _failed(plan: Plan, missed_max: int) -> bool:
    """Too many instalments missed, or the last one over with something unpaid."""
    missed = sum(part.missed for part in plan.parts if part.paid < part.amount)
    over = all(part.missed or part.paid >= part.amount for part in plan.parts)
    return missed >= missed_max or (over and missed > 0)


def timers(state: State) -> tuple[datetime, ...]:
    """The instants at which an unpaid instalment's grace ends."""
    parts = state.plan.parts if state.plan else ()
    return tuple(part.decide_at for part in parts if not part.missed and part.paid < part.amount)
