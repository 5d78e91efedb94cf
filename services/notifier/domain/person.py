"""What is known of the person and of the case: contact points, consents, holds, placements. Each may stop contact."""

from collections.abc import Set as AbstractSet
from datetime import date, datetime, time

from schemas.bank import BorrowerRecorded
from schemas.changing import replace
from schemas.values import CaseOutcome
from services.notifier.domain.asking import cancelled, lapse, zone_for
from services.notifier.domain.flow import onward, outlasts, settled
from services.notifier.domain.moment import Moment, Reaction, Said
from services.notifier.domain.state import Borrower, Contact, Point
from services.rulebook.local import DAY, on
from services.rulebook.question import Consent, Hold, Profile, StopRequest

RECALLED_KEPT = 5
"""So many recalled placements are remembered, against visits that were asked for before the recall was read."""

KEEPS: dict[str, CaseOutcome] = {"dispute": "dispute_upheld", "hardship": "hardship_relief"}
"""Holds that outlive the case when it ended so, because the debt was not due, or not now."""


# -- the person -------------------------------------------------------------------------------------------------------


def recorded(state: Borrower, fact: BorrowerRecorded, ctx: Moment) -> Reaction:
    """All that is known of the borrower. What was allowed on a ground that the record no longer has is decided anew."""
    profile = Profile(fact.region, fact.time_zone, fact.status, fact.vulnerable, _consents(fact))
    after = replace(state, profile=profile, language=fact.language, points=points_of(fact))
    after = replace(after, lifted=lifted(after, ctx.now))
    if after == state:
        return state, ()
    after, said = anew(after, ctx, None if _is_other_ground(state, after, ctx.now) else _lost_points(state, after))
    return onward(after, ctx, said)


def _is_other_ground(before: Borrower, after: Borrower, now: datetime) -> bool:
    """Whether rules may now forbid whatever was allowed: in another place, of somebody vulnerable, or unconsented."""
    was, known = before.known, after.known
    if was is None or known is None:
        return False
    moved = (was.time_zone, was.region) != (known.time_zone, known.region)
    standing = [consent for consent in was.consents if consent.expires_at is None or consent.expires_at > now]
    lost = any(not any(_replaces(other, each, now) for other in known.consents) for each in standing)
    return moved or lost or (known.vulnerable and not was.vulnerable)


def _replaces(consent: Consent, other: Consent, now: datetime) -> bool:
    """Whether what a consent allowed is still allowed by this one (which may be the same), and no shorter."""
    begins = consent.given_at <= max(other.given_at, now)
    lasts = consent.expires_at is None or (other.expires_at is not None and consent.expires_at >= other.expires_at)
    return begins and lasts and consent.kind == other.kind and consent.channel in (None, other.channel)


def _lost_points(before: Borrower, after: Borrower) -> frozenset[str]:
    """The contact points that are gone, come from elsewhere, are of another kind, or are confirmed no more."""
    still = {(p.point_id, p.medium, p.source, p.kind): p.verified for p in after.points}
    kept = {p.point_id for p in before.points if still.get((p.point_id, p.medium, p.source, p.kind), -1) >= p.verified}
    return frozenset(p.point_id for p in before.points) - kept


def points_of(fact: BorrowerRecorded) -> tuple[Point, ...]:
    """The contact points by id, source and kind; their values stay sealed elsewhere. A sealed list names none."""
    phones = fact.phones if isinstance(fact.phones, tuple) else ()
    emails = fact.emails if isinstance(fact.emails, tuple) else ()
    addresses = fact.addresses if isinstance(fact.addresses, tuple) else ()
    return (
        *(Point(p.phone_id, "phone", p.source, "", p.verified_on is not None, p.verified_on) for p in phones),
        *(Point(e.email_id, "email", e.source, "", e.verified_on is not None, e.verified_on) for e in emails),
        *(Point(a.address_id, "address", a.source, a.kind) for a in addresses),
    )


def _consents(fact: BorrowerRecorded) -> tuple[Consent, ...]:
    return tuple(Consent(c.consent_id, c.kind, c.given_at, c.channel, c.expires_at) for c in fact.consents)


def lifted(state: Borrower, now: datetime) -> tuple[str, ...]:
    """Requests to stop that a consent to be contacted has lifted, however long, and over whichever channels.

    They are kept: a consent may end or be taken back, and then they stand again. Which consents stand is looked at when
    somebody asks for a contact (`StopRequest.stands`).
    """
    known = state.known.consents if state.known else ()
    given = [c.given_at for c in known if c.kind == "channel" and c.given_at <= now]
    return tuple(
        stop.request_id
        for stop in state.stops
        if stop.request_id in state.lifted or any(at > stop.requested_at for at in given)
    )


def anew(state: Borrower, ctx: Moment, points: AbstractSet[str] | None = None) -> tuple[Borrower, Said]:
    """The borrower with everything withdrawn that was allowed on other knowledge and can still be withdrawn.

    points: nothing but contacts at these is withdrawn.
    """
    said: Said = ()
    for contact in state.contacts:
        meant = points is None or contact.contact_point in points
        if meant and contact.state in ("pending", "permitted"):
            state, more = cancelled(state, contact, "replanned", ctx)
            said = (*said, *more)
    return state, said


# -- holds ------------------------------------------------------------------------------------------------------------


def held(state: Borrower, hold: Hold, ctx: Moment) -> Reaction:
    """Collection rests for a reason."""
    if hold in state.holds:
        return state, ()
    others = tuple(known for known in state.holds if known.hold_id != hold.hold_id)
    return onward(replace(state, holds=(*others, hold)), ctx)


def released(state: Borrower, hold_id: str, reason: str, released_at: datetime, ctx: Moment) -> Reaction:
    """A hold is gone, our own of the same reason with it; the ladder goes on: the answer has been dealt with."""
    stops = state.stops if reason != "stop_request" else _resting_on_consents(state)
    holds = tuple(
        hold
        for hold in state.holds
        if hold.hold_id != hold_id and not (_is_own(hold) and hold.reason == reason and hold.placed_at <= released_at)
    )
    if holds == state.holds and stops == state.stops:
        return state, ()
    return onward(replace(state, holds=holds, stops=stops, round=replace(state.round, quiet_until=None)), ctx)


def _resting_on_consents(state: Borrower) -> tuple[StopRequest, ...]:
    """The stop requests that a consent has lifted: what it does not cover, or no longer, no release of a hold does."""
    return tuple(stop for stop in state.stops if stop.request_id in state.lifted)


def _is_own(hold: Hold) -> bool:
    """Whether we placed it on the borrower's word; assignment's holds and complaints have ids of their own."""
    return not hold.hold_id.startswith(("H-", "CP-"))


def dispute_resolved(state: Borrower, dispute_id: str, resolved_at: datetime, ctx: Moment, *, upheld: bool) -> Reaction:
    """A dispute is answered. Where the borrower was right the hold stays: the debt is not due as it was claimed."""
    return (state, ()) if upheld else released(state, dispute_id, "dispute", resolved_at, ctx)


def kept_until(state: Borrower, reason: str, last_day: date | None, ctx: Moment) -> Reaction:
    """Holds of this reason end with a local day; where none is named they stay."""
    until = on(last_day + DAY, time(0), zone_for(state)) if last_day else None
    holds = tuple(replace(hold, until=until) if hold.reason == reason else hold for hold in state.holds)
    return (state, ()) if holds == state.holds else onward(replace(state, holds=holds), ctx)


# -- the case ---------------------------------------------------------------------------------------------------------


def case_opened(state: Borrower, case_id: str, segment: str, arm: str, ctx: Moment) -> Reaction:
    """Assignment has a case; later contacts name it. Which steps the ladder has may depend on its segment and arm."""
    after = replace(state, case_id=case_id, segment=segment or state.segment, arm=arm or state.arm)
    return (after, ()) if (after.segment, after.arm) == (state.segment, state.arm) else onward(after, ctx)


def segmented(state: Borrower, segment: str, ctx: Moment) -> Reaction:
    """The case moved to another segment."""
    return (state, ()) if segment == state.segment else onward(replace(state, segment=segment), ctx)


def case_closed(state: Borrower, case_id: str, outcome: CaseOutcome, ctx: Moment) -> Reaction:
    """The case is over, and with it the holds that were placed in it, but for those that its outcome confirms."""
    if state.case_id not in (case_id, None):
        return state, ()
    holds = tuple(hold for hold in state.holds if outlasts(hold) or KEEPS.get(hold.reason) == outcome)
    return onward(replace(state, case_id=None, holds=holds, placement_id=None, agency_id=None), ctx)


def placed(state: Borrower, placement_id: str, agency_id: str, ctx: Moment) -> Reaction:
    """An agency works the case: the ladder rests."""
    if placement_id in state.recalled:
        return state, ()
    return onward(replace(state, placement_id=placement_id, agency_id=agency_id), ctx)


def recalled(state: Borrower, placement_id: str, ctx: Moment) -> Reaction:
    """The case is back: what the agency may still have done under this placement is off."""
    known = tuple(other for other in state.recalled if other != placement_id)
    after = replace(state, recalled=(*known, placement_id)[-RECALLED_KEPT:])
    if state.placement_id == placement_id:
        after = replace(after, placement_id=None, agency_id=None)
    return onward(after, ctx)


# -- others' contacts -------------------------------------------------------------------------------------------------


def not_made(state: Borrower, contact_id: str, reason: str, ctx: Moment) -> Reaction:
    """A permitted visit does not take place. Where nobody reported, somebody may have been there: it counts."""
    contact = _permitted(state, contact_id)
    if contact is None:
        return state, ()
    if reason == "not_reported":
        return onward(lapse(state, contact, reason, ctx), ctx, (settled(state, contact, "unreported", ctx),))
    after, said = cancelled(state, contact, reason, ctx)
    return onward(after, ctx, said)


def _permitted(state: Borrower, contact_id: str) -> Contact | None:
    contact = state.contact(contact_id)
    return contact if contact is not None and contact.state == "permitted" else None
