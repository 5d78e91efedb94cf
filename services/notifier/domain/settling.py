"""What became of a permitted contact, told in time or late: it counts at the instant at which it was made.

A permit that was withdrawn or ran out without a word may have been used before anybody knew. When that is told, it
counts after all, even where another contact was allowed in its place: the cap is then exceeded, and every later
decision says so in its counters.
"""

from datetime import datetime, timedelta

from schemas.changing import replace
from schemas.contacts import ContactSettled
from schemas.values import Reason
from services.notifier.domain.asking import cancelled, party_of, products_of
from services.notifier.domain.flow import onward, settled
from services.notifier.domain.moment import Moment, NeverPossible, NotPossible, Reaction
from services.notifier.domain.outcomes import Settled
from services.notifier.domain.state import Borrower, Contact, Lapsed
from services.rulebook.gate import decide
from services.rulebook.packs import Rulebook
from services.rulebook.question import Contacted, History, Proposal

CLOCK_TOLERANCE = timedelta(minutes=2)
"""Others' clocks may differ from ours by so much, and people write down whole minutes."""

BEFORE_THE_END = timedelta(microseconds=1)
"""A permit is half open; one that ends at midnight counts on the day before."""

HOW_OFTEN = ("cap", "cooldown")
"""The kinds of rules that look at other contacts."""


def settle(state: Borrower, contact_id: str, outcome: Settled, ctx: Moment) -> Reaction:
    """What became of a permitted contact: says `contact.settled`, or `contact.cancelled` when it was not made.

    Raises NeverPossible for an instant that is yet to come, NotPossible for one outside the permit, and where the
    contact is settled.
    """
    if outcome.at > ctx.now + CLOCK_TOLERANCE:
        raise NeverPossible(f"{outcome.at} is yet to come: here it is {ctx.now}")
    if outcome.outcome == "not_made":
        return _not_made(state, contact_id, ctx)
    permit = permit_of(state, contact_id)
    if permit is None:
        raise NotPossible(_no_permit(state, contact_id))
    contact = permit.contact
    if not contact.not_before - CLOCK_TOLERANCE <= outcome.at <= contact.expires_at + CLOCK_TOLERANCE:
        raise NotPossible(f"{contact_id} was permitted from {contact.not_before} until {contact.expires_at}")
    after = _dialled(count(state, permit, outcome.at, ctx, connected=outcome.outcome == "connected"), permit, outcome)
    if outcome.refused and contact.person_id and permit.party == "contact_person":
        after = replace(after, refusals=tuple(sorted({*after.refusals, contact.person_id})))
    return onward(after, ctx, (_counted(after, contact, outcome.outcome, outcome.at, ctx),))


def made(state: Borrower, contact_id: str, at: datetime, ctx: Moment) -> Reaction:
    """A permitted visit was made; it counts. Heard twice it is settled once."""
    permit = permit_of(state, contact_id)
    if permit is None:
        return state, ()
    after = count(state, permit, at, ctx)
    return onward(after, ctx, (_counted(after, permit.contact, "made", at, ctx),))


def _counted(after: Borrower, contact: Contact, outcome: str, at: datetime, ctx: Moment) -> ContactSettled:
    exceeded = tuple(reason.rule_id for reason in overrun(after, contact.contact_id, ctx))
    return settled(after, contact, outcome, ctx, made_at=_inside(contact, at, ctx), exceeded=exceeded)


def permit_of(state: Borrower, contact_id: str) -> Lapsed | None:
    """The permit of a contact of which nobody has told what became of it: one that stands, or one that is over."""
    standing = state.contact(contact_id)
    if standing is not None and standing.state == "permitted":
        return Lapsed(standing, party_of(state, contact_id))
    return next((permit for permit in state.lapsed if permit.contact.contact_id == contact_id), None)


def count(state: Borrower, permit: Lapsed, at: datetime, ctx: Moment, *, connected: bool = True) -> Borrower:
    """The borrower with this contact in the counters at its instant, and its permit over for good."""
    contact = permit.contact
    one = Contacted(
        contact.contact_id,
        contact.channel,
        _inside(contact, at, ctx),
        contact.contact_point,
        contact.loan_ids,
        connected,
        permit.party,
    )
    others = tuple(c for c in state.history if c.contact_id != contact.contact_id)
    return replace(state.over(contact.contact_id), history=(*others, one))


def withdrawn_before(state: Borrower, contact_id: str, at: datetime) -> str:
    """Why the permit of a contact had been withdrawn already when it was made; "" where it had not."""
    permit = permit_of(state, contact_id)
    return permit.why if permit and permit.over_at is not None and permit.over_at < at else ""


def overrun(state: Borrower, contact_id: str, ctx: Moment) -> tuple[Reason, ...]:
    """The rules about how often that a contact in the counters breaks, as all others count by what is known now."""
    one = next((c for c in state.history if c.contact_id == contact_id), None)
    book = ctx.reference.rulebook_for(state.profile.region, one.at) if one and state.profile else None
    if one is None or book is None:
        return ()
    proposal = Proposal(
        contact_id=contact_id,
        channel=one.channel,
        purpose="visit" if one.channel == "visit" else "call",
        at=one.at,
        party=one.party,
        loan_ids=one.loan_ids,
        contact_point=one.contact_point,
        products=products_of(state, one.loan_ids),
    )
    decision = decide(proposal, History(state.history), state.known, book, one.at)
    return tuple(reason for reason in decision.reasons if _is_about_how_often(book, reason.rule_id, one))


def _is_about_how_often(book: Rulebook, rule_id: str, one: Contacted) -> bool:
    rule = book.rule(rule_id)
    if rule is None or rule.kind not in HOW_OFTEN:
        return False
    return one.connected or not rule.parameters.only_connected


def _not_made(state: Borrower, contact_id: str, ctx: Moment) -> Reaction:
    contact = state.contact(contact_id)
    if contact is None or contact.state != "permitted":
        raise NotPossible(_no_permit(state, contact_id))
    after, said = cancelled(state, contact, "not_made", ctx)
    return onward(after.over(contact_id), ctx, said)


def _no_permit(state: Borrower, contact_id: str) -> str:
    contact = state.contact(contact_id)
    return f"{contact_id} is not permitted: it is {contact.state if contact else 'over, or not known'}"


def _inside(contact: Contact, at: datetime, ctx: Moment) -> datetime:
    """The instant within the permit, and not later than it was heard of, whatever others' clocks say."""
    return max(contact.not_before, min(at, ctx.now, contact.expires_at - BEFORE_THE_END))


def _dialled(state: Borrower, permit: Lapsed, outcome: Settled) -> Borrower:
    """The dials before the last one count per number; none was a conversation."""
    contact_id = permit.contact.contact_id
    last = next(c for c in state.history if c.contact_id == contact_id)
    dials = [
        Contacted(f"{contact_id}#{n}", last.channel, last.at, last.contact_point, last.loan_ids, connected=False)
        for n in range(2, outcome.dials + 1)
    ]
    return replace(state, history=(*state.history, *dials))
