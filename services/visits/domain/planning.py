"""The next visit: whether there is one, in which window, at which address, by which team.

Attempts, gap and windows are the house's own (rule CN-VIS-07); how many visit at least is the rule book's (CN-VIS-01).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.changing import replace
from schemas.visits import VisitPermitRequested, VisitsExhausted
from services.rulebook.visiting import team_size_min
from services.visits.domain import workplace
from services.visits.domain.panel import Agency, Moment, Panel, Policy, Staff
from services.visits.domain.state import Borrower, Ground, Outcome, Place, Placement, Profile, Visit, named, stable_hash

TEAM_SIZE_MIN = 2  # CN-VIS-01: nobody visits alone, whatever a strategy or another country's rule book says
PAUSE_LOOK = timedelta(hours=1)  # how soon a paused strategy is looked at again
SOURCE_ORDER = {"contract": 0, "debtor_authorisation": 1, "public_channel": 2}
EVERYWHERE = "*"
Slot: TypeAlias = tuple[datetime, datetime, tuple[str, ...]]
"""From, until, and the team."""


def live_loans(borrower: Borrower) -> tuple[str, ...]:
    """The placement's loans that are past due and not stopped; one never heard of counts as past due."""
    ids = borrower.placement.loan_ids if borrower.placement else ()
    return tuple(loan_id for loan_id in ids if not is_stopped(borrower, loan_id))


def is_stopped(borrower: Borrower, loan_id: str) -> bool:
    """Whether collection of a loan has stopped, as far as is known."""
    return loan_id in borrower.loans and borrower.loans[loan_id].status != "overdue"


def stopped_by(borrower: Borrower) -> str:
    """The reason in force not to contact this borrower, or nothing."""
    if borrower.profile and borrower.profile.status != "active":
        return borrower.profile.status
    return borrower.stops[0].reason if borrower.stops else ""


def may_plan(borrower: Borrower) -> bool:
    """Whether a next visit is wanted at all."""
    placement = borrower.placement
    wanted = placement is not None and not placement.over and borrower.visit is None
    return wanted and borrower.profile is not None and not stopped_by(borrower) and bool(live_loans(borrower))


def plan(borrower: Borrower, at: Moment) -> Outcome:
    """Ask for the permit of the next visit if one is due, or decide that there is none. Harmless at any time."""
    placement, profile = borrower.placement, borrower.profile
    if not may_plan(borrower) or placement is None or profile is None:
        return borrower, ()
    if placement.plan_at is None or at.now < placement.plan_at:
        return borrower, ()
    if at.reference.paused:
        return _later(borrower, placement, at.now + PAUSE_LOOK), ()
    if ground := exhausted_by(borrower, at):
        return exhaust(borrower, ground, at)
    return _request(borrower, placement, profile, at)


def exhausted_by(borrower: Borrower, at: Moment) -> Ground | None:
    """Why no further visit may be planned under this placement, or None."""
    placement, profile, policy = borrower.placement, borrower.profile, at.reference.policy
    if placement is None or profile is None:
        return None
    if (profile.vulnerable and not policy.visits_vulnerable) or zone_of(profile) is None:
        return "not_permitted"
    if placement.attempts >= policy.attempts_max:
        return "not_permitted" if placement.met else "unreachable"
    if not usable_places(borrower, placement, at):
        return "moved" if placement.excluded else "no_address"
    return "not_permitted" if placement.tries >= policy.tries_max else None


def exhaust(borrower: Borrower, ground: Ground, at: Moment) -> Outcome:
    """Say that no further visit comes under this placement."""
    placement = borrower.placement
    if placement is None or placement.over:
        return borrower, ()
    said = VisitsExhausted(
        borrower_id=borrower.borrower_id,
        case_id=placement.case_id,
        placement_id=placement.placement_id,
        agency_id=placement.agency_id,
        attempts=placement.attempts,
        reason=ground,
        decided_at=at.now,
    )
    return replace(borrower, placement=replace(placement, over=True, plan_at=None)), (said,)


def _request(borrower: Borrower, placement: Placement, profile: Profile, at: Moment) -> Outcome:
    place = usable_places(borrower, placement, at)[0]
    chosen = _slot(borrower, placement, profile, at)
    if chosen is None:
        return _later(
            borrower, replace(placement, tries=placement.tries + 1), at.now + at.reference.policy.retry_after
        ), ()
    if chosen[0] > placement.ends_at:
        return _later(borrower, placement, None), ()
    visit = _visit(borrower, placement, place, chosen, at.reference.policy)
    return replace(borrower, visit=visit, visits=borrower.visits + 1), (requested(borrower, visit, at),)


def requested(borrower: Borrower, visit: Visit, at: Moment) -> VisitPermitRequested:
    """The question to the contact gate."""
    return VisitPermitRequested(
        **named(borrower, visit),
        window_start=visit.window_start,
        window_end=visit.window_end,
        address_id=visit.address_id,
        place=visit.place,
        team=visit.team,
        proof_id=visit.proof_id,
        attempt=visit.attempt,
        requested_at=at.now,
    )


def _visit(borrower: Borrower, placement: Placement, place: Place, slot: Slot, policy: Policy) -> Visit:
    start, end, team = slot
    return Visit(
        visit_id=next_visit_id(borrower),
        case_id=placement.case_id,
        placement_id=placement.placement_id,
        agency_id=placement.agency_id,
        proof_id=placement.proof_id,
        loan_ids=live_loans(borrower),
        window_start=start,
        window_end=end,
        address_id=place.address_id,
        place=place.kind,
        team=team,
        attempt=placement.attempts + 1,
        report_by=end + policy.not_reported,
        result_by=end + policy.result_wait,
    )


def next_visit_id(borrower: Borrower) -> str:
    """The id of the visit that would come next."""
    return f"V-{borrower.borrower_id}-{borrower.visits + 1}"


def _later(borrower: Borrower, placement: Placement, when: datetime | None) -> Borrower:
    return replace(borrower, placement=replace(placement, plan_at=when))


def _slot(borrower: Borrower, placement: Placement, profile: Profile, at: Moment) -> Slot | None:
    """The first window in which a team is free, within the days that are searched."""
    agency = at.reference.agencies.get(placement.agency_id)
    if agency is None or agency.suspended:
        return None
    for start, end in windows(borrower, placement, profile, at):
        if team := choose_team(agency, profile.region, start.date(), next_visit_id(borrower), at.reference):
            return start, end, team
    return None


def windows(
    borrower: Borrower, placement: Placement, profile: Profile, at: Moment
) -> Iterator[tuple[datetime, datetime]]:
    """The borrower's windows from the earliest on, one a day; each attempt has another time of day than the last."""
    policy, zone = at.reference.policy, zone_of(profile)
    assert zone is not None
    index = (stable_hash("window", borrower.borrower_id) + placement.attempts) % len(policy.windows)
    opens, closes = policy.windows[index]
    earliest = earliest_start(borrower, policy, zone, at.now)
    for days in range(policy.search_days):
        day = earliest.astimezone(zone).date() + timedelta(days=days)
        start, end = (_fixed(datetime.combine(day, clock, zone)) for clock in (opens, closes))
        if start >= earliest:
            yield start, end


def earliest_start(borrower: Borrower, policy: Policy, zone: ZoneInfo, now: datetime) -> datetime:
    """Not before the lead is over, and not before the gap since the last attempt is."""
    first = _fixed(datetime.combine(now.astimezone(zone).date() + policy.lead, datetime.min.time(), zone))
    first = max(first, now)
    return max(first, borrower.last_attempt_at + policy.gap) if borrower.last_attempt_at else first


def next_plan_at(last_attempt_at: datetime, policy: Policy) -> datetime:
    """When to ask for the attempt after this one: the lead before the gap is over."""
    return last_attempt_at + max(policy.gap - policy.lead, timedelta(0))


def zone_of(profile: Profile) -> ZoneInfo | None:
    """The borrower's time zone; None where nobody knows it, and then no visit is lawful."""
    try:
        return ZoneInfo(profile.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _fixed(instant: datetime) -> datetime:
    """The same instant with its offset as a fixed one, as it comes back from JSON."""
    return instant.astimezone(timezone(instant.utcoffset() or timedelta(0)))


def usable_places(borrower: Borrower, placement: Placement, at: Moment) -> list[Place]:
    """Addresses that may be visited, best first: by the strategy's order of kinds, then by how sure their source is."""
    order, known = at.reference.policy.places, borrower.profile.places if borrower.profile else ()
    able = [p for p in known if p.kind in order and p.address_id not in placement.excluded]
    lawful = [p for p in able if _lawful(p, borrower, at.now)]
    return sorted(lawful, key=lambda p: (order.index(p.kind), SOURCE_ORDER[p.source], p.address_id))


def _lawful(place: Place, borrower: Borrower, now: datetime) -> bool:
    """A known lawful source (CN-WHO-08); a workplace only with the borrower's consent."""
    return place.source in SOURCE_ORDER and (place.kind != "work" or workplace.allowed(borrower, now))


def choose_team(agency: Agency, region: str, day: date, visit_id: str, panel: Panel) -> tuple[str, ...] | None:
    """Certified visitors who cover the region and are free that day, as many as the rule book asks for or more.

    Teams change from day to day and are the same for all visits of a day, so that a team can drive one round.
    """
    if agency.licensed_until is None or agency.licensed_until < day:
        return None
    size = max(panel.policy.team_size, team_min(region, day, panel))
    free = [team for team in teams_of(agency.staff, region, day, size) if _free(team, day, panel)]
    return free[stable_hash("team of", visit_id) % len(free)] if free else None


def team_min(region: str, day: date, panel: Panel) -> int:
    """How many visit at least in a region on a day, by the rule book that is in force there at noon."""
    noon = datetime.combine(day, time(12), UTC)
    return max(TEAM_SIZE_MIN, team_size_min(panel.rulebooks.for_region(region, noon), day))


def teams_of(staff: Sequence[Staff], region: str, day: date, size: int) -> list[tuple[str, ...]]:
    """The day's teams in a region; whoever is left over stays behind."""
    able = {s.staff_id for s in staff if s.certified_until >= day and {region, EVERYWHERE} & set(s.regions)}
    ranked = sorted(able, key=lambda staff_id: stable_hash("team", day.isoformat(), staff_id))
    return [tuple(ranked[n : n + size]) for n in range(0, len(ranked) - size + 1, size)]


def _free(team: tuple[str, ...], day: date, panel: Panel) -> bool:
    return all(panel.booked.get((staff_id, day), 0) < panel.policy.staff_day_max for staff_id in team)
