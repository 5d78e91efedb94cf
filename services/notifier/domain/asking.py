"""Asking the contact gate: what is proposed, what it rests on, and the decision as a fact. One ledger for everybody.

An allowed contact is counted from this moment; what is denied leaves no trace in the counters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from schemas.changing import replace
from schemas.contacts import ContactAllowed, ContactCancelled, ContactDenied, Purpose
from schemas.values import Arrears, Channel, Party, Reason, Step
from services.notifier.domain.moment import Moment, Reaction
from services.notifier.domain.state import Amounts, Borrower, Contact, ContactState, Lapsed, Medium, Point, Sums
from services.rulebook.gate import decide
from services.rulebook.local import local_day, zone_of
from services.rulebook.packs import Rulebook
from services.rulebook.question import Contacted, Decision, History, Proposal
from services.rulebook.record import as_json, inputs_of

MEDIUM: dict[Channel, Medium] = {
    "sms": "phone",
    "voice": "phone",
    "email": "email",
    "letter": "address",
    "visit": "address",
}
KINDS_OF_ADDRESS = ("home", "registered", "work")
HISTORY_DAYS_MIN = 8
UTC_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Ask:
    """A proposal with what the fact about it names besides."""

    proposal: Proposal
    purpose: Purpose
    amounts: Amounts | None = None
    step: Step | None = None
    template: str = ""
    attempt: int = 1
    placement_id: str | None = None


def point_for(state: Borrower, channel: Channel) -> Point | None:
    """The contact point to use: verified ones first, home before other addresses; never one that proved wrong."""
    usable = [p for p in state.points if p.medium == MEDIUM[channel] and p.point_id not in state.wrong_points]
    return min(usable, key=lambda p: (not p.verified, _rank(p), state.points.index(p)), default=None)


def _rank(point: Point) -> int:
    return KINDS_OF_ADDRESS.index(point.kind) if point.kind in KINDS_OF_ADDRESS else 0


def source_of(state: Borrower, point_id: str | None) -> str | None:
    """Where a contact point comes from; None where it is not known."""
    return next((p.source for p in state.points if p.point_id == point_id), None)


def verified_on(state: Borrower, point_id: str | None) -> date | None:
    """When a contact point was last confirmed to be the borrower's; None where it was not, or is not known."""
    return next((p.verified_on for p in state.points if p.point_id == point_id), None)


def rulebook_of(state: Borrower, proposal: Proposal, ctx: Moment) -> Rulebook | None:
    """The rule book that is in force in the borrower's region when the contact is to be made."""
    at = max(proposal.at, ctx.now)
    return ctx.reference.rulebook_for(state.profile.region, at) if state.profile else None


def outruled(state: Borrower, contact: Contact, ctx: Moment) -> bool:
    """Whether another version than the one that allowed a contact is in force when it is to be made."""
    if state.profile is None or not contact.rulebook:
        return False
    book = ctx.reference.rulebook_for(state.profile.region, max(contact.not_before, ctx.now))
    return book is None or book.label != contact.rulebook


def weigh(state: Borrower, ask: Ask, ctx: Moment, forbidden: Sequence[Reason] = ()) -> Decision:
    """The decision of the rules, and of what the case itself forbids."""
    rulebook = rulebook_of(state, ask.proposal, ctx)
    decision = decide(ask.proposal, _history(state), state.known, rulebook, ctx.now)
    if not forbidden:
        return decision
    reasons = (*forbidden, *(() if decision.allowed else decision.reasons))
    return replace(decision, allowed=False, reasons=reasons, retry_at=None, expires_at=None)


def refused(state: Borrower, ask: Ask, ctx: Moment, reason: Reason) -> Decision:
    """The denial of what no rule need be asked about."""
    return replace(weigh(state, ask, ctx, (reason,)), reasons=(reason,))


def allow(state: Borrower, ask: Ask, decision: Decision, ctx: Moment, held_as: ContactState) -> Reaction:
    """Reserve and count the contact, and say so. `held_as` is "pending" for our own, "permitted" for others'."""
    proposal, not_before = ask.proposal, max(ask.proposal.at, ctx.now)
    expires_at = decision.expires_at or not_before
    contact = Contact(
        contact_id=proposal.contact_id,
        channel=proposal.channel,
        purpose=ask.purpose,
        state=held_as,
        loan_ids=proposal.loan_ids,
        not_before=not_before,
        expires_at=expires_at,
        step=ask.step,
        proposed_by=proposal.proposed_by,
        contact_point=proposal.contact_point,
        template=ask.template,
        language=state.language,
        amounts=ask.amounts,
        attempt=ask.attempt,
        round=state.round.number,
        placement_id=ask.placement_id,
        rulebook=decision.rulebook,
        person_id=proposal.person_id,
    )
    point, loan_ids, party = proposal.contact_point, proposal.loan_ids, proposal.party
    counted = Contacted(proposal.contact_id, proposal.channel, not_before, point, loan_ids, party=party)
    others = tuple(c for c in state.history if c.contact_id != proposal.contact_id)
    after = replace(state.with_contact(contact), history=(*others, counted))
    fact = ContactAllowed(**_decision(state, ask, decision, ctx), not_before=not_before, expires_at=expires_at)
    return after, (fact,)


def deny(state: Borrower, ask: Ask, decision: Decision, ctx: Moment) -> Reaction:
    """Say that the contact may not be made, why, and when it could be."""
    fact = ContactDenied(**_decision(state, ask, decision, ctx), retry_at=decision.retry_at)
    return state, (fact,)


def _decision(state: Borrower, ask: Ask, decision: Decision, ctx: Moment) -> dict[str, Any]:
    """The fields that an allowance and a denial share."""
    proposal, amounts = ask.proposal, ask.amounts
    rulebook = rulebook_of(state, proposal, ctx)
    return {
        "contact_id": proposal.contact_id,
        "borrower_id": state.borrower_id,
        "loan_ids": proposal.loan_ids,
        "channel": proposal.channel,
        "purpose": ask.purpose,
        "party": proposal.party,
        "proposed_by": proposal.proposed_by,
        "proposed_for": proposal.at,
        "decided_at": ctx.now,
        "local_time": decision.local_time,
        "time_zone": decision.time_zone,
        "rulebook": decision.rulebook,
        "reasons": decision.reasons,
        "counters": decision.counters,
        "known_as_of": ctx.known_as_of,
        "case_id": state.case_id,
        "step": ask.step,
        "attempt": ask.attempt,
        "contact_point": proposal.contact_point,
        "template": ask.template or None,
        "language": state.language,
        "currency": amounts.currency if amounts else None,
        "arrears": said_sums(amounts.arrears) if amounts else None,
        "days_past_due": amounts.days_past_due if amounts else None,
        "due_date": amounts.due_date if amounts else None,
        "inputs": as_json(inputs_of(proposal, _history(state), state.known, rulebook, ctx.now)),
    }


def _history(state: Borrower) -> History:
    return History(state.history, state.holds, state.stops, state.proofs, state.refusals)


def said_sums(sums: Sums) -> Arrears:
    """Amounts as facts name them."""
    return Arrears(principal=sums.principal, interest=sums.interest, fees=sums.fees)


def cancelled(state: Borrower, contact: Contact, reason: str, ctx: Moment) -> Reaction:
    """Take an allowed contact back before it is made; it counts no more."""
    fact = ContactCancelled(
        contact_id=contact.contact_id,
        borrower_id=state.borrower_id,
        channel=contact.channel,
        purpose=contact.purpose,
        reason=reason,
        cancelled_at=ctx.now,
    )
    return uncounted(lapse(state, contact, reason, ctx), contact.contact_id), (fact,)


def lapse(state: Borrower, contact: Contact, why: str, ctx: Moment) -> Borrower:
    """The borrower without this open contact. A permit of somebody else's is kept: it may have been used before."""
    if contact.state != "permitted":
        return state.without(contact.contact_id)
    permit = Lapsed(contact, party_of(state, contact.contact_id), ctx.now, why)
    after = state.over(contact.contact_id)
    return replace(after, lapsed=(*after.lapsed, permit))


def party_of(state: Borrower, contact_id: str) -> Party:
    """With whom a counted contact is, or was."""
    return next((c.party for c in state.history if c.contact_id == contact_id), "debtor")


def uncounted(state: Borrower, contact_id: str) -> Borrower:
    """The borrower without this contact in the counters."""
    return replace(state, history=tuple(c for c in state.history if c.contact_id != contact_id))


def recent(state: Borrower, ctx: Moment) -> Borrower:
    """The borrower with no more contacts in the counters, and lapsed permits, than the rules look back on."""
    looked_back = ctx.reference.rulebooks.history_days(state.profile.region) if state.profile else 0
    days = max(HISTORY_DAYS_MIN, looked_back + 2)
    since = ctx.now - timedelta(days=days)
    if all(c.at >= since for c in state.history) and all(p.contact.expires_at >= since for p in state.lapsed):
        return state
    lapsed = tuple(permit for permit in state.lapsed if permit.contact.expires_at >= since)
    return replace(state, history=tuple(c for c in state.history if c.at >= since), lapsed=lapsed)


def owed(state: Borrower, now: datetime) -> tuple[tuple[str, ...], Amounts] | None:
    """What one message over all overdue loans names: those in the currency of the loan that is longest past due."""
    loans = sorted(state.overdue, key=lambda loan: (loan.past_due_since or loan.as_of or now.date(), loan.loan_id))
    if not loans:
        return None
    same = [loan for loan in loans if loan.currency == loans[0].currency]
    total = sum((loan.arrears for loan in same), Sums())
    since = loans[0].past_due_since
    days = (today(state, now) - since).days if since else 0
    return tuple(sorted(loan.loan_id for loan in same)), Amounts(loans[0].currency, total, max(days, 0))


def products_of(state: Borrower, loan_ids: Sequence[str]) -> tuple[str, ...]:
    """The products of these loans; none where that of any is not known, so that a rule of any product concerns them."""
    found = {loan.product for loan in state.loans if loan.loan_id in loan_ids}
    return () if "" in found else tuple(sorted(found))


def zone_for(state: Borrower) -> ZoneInfo:
    """The borrower's time zone; UTC where it is not known (the gate then denies every contact)."""
    return (zone_of(state.profile.time_zone) if state.profile else None) or UTC_ZONE


def today(state: Borrower, now: datetime) -> date:
    """The borrower's calendar day."""
    return local_day(now, zone_for(state))
