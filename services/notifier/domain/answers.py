"""What the borrower says, by link, to an officer, or at the door; and what stops because of it."""

from datetime import datetime, timedelta

from schemas.agencies import VisitResult
from schemas.changing import replace
from schemas.contacts import ContactStopRequested, DisputeRaised, HardshipDeclared, NoticeAnswered
from schemas.envelope import Fact
from services.notifier.domain import promising
from services.notifier.domain.flow import onward
from services.notifier.domain.moment import Moment, NotPossible, Reaction, Said
from services.notifier.domain.outcomes import Answered
from services.notifier.domain.state import Borrower, Proved
from services.rulebook.question import Hold, StopRequest

HARDSHIPS = frozenset({"unemployment", "illness", "business_failure", "family"})
"""Reasons for default heard at the door that are reasons of hardship under the same name."""


def answer(state: Borrower, given: Answered, ctx: Moment) -> Reaction:
    """Take an answer: says `notice.answered`, and what follows from it, and cancels what is pending.

    Raises NotPossible when something is missing (a promise without day or amount) or the notice is not the borrower's,
    NeverPossible when the promised day is over or lies beyond the strategy's horizon, or more is promised than owed.
    """
    _check(state, given)
    promising.check(state, given, ctx.reference.strategy.promise, ctx.now)
    numbered = replace(state, answers=state.answers + 1)
    said: Said = (_answered(numbered, given, ctx),)
    after, more = _consequence(_rests(numbered, given, ctx), given, ctx)
    return onward(after, ctx, (*said, *more))


def at_the_door(state: Borrower, result: VisitResult, visit_id: str, ctx: Moment) -> Reaction:
    """What a visit's result means: dispute or hardship told to the visitors is said here; a death stops everything."""
    if result.disposition == "disputes_debt":
        after, said = _disputed(state, ctx, "agency")
    elif result.disposition == "hardship":
        reason = result.reason_for_default if result.reason_for_default in HARDSHIPS else "other"
        after, said = _hardship(state, ctx, "agency", reason or "other")
    elif result.disposition == "deceased":
        after, said = _held(state, f"visit:{visit_id}", "deceased", ctx.now), ()
    else:
        return state, ()
    return onward(after, ctx, said)


def _check(state: Borrower, given: Answered) -> None:
    if given.answer == "promise" and (given.promised_on is None or given.amount is None or given.currency is None):
        raise NotPossible("a promise needs a day, an amount and a currency")
    if given.answer == "plan_request" and (given.instalments is None or given.instalments < 1):
        raise NotPossible("a plan request needs the number of instalments")
    if given.amount is not None and given.amount <= 0:
        raise NotPossible("an amount must be above zero")
    if given.via == "link" and not _is_own(state, given.notice_id):
        raise NotPossible(f"{given.notice_id} is not a notice of this borrower")


def _is_own(state: Borrower, notice_id: str) -> bool:
    number = notice_id.removeprefix(f"N-{state.borrower_id}-")
    return number != notice_id and number.isdecimal() and 1 <= int(number) <= state.notices


def _answered(state: Borrower, given: Answered, ctx: Moment) -> NoticeAnswered:
    return NoticeAnswered(
        answer_id=f"AN-{state.borrower_id}-{state.answers}",
        notice_id=given.notice_id or "none",
        borrower_id=state.borrower_id,
        loan_ids=_loan_ids(state),
        answer=given.answer,
        answered_at=ctx.now,
        promised_on=given.promised_on,
        amount=given.amount,
        currency=given.currency,
        instalments=given.instalments,
        statement=given.statement,
    )


def _loan_ids(state: Borrower) -> tuple[str, ...]:
    """The overdue loans; all that are known where none is overdue."""
    return tuple(loan.loan_id for loan in state.overdue or state.loans)


def _rests(state: Borrower, given: Answered, ctx: Moment) -> Borrower:
    """The ladder rests after an answer. A word from a wrong person is none: the borrower was not reached."""
    if given.answer == "wrong_person" or not state.overdue:
        return state
    until = ctx.now + timedelta(days=ctx.reference.strategy.ladder.answer_rest_days)
    return replace(state, round=replace(state.round, quiet_until=until))


def _consequence(state: Borrower, given: Answered, ctx: Moment) -> tuple[Borrower, Said]:
    if given.answer == "dispute":
        return _disputed(state, ctx, given.via, given.statement)
    if given.answer == "hardship":
        return _hardship(state, ctx, given.via, given.hardship, given.statement)
    if given.answer == "stop_request":
        return _stopped(state, given, ctx)
    if given.answer == "complaint":
        return _held(state, f"complaint:{state.answers}", "complaint", ctx.now), ()
    return (_wrong_person(state, given) if given.answer == "wrong_person" else state), ()


def _disputed(state: Borrower, ctx: Moment, via: str, grounds: str | None = None) -> tuple[Borrower, Said]:
    dispute_id = f"D-{state.borrower_id}-{state.disputes + 1}"
    fact = DisputeRaised.model_validate(
        {**_said_by(state, via), "dispute_id": dispute_id, "raised_at": ctx.now, "grounds": grounds}
    )
    asked = replace(state.without_result("dispute"), disputes=state.disputes + 1)
    return _held(asked, dispute_id, "dispute", ctx.now), (fact,)


def _hardship(
    state: Borrower, ctx: Moment, via: str, reason: str, statement: str | None = None
) -> tuple[Borrower, Said]:
    hardship_id = f"HD-{state.borrower_id}-{state.hardships + 1}"
    fact = HardshipDeclared.model_validate(
        {
            **_said_by(state, via),
            "hardship_id": hardship_id,
            "declared_at": ctx.now,
            "reason": reason,
            "statement": statement,
        }
    )
    asked = replace(state.without_result("hardship"), hardships=state.hardships + 1)
    return _held(asked, hardship_id, "hardship", ctx.now), (fact,)


def _said_by(state: Borrower, via: str) -> dict[str, object]:
    return {"borrower_id": state.borrower_id, "loan_ids": _loan_ids(state), "via": via}


def _stopped(state: Borrower, given: Answered, ctx: Moment) -> tuple[Borrower, Said]:
    request = StopRequest(f"SR-{state.borrower_id}-{state.requests + 1}", ctx.now, given.channels)
    fact: Fact = ContactStopRequested(
        request_id=request.request_id,
        borrower_id=state.borrower_id,
        requested_at=ctx.now,
        via=given.via,
        channels=given.channels,
    )
    others = tuple(stop for stop in state.stops if not _covers(request, stop))
    return replace(state, requests=state.requests + 1, stops=(*others, request)), (fact,)


def _covers(request: StopRequest, earlier: StopRequest) -> bool:
    """Whether a request says all that an earlier one did; a consent that does not lift it lifts neither."""
    return not request.channels or (bool(earlier.channels) and set(earlier.channels) <= set(request.channels))


def _held(state: Borrower, hold_id: str, reason: str, at: datetime) -> Borrower:
    """Our own hold, from the first word on; assignment's follows."""
    others = tuple(hold for hold in state.holds if hold.hold_id != hold_id)
    return replace(state, holds=(*others, Hold(hold_id, reason, at)))


def _wrong_person(state: Borrower, given: Answered) -> Borrower:
    """The contact point is somebody else's: it is never used again, and what it proved is void.

    Whatever became of the notice: it may have failed, been of another round, or of a loan that is paid.
    """
    proved = {p.contact_point for p in state.round.proved if p.notice_id == given.notice_id}
    under_way = {c.contact_point for c in state.contacts if c.contact_id == given.notice_id}
    counted = {c.contact_point for c in state.history if c.contact_id == given.notice_id}
    points = {given.contact_point, *given.same_points, *proved, *under_way, *counted}
    wrong = tuple(sorted({*state.wrong_points, *(point for point in points if point)}))
    kept = tuple(p for p in state.round.proved if not _is_void(p, wrong))
    ids = {p.proof_id for p in state.round.proved} - {p.proof_id for p in kept}
    proofs = tuple(p for p in state.proofs if p.proof_id not in ids)
    return replace(state, wrong_points=wrong, round=replace(state.round, proved=kept), proofs=proofs)


def _is_void(proved: Proved, wrong: tuple[str, ...]) -> bool:
    return proved.contact_point in wrong
