"""Where the money went: each payment attributed once, each reversal its exact mirror, agencies' fees to the cent."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from schemas.cases import FeeAccrued, FeeReversed, PaymentAttributed
from schemas.changing import replace
from schemas.values import Arrears
from services.assignment.domain import cases, legal, loans, plans, promises
from services.assignment.domain.book import looked_up, without
from services.assignment.domain.moment import Moment
from services.assignment.domain.state import NO_CASE, ZERO, Party, Payment, Placement, Share, State
from services.assignment.domain.steps import Said, run, step

CENT = Decimal("0.01")
BASIS = 10_000
"""Basis points in one."""

PARTS_KEPT = 20
"""Parts in which a payment may be taken back before it is told, each counted by itself."""


@dataclass(frozen=True, slots=True)
class Money:
    """A payment, or one taken back, as core banking tells it, with what is past due afterwards."""

    payment_id: str
    loan_id: str
    currency: str
    amount: Decimal
    value_date: date
    arrears_after: Arrears
    days_past_due_after: int
    happened: datetime
    version: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Merit:
    """Who is credited, and why."""

    party: Party
    reason: str
    case_id: str = NO_CASE
    placement: Placement | None = None


def received(state: State, money: Money, at: Moment) -> Said:
    """Attribute a payment, count it for promises and plan, and close the case when nothing is past due.

    A payment is known by its id, loan and currency. Told twice it counts once, unless it was wholly taken back between;
    of another amount than before it is nobody's, with the reason, so that no cent is lost.
    """
    known = _payment(state, money)
    if known is None:
        return _credited(state, money, at)
    if not known.got:
        return _late(state, known, money, at)
    if money.amount != known.amount:
        return _another(state, known, money, at)
    if known.taken_back and known.back >= known.got:
        return _credited(state, money, at, known.got, known.back)
    return _cured(loans.after_money(state, money, sign=1), at)


def _credited(state: State, money: Money, at: Moment, got: Decimal = ZERO, back: Decimal = ZERO) -> Said:
    payment = _payment_of(state, money, _merit(state, at), at)
    payment = replace(payment, got=got + money.amount, back=back, left=money.amount)
    return run(
        loans.after_money(_keep(state, payment), money, sign=1),
        step(_credit, payment, money, money.amount, payment.reason),
        step(_accrue, payment, at),
        step(promises.fill, payment.shares, at),
        step(_fill_plan, payment.shares, at),
        step(_cured, at),
        step(_decide_anew, payment, at),
    )


def _merit(state: State, at: Moment) -> Merit:
    """Agency while it works the case or has just cured it; in-house while a case is open; else nobody."""
    case, placement, tail = state.case, state.placement, state.tail
    if case and placement and placement.state == "active":
        return _of(placement, "the placement was active")
    if case:
        return Merit("in_house", "a case was open and no agency worked it", case.case_id)
    if tail and at.now <= tail.until:
        return _of(tail.placement, "within three days of the cure that ended the placement")
    return Merit("unattributed", "no case was open")


def _of(placement: Placement, why: str) -> Merit:
    return Merit("in_house" if placement.in_house else "agency", why, placement.case_id, placement)


def _payment_of(state: State, money: Money, merit: Merit, at: Moment) -> Payment:
    placement = merit.placement
    points = placement.basis_points if placement and merit.party == "agency" else 0
    return Payment(
        money.payment_id,
        money.loan_id,
        money.currency,
        money.amount,
        money.value_date,
        at.now,
        party=merit.party,
        case_id=merit.case_id,
        placement_id=placement.placement_id if placement else "",
        agency_id=placement.agency_id if placement else "",
        basis_points=points,
        fee=fee_on(money.amount, points),
        shares=_appropriate(state, money),
        reason=merit.reason,
    )


def fee_on(amount: Decimal, basis_points: int) -> Decimal:
    """The contingency fee on an amount, half-even to the cent."""
    return (amount * basis_points / BASIS).quantize(CENT, ROUND_HALF_EVEN)


def _appropriate(state: State, money: Money) -> tuple[Share, ...]:
    of_plan = plans.appropriate(state, money.loan_id, money.currency, money.amount)
    rest = money.amount - sum((share.amount for share in of_plan), ZERO)
    return (*of_plan, *promises.appropriate(state, money.loan_id, money.currency, rest))


def _credit(state: State, payment: Payment, money: Money, amount: Decimal, reason: str) -> Said:
    """Say who is credited (or, by a reversal, debited) and count it for the case."""
    if not amount:
        return state, ()
    return _count_for_case(state, payment, amount), (_attributed(state, payment, money, amount, reason),)


def _count_for_case(state: State, payment: Payment, amount: Decimal) -> State:
    case = state.case
    if case is None or case.case_id != payment.case_id or case.currency != payment.currency:
        return state
    return replace(state, case=replace(case, paid=case.paid + amount))


def _attributed(state: State, payment: Payment, money: Money, amount: Decimal, reason: str) -> PaymentAttributed:
    return PaymentAttributed(
        case_id=payment.case_id,
        borrower_id=state.borrower_id,
        payment_id=payment.payment_id,
        loan_id=payment.loan_id,
        currency=payment.currency,
        amount=amount,
        attributed_to=payment.party,
        agency_id=payment.agency_id or None,
        placement_id=payment.placement_id or None,
        promise_id=next((s.to for s in payment.shares if s.instalment < 0), None),
        plan_id=next((s.to for s in payment.shares if s.instalment >= 0), None),
        reason=reason,
        value_date=money.value_date,
    )


def _accrue(state: State, payment: Payment, at: Moment) -> Said:
    if payment.fee <= 0:
        return state, ()
    return state, (FeeAccrued(**_fee(state, payment), amount=payment.fee),)


def _fee(state: State, payment: Payment) -> dict[str, object]:
    return {
        "case_id": payment.case_id,
        "borrower_id": state.borrower_id,
        "fee_id": f"F-{payment.payment_id}",
        "placement_id": payment.placement_id,
        "agency_id": payment.agency_id,
        "payment_id": payment.payment_id,
        "loan_id": payment.loan_id,
        "currency": payment.currency,
        "basis_points": payment.basis_points,
    }


def _fill_plan(state: State, shares: tuple[Share, ...], at: Moment) -> Said:
    """The plan's outcome wins: what completes it closes the case as completed, also where it cures the loan."""
    state = plans.fill(state, shares)
    if not plans.fulfilled(state):
        return state, ()
    return run(state, step(plans.complete, at), step(cases.close, "plan_completed", "plan", at))


def _cured(state: State, at: Moment) -> Said:
    return cases.close_if_nothing_due(state, "cured", cases.way_out(state), at)


def _decide_anew(state: State, payment: Payment, at: Moment) -> Said:
    """What was recommended about the court rests on amounts that a payment into the case has changed."""
    of_case = state.case is not None and payment.loan_id in state.case.loan_ids
    return legal.recommend_anew(state, at) if of_case else (state, ())


def taken_back(state: State, money: Money, at: Moment) -> Said:
    """Mirror a payment exactly: its credit, its fee, the promise it kept and the case it closed.

    It may be taken back in parts. Once it is wholly taken back, the same told again changes nothing.
    """
    known = _payment(state, money)
    if known is None or not known.got:
        return _of_unknown(state, known, money, at)
    if known.back >= known.got:
        return state, ()
    part = min(money.amount, known.left)
    after = replace(known, back=known.back + money.amount, left=known.left - part, taken_back=True)
    return run(
        _keep(loans.after_money(state, money, sign=-1), after),
        step(cases.reopen, f"payment {money.payment_id} was taken back: {money.reason}", at),
        step(_credit, known, money, -part, f"taken back: {money.reason}"),
        step(_surplus, part - money.amount, money, at),
        step(_claw_back, known, after.left),
        step(_unfill, known, at),
        step(promises.rest_again, at),
    )


def _surplus(state: State, rest: Decimal, money: Money, at: Moment) -> Said:
    """More was taken back than had been credited: the rest is nobody's."""
    if not rest:
        return state, ()
    return _nobody(state, money, rest, "more was taken back than had been received", at)


def _nobody(state: State, money: Money, amount: Decimal, reason: str, at: Moment) -> Said:
    nobody = Payment(money.payment_id, money.loan_id, money.currency, ZERO, money.value_date, at.now)
    return state, (_attributed(state, nobody, money, amount, reason),)


def _claw_back(state: State, payment: Payment, left: Decimal) -> Said:
    """The fee that is left is the fee on the money that is left."""
    lost = fee_on(payment.left, payment.basis_points) - fee_on(left, payment.basis_points)
    if lost <= 0:
        return state, ()
    return state, (FeeReversed(**_fee(state, payment), amount=lost),)


def _unfill(state: State, payment: Payment, at: Moment) -> Said:
    """All that the payment had filled is open again, in whole: what is left of it was not what was promised."""
    if payment.taken_back:
        return state, ()
    state, said = run(state, *(step(promises.unfill, s, payment.payment_id, at) for s in payment.shares))
    for share in payment.shares:
        state = plans.unfill(state, share)
    return state, said


def _of_unknown(state: State, known: Payment | None, money: Money, at: Moment) -> Said:
    """A payment that was not told (yet) was taken back, or a part of it: nobody is debited."""
    state = loans.after_money(state, money, sign=-1)
    mark = known or Payment(money.payment_id, money.loan_id, money.currency, ZERO, money.value_date, at.now)
    mark = replace(mark, back=mark.back + money.amount, taken_back=True, early=_with_part(mark.early, money.amount))
    state, said = _nobody(_keep(state, mark), money, -money.amount, f"unknown payment taken back: {money.reason}", at)
    state, more = cases.reopen(state, f"payment {money.payment_id} was taken back: {money.reason}", at)
    return state, (*said, *more)


def _with_part(early: tuple[Decimal, ...], amount: Decimal) -> tuple[Decimal, ...]:
    """One more part; what comes after many joins the last."""
    return (*early, amount) if len(early) < PARTS_KEPT else (*early[:-1], early[-1] + amount)


def _late(state: State, known: Payment, money: Money, at: Moment) -> Said:
    """The payment itself, told after it was taken back: the two cancel out, with nobody.

    What was told once it was wholly taken back was a repetition: it is given back.
    """
    back = ZERO
    for part in known.early:
        back += part if back < money.amount else ZERO
    state = _keep(state, replace(known, amount=money.amount, got=money.amount, back=back, taken_back=False, early=()))
    return _nobody(state, money, money.amount + known.back - back, "was taken back before it was told", at)


def _another(state: State, known: Payment, money: Money, at: Moment) -> Said:
    """One id for two amounts breaks the contract. What is past due is followed; the money is nobody's."""
    state = _keep(loans.after_money(state, money, sign=1), replace(known, got=known.got + money.amount))
    reason = f"the payment id was used before, for {known.amount} {known.currency}"
    state, said = _nobody(state, money, money.amount, reason, at)
    state, more = _cured(state, at)
    return state, (*said, *more)


def _payment(state: State, money: Money) -> Payment | None:
    known = next((known for known in state.payments if _named(known) == _named(money)), None)
    return known or looked_up(state, *_named(money))


def _keep(state: State, payment: Payment) -> State:
    others = tuple(known for known in state.payments if _named(known) != _named(payment))
    return replace(without(state, payment), payments=(*others, payment))


def _named(payment: Payment | Money) -> tuple[str, str, str]:
    return payment.payment_id, payment.loan_id, payment.currency
