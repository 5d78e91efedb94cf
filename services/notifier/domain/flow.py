"""What follows from every change: withdraw what no longer fits, give up what waited too long, take what is due.

The order is fixed, and stopping comes before starting. When to look again is derived from the state each time.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from schemas.changing import replace
from schemas.contacts import ContactSettled, NoticeUnknown
from services.notifier.domain.asking import cancelled, lapse, outruled, owed, party_of, recent
from services.notifier.domain.ladder import EARLY, next_turn, silence_ends_at
from services.notifier.domain.moment import Moment, Reaction, Said
from services.notifier.domain.state import Borrower, Contact, Loan, Round
from services.notifier.domain.steps import at_rest, climb, early_opens_at, is_paused, still_asked
from services.rulebook.question import Hold

PERMIT_GRACE = timedelta(days=3)
"""An outcome may be told so long after a permit has run out; then it counts as made and never reported."""

OF_THE_CASE = frozenset({"dispute", "hardship", "complaint", "promise", "plan", "officer"})
"""Holds that end with the case they were placed in."""


def follow(before: Borrower, after: Borrower, ctx: Moment) -> Reaction:
    """What follows from a change of state. A fact that says nothing new costs nothing more."""
    due = after.wake_at is not None and after.wake_at <= ctx.now
    same = not due and (before is after or _meaning(before) == _meaning(after))
    return (after, ()) if same else onward(after, ctx)


def onward(state: Borrower, ctx: Moment, said: Said = ()) -> Reaction:
    """Bring the state up to this instant, saying what has to be said on the way."""
    state = _tidied(state, ctx)
    for stage in (_withdraw, _give_up, climb):
        state, more = stage(state, ctx)
        said = (*said, *more)
    state = replace(state, denials=still_asked(state, ctx))
    return replace(state, wake_at=wake_at(state, ctx)), said


def wake_at(state: Borrower, ctx: Moment) -> datetime | None:
    """The next instant at which time alone changes something."""
    strategy = ctx.reference.strategy
    turn, silence = next_turn(state, strategy, ctx.now), silence_ends_at(state, strategy)
    times = [_ends_at(contact, ctx) for contact in state.contacts]
    times += [hold.until for hold in state.holds]
    times += [denial.retry_at for denial in state.denials]
    times += [turn.due_at if turn else None, *early_opens_at(state, ctx)]
    times += [silence if not state.round.unanswered_at else None]
    if is_paused(ctx) and silence is not None and silence <= ctx.now and not at_rest(state, ctx.now):
        times.append(ctx.now + timedelta(minutes=strategy.ladder.pause_poll_minutes))
    return min((time for time in times if time is not None and time > ctx.now), default=None)


def _meaning(state: Borrower) -> Borrower:
    """The state without what only orders facts."""
    return replace(state, loans=tuple(_standing(loan) for loan in state.loans), wake_at=None)


def _standing(loan: Loan) -> Loan:
    return replace(loan, as_of=None, heard=None, paid_heard=None, version=None)


def _tidied(state: Borrower, ctx: Moment) -> Borrower:
    """Without holds that have run out, old contacts, and (once nothing is past due) the round that is over."""
    holds = tuple(hold for hold in state.holds if hold.until is None or hold.until > ctx.now)
    state = recent(state if holds == state.holds else replace(state, holds=holds), ctx)
    if state.lives or state.round == Round(state.round.number):
        return state
    over = replace(state, round=Round(state.round.number + 1), proofs=())
    return without_case_holds(over) if state.case_id is None else over


def without_case_holds(state: Borrower) -> Borrower:
    """The borrower without the holds that end with a case. Relief that was granted until a day stands until then."""
    return replace(state, holds=tuple(h for h in state.holds if outlasts(h) or _is_relief(h)))


def outlasts(hold: Hold) -> bool:
    """Whether a hold stands when its case is over: assignment says itself which of its own are released."""
    return hold.reason not in OF_THE_CASE or hold.hold_id.startswith("H-")


def _is_relief(hold: Hold) -> bool:
    return hold.reason == "hardship" and hold.until is not None


# -- withdrawing ------------------------------------------------------------------------------------------------------


def _withdraw(state: Borrower, ctx: Moment) -> tuple[Borrower, Said]:
    """Take back what may still be taken back and no longer fits what is known."""
    said: Said = ()
    for contact in state.contacts:
        why = unfit(state, contact, ctx) if contact.state in ("pending", "permitted") else ""
        if why:
            state, more = cancelled(state, contact, why, ctx)
            said = (*said, *more)
    return state, said


def unfit(state: Borrower, contact: Contact, ctx: Moment) -> str:
    """Why an allowed contact may no longer be made; "" while it may. The words are those of a cancelled visit."""
    found = _stopped(state, contact, ctx.now) or _time_unfit(contact, ctx)
    return found or ("replanned" if outruled(state, contact, ctx) else "")


def meant(state: Borrower, contact_id: str, now: datetime) -> bool:
    """Whether a contact that was claimed is still to be made: nothing stops it, and its time is not over."""
    contact = state.contact(contact_id)
    if contact is None or contact.state != "submitting" or now >= contact.expires_at:
        return False
    return not _stopped(state, contact, now)


def _stopped(state: Borrower, contact: Contact, now: datetime) -> str:
    at = max(contact.not_before, now)  # as the gate judges it
    return _person_unfit(state, contact, at) or _case_unfit(state, contact, now)


def _person_unfit(state: Borrower, contact: Contact, at: datetime) -> str:
    status = state.profile.status if state.profile else "active"
    if status != "active" and party_of(state, contact.contact_id) != "contact_person":  # they are asked because of it
        return status
    standing = next((hold.reason for hold in state.holds if hold.until is None or hold.until > at), "")
    if standing:
        return standing
    if contact.person_id in state.refusals:
        return "stop_request"
    if contact.contact_point in state.wrong_points:
        return "wrong_person"
    return "stop_request" if state.stopped(at, contact.channel) else ""


def _case_unfit(state: Borrower, contact: Contact, now: datetime) -> str:
    if contact.step == EARLY:
        loans = [state.loan(loan_id) for loan_id in contact.loan_ids]
        waits = all(loan.due_soon and loan.standing not in ("overdue", "paused") for loan in loans)
        return "" if waits else "payment"
    stopped = next((loan for loan in map(state.loan, contact.loan_ids) if loan.standing != "overdue"), None)
    if stopped is not None:
        return {"clear": "cured", "due_soon": "cured"}.get(stopped.standing, stopped.standing)
    if contact.state == "permitted":
        return "recalled" if contact.placement_id in state.recalled else ""
    if state.placement_id:
        return "placed"
    if state.round.quiet_until is not None and state.round.quiet_until > now:
        return "answered"
    return _changed(state, contact, now)


def _changed(state: Borrower, contact: Contact, now: datetime) -> str:
    """A message names loans and sums; when those are others it is decided anew."""
    what = owed(state, now)
    if what is None or contact.amounts is None:
        return "cured"
    loan_ids, amounts = what
    same = (loan_ids, amounts.currency, amounts.arrears) == (
        contact.loan_ids,
        contact.amounts.currency,
        contact.amounts.arrears,
    )
    return "" if same else "payment"


def _time_unfit(contact: Contact, ctx: Moment) -> str:
    return "expired" if contact.state == "pending" and contact.expires_at <= ctx.now else ""


# -- giving up --------------------------------------------------------------------------------------------------------


def _ends_at(contact: Contact, ctx: Moment) -> datetime | None:
    """When an open contact ends by itself; a claimed one never does, its sender ends it."""
    if contact.state == "pending":
        return contact.expires_at
    if contact.state == "permitted":
        return contact.expires_at + PERMIT_GRACE
    if contact.state == "submitted" and contact.submitted_at is not None:
        return contact.submitted_at + timedelta(hours=ctx.reference.strategy.ladder.receipt_timeout_hours)
    return None


def _give_up(state: Borrower, ctx: Moment) -> tuple[Borrower, Said]:
    """No receipt in time: unknown. No outcome of a permit in time: it counts as made, and nobody said so."""
    said: Said = ()
    for contact in state.contacts:
        ends_at = _ends_at(contact, ctx)
        if ends_at is not None and ends_at <= ctx.now:
            state = lapse(state, contact, "unreported", ctx)
            said = (*said, _given_up(state, contact, ctx))
    return state, said


def _given_up(state: Borrower, contact: Contact, ctx: Moment) -> NoticeUnknown | ContactSettled:
    if contact.step is None:
        return settled(state, contact, "unreported", ctx)
    return NoticeUnknown(
        notice_id=contact.contact_id,
        borrower_id=state.borrower_id,
        loan_ids=contact.loan_ids,
        step=contact.step,
        channel=contact.channel,
        since=ctx.now,
        reason="no receipt came in time",
    )


def settled(
    state: Borrower,
    contact: Contact,
    outcome: str,
    ctx: Moment,
    *,
    made_at: datetime | None = None,
    exceeded: Sequence[str] = (),
) -> ContactSettled:
    """The word that a permitted contact is over, when it was made where that is known, and which caps it exceeds."""
    return ContactSettled.model_validate(
        {
            "contact_id": contact.contact_id,
            "borrower_id": state.borrower_id,
            "channel": contact.channel,
            "purpose": contact.purpose,
            "outcome": outcome,
            "settled_at": ctx.now,
            "exceeded": tuple(exceeded),
            "made_at": made_at,
        }
    )
