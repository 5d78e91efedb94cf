"""The life of an allowed contact: pending → submitting → submitted → delivered, failed or unknown.

Others' contacts are permitted and then settled; any may be cancelled before it is made. Each function is a command: it
maps the borrower's state to the state that shall be and what to say, or raises NotPossible. Call them through
`handlers.command`.
"""

from datetime import datetime, timedelta
from typing import Any

from schemas.changing import replace
from schemas.contacts import (
    NoticeDelivered,
    NoticeFailed,
    NoticeNotSubmitted,
    NoticeSent,
    NoticeSubmitting,
    NoticeUnknown,
    Proof,
    Purpose,
)
from schemas.values import Reason
from services.notifier.domain.asking import (
    MEDIUM,
    Ask,
    allow,
    deny,
    outruled,
    owed,
    products_of,
    said_sums,
    source_of,
    uncounted,
    verified_on,
    weigh,
)
from services.notifier.domain.flow import onward, wake_at
from services.notifier.domain.ladder import EARLY, steps_for
from services.notifier.domain.moment import Moment, NotPossible, Reaction, Said
from services.notifier.domain.outcomes import (
    Accepted,
    Asked,
    Delivered,
    Failed,
    Receipt,
    Refused,
    Submission,
    Tracked,
)
from services.notifier.domain.state import Amounts, Borrower, Contact, ContactState, Proved, Sums
from services.notifier.domain.steps import told, used_up
from services.rulebook.question import Proposal, ProvedDelivery

NO_CURRENCY = "XXX"
"""ISO 4217: the code of what is no money; of a contact that named no amounts."""

NO_PLACEMENT = Reason(rule_id="GATE-PLACEMENT", clause="entrustment", text="the case is not entrusted to this agency")
WRONG_POINT = Reason(
    rule_id="GATE-WRONG-PERSON",
    clause="protection of others",
    text="somebody who is not the borrower was reached there",
)
UNKNOWN_POINT = Reason(
    rule_id="GATE-POINT",
    clause="the gate fails closed",
    text="this contact point is not known of the borrower, and nothing says where it is from",
)
PERHAPS_WRONG = Reason(
    rule_id="GATE-WRONG-PERSON",
    clause="protection of others",
    text="somebody who is not the borrower was reached at a contact point of this source, and this one is not known",
)
NOTHING_DUE = Reason(rule_id="GATE-NOTHING-DUE", clause="no debt, no contact", text="nothing is past due")


def claimed(state: Borrower, contact_id: str, ctx: Moment) -> Reaction:
    """Take a pending contact to hand it to a carrier; from here on a stop no longer withdraws it.

    Raises NotPossible when it is not pending, too early, or expired. Says `notice.submitting`.
    """
    contact = _standing(state, contact_id, "pending")
    if not contact.not_before <= ctx.now < contact.expires_at:
        raise NotPossible(f"{contact_id} may go out from {contact.not_before} until {contact.expires_at}")
    if outruled(state, contact, ctx):
        raise NotPossible(f"{contact_id} was allowed by {contact.rulebook}, which is not in force any more")
    after = state.with_contact(replace(contact, state="submitting"))
    said = NoticeSubmitting(**_named(state, contact), claimed_at=ctx.now)
    return replace(after, wake_at=wake_at(after, ctx)), (said,)


def released(state: Borrower, contact_id: str, ctx: Moment) -> Reaction:
    """Put a claimed contact of which nothing left the house back to pending; where a stop came meanwhile, it is off."""
    contact = _standing(state, contact_id, "submitting")
    back = state.with_contact(replace(contact, state="pending"))
    return onward(back, ctx, (NoticeNotSubmitted(**_named(state, contact), since=ctx.now),))


def submitted(state: Borrower, contact_id: str, outcome: Submission, ctx: Moment) -> Reaction:
    """What became of a claimed contact: says `notice.sent`, `notice.failed` or `notice.unknown`."""
    contact = _standing(state, contact_id, "submitting")
    at = outcome.submitted_at if isinstance(outcome, Accepted) else ctx.now
    after = _used(state.without(contact_id), contact, at)
    if isinstance(outcome, Accepted):
        sent = replace(contact, state="submitted", submitted_at=at)
        return onward(_made_at(after.with_contact(sent), contact, at), ctx, (_sent(state, contact, outcome),))
    if isinstance(outcome, Refused):
        failed = NoticeFailed(**_named(state, contact), failed_at=ctx.now, reason=outcome.reason)
        return onward(uncounted(after, contact_id), ctx, (failed,))
    return onward(after, ctx, (NoticeUnknown(**_named(state, contact), since=ctx.now, reason=outcome.reason),))


def receipt(state: Borrower, contact_id: str, outcome: Receipt, ctx: Moment) -> Reaction:
    """A carrier's receipt: says `notice.delivered` or `notice.failed`. One that comes twice or late says nothing.

    Nothing arrives before it was sent or after it was heard of, whatever the carrier's clock says.

    Raises NotPossible while the contact is still being handed over: the receipt has overtaken its own submission.
    """
    contact = state.contact(contact_id)
    if contact is not None and contact.state == "submitting":
        raise NotPossible(f"{contact_id} is still being handed over; try again")
    if contact is None or contact.state != "submitted":
        return state, ()
    if isinstance(outcome, Failed):
        failed = NoticeFailed(**_named(state, contact), failed_at=outcome.at, reason=outcome.reason)
        return onward(state.without(contact_id), ctx, (failed,))
    arrived = replace(outcome, at=min(max(outcome.at, contact.submitted_at or outcome.at), ctx.now))
    return _delivered(state.without(contact_id), contact, arrived, ctx)


def tracking(state: Borrower, notice_id: str, tracked: Tracked, ctx: Moment) -> Reaction:
    """The post's word on a letter; a letter that is returned or lost has failed."""
    contact = state.contact(notice_id)
    if contact is not None and contact.channel != "letter":
        raise NotPossible(f"{notice_id} is not a letter")
    if tracked.status == "delivered":
        return receipt(state, notice_id, Delivered(tracked.at, tracked.reference, tracked.digest), ctx)
    return receipt(state, notice_id, Failed(tracked.at, f"the letter was {tracked.status}"), ctx)


def propose(state: Borrower, asked: Asked, ctx: Moment) -> Reaction:
    """Ask the gate for a contact of an agency or an officer: says `contact.allowed` or `contact.denied`."""
    if asked.channel == "visit":
        raise NotPossible("visits are asked for by the service that plans them")
    what = owed(state, ctx.now)
    purpose: Purpose = "call" if asked.channel == "voice" else "notice"
    proposal = Proposal(
        contact_id=f"N-{state.borrower_id}-{state.notices + 1}",
        channel=asked.channel,
        purpose="location" if asked.about == "location" else purpose,
        at=asked.at,
        until=asked.until,
        party=asked.party,
        loan_ids=what[0] if what else (),
        contact_point=asked.contact_point,
        contact_source=source_of(state, asked.contact_point) or asked.contact_source,
        verified_on=verified_on(state, asked.contact_point),
        proposed_by=asked.proposed_by,
        person_id=asked.person_id,
        overrides=dict(asked.overrides),
        products=products_of(state, what[0]) if what else (),
        recording=asked.recording,
        private_device=asked.private_device,
    )
    ask = Ask(proposal, purpose, what[1] if what else None, placement_id=state.placement_id)
    forbidden = () if what else (NOTHING_DUE,)
    if _is_agency(asked) and asked.proposed_by != state.agency_id:
        forbidden = (*forbidden, NO_PLACEMENT)
    if (against := _point_against(state, asked)) is not None:
        forbidden = (*forbidden, against)
    return decided(replace(_as_one_point(state, asked), notices=state.notices + 1), ask, ctx, forbidden)


def _is_agency(asked: Asked) -> bool:
    """Whether the case must be entrusted to whoever asks; a name like an agency's is taken for one not heard of yet."""
    return asked.of_agency or asked.proposed_by.startswith("A-")


def _as_one_point(state: Borrower, asked: Asked) -> Borrower:
    """The borrower with what was counted under another id of the same number counted under the one that is named."""
    if not asked.same_points:
        return state
    point = asked.contact_point
    history = (replace(c, contact_point=point) if c.contact_point in asked.same_points else c for c in state.history)
    return replace(state, history=tuple(history))


def _point_against(state: Borrower, asked: Asked) -> Reason | None:
    """What stands against the contact point that an agency or an officer names, before any rule is asked.

    A name that we do not know may be another one for a number at which somebody else was reached: where the source is
    that number's too, it is taken for it.
    """
    if {asked.contact_point, *asked.same_points} & set(state.wrong_points):
        return WRONG_POINT
    if asked.party != "debtor":
        return None
    points = [point for point in state.points if point.medium == MEDIUM[asked.channel]]
    if any(point.point_id == asked.contact_point for point in points):
        return None
    if asked.contact_point is None or asked.contact_source is None:
        return UNKNOWN_POINT
    wrong = {point.source for point in points if point.point_id in state.wrong_points}
    return PERHAPS_WRONG if asked.contact_source in wrong else None


def decided(state: Borrower, ask: Ask, ctx: Moment, forbidden: tuple[Reason, ...] = ()) -> Reaction:
    """Decide a contact of somebody else, in the one ledger."""
    decision = weigh(state, ask, ctx, forbidden)
    if decision.allowed:
        after, said = allow(state, ask, decision, ctx, "permitted")
        return onward(after, ctx, said)
    return deny(state, ask, decision, ctx)


def _standing(state: Borrower, contact_id: str, wanted: ContactState) -> Contact:
    contact = state.contact(contact_id)
    if contact is None or contact.state != wanted:
        found = contact.state if contact else "over, or not known"
        raise NotPossible(f"{contact_id} is not {wanted}: it is {found}")
    return contact


def _named(state: Borrower, contact: Contact) -> dict[str, Any]:
    """What all notice facts name."""
    return {
        "notice_id": contact.contact_id,
        "borrower_id": state.borrower_id,
        "loan_ids": contact.loan_ids,
        "step": contact.step,
        "channel": contact.channel,
    }


def _used(state: Borrower, contact: Contact, at: datetime) -> Borrower:
    """The step's channel is used, whatever came of it; the early warning is given."""
    if contact.step is None or contact.step == EARLY:
        return told(state, contact.loan_ids)
    return used_up(state, contact.step, contact.channel, at) if contact.round == state.round.number else state


def _made_at(state: Borrower, contact: Contact, at: datetime) -> Borrower:
    counted = tuple(replace(c, at=at) if c.contact_id == contact.contact_id else c for c in state.history)
    return replace(state, history=counted)


def _sent(state: Borrower, contact: Contact, outcome: Accepted) -> NoticeSent:
    amounts = contact.amounts or Amounts(NO_CURRENCY, Sums(), 0)
    return NoticeSent(
        **_named(state, contact),
        template=outcome.template or contact.template,
        template_version=outcome.template_version,
        language=outcome.language or contact.language,
        currency=amounts.currency,
        arrears=said_sums(amounts.arrears),
        days_past_due=amounts.days_past_due,
        submitted_at=outcome.submitted_at,
        carrier_reference=outcome.reference,
        contact_point=contact.contact_point or "none",
        text_digest=outcome.text_digest,
    )


def _delivered(state: Borrower, contact: Contact, outcome: Delivered, ctx: Moment) -> Reaction:
    proof = Proof(
        proof_id=f"PF-{contact.contact_id}",
        kind="postal_receipt" if contact.channel == "letter" else "delivery_receipt",
        carrier_reference=outcome.reference,
        received_at=ctx.now,
        digest=outcome.digest,
    )
    said: Said = (NoticeDelivered(**_named(state, contact), delivered_at=outcome.at, proof=proof),)
    wrong = contact.contact_point in state.wrong_points
    if contact.step is None or contact.step == EARLY or contact.round != state.round.number or wrong:
        return onward(state, ctx, said)
    return onward(_proved(state, contact, outcome, proof.proof_id, ctx), ctx, said)


def _proved(state: Borrower, contact: Contact, outcome: Delivered, proof_id: str, ctx: Moment) -> Borrower:
    """The borrower with this proof; where an answer is waited for, a visit may rest on it after its window."""
    assert contact.step is not None  # asked by the caller
    point, step = contact.contact_point, contact.step
    proved = Proved(contact.contact_id, step, contact.channel, outcome.at, proof_id, point)
    after = replace(state, round=replace(state.round, proved=(*state.round.proved, proved)))
    days = next((s.response_window_days for s in steps_for(state, ctx.reference.strategy) if s.step == step), 0)
    if not days:
        return after
    held = ProvedDelivery(proof_id, outcome.at, outcome.at + timedelta(days=days))
    return replace(after, proofs=(*state.proofs, held))
