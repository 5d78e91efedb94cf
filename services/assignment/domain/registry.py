"""The published list of agencies: what changes it, and who may be on it (rules CN-AG-01 to CN-AG-08)."""

from collections.abc import Callable, Mapping
from datetime import date, datetime

from schemas.agencies import (
    AgencyEvaluated,
    AgencyLicensed,
    AgencyRegistered,
    AgencyReinstated,
    AgencySuspended,
    MandateEnded,
    MandateSigned,
)
from schemas.cases import PlacementOffered, PlacementRecalled, PlacementRefused
from schemas.changing import replace
from schemas.envelope import Fact
from services.assignment.domain.choice import Agency, Panel
from services.assignment.domain.officers import NotAllowed


def _registered(panel: Panel, fact: AgencyRegistered) -> Panel:
    agency = panel.agencies.get(fact.agency_id) or Agency(fact.agency_id)
    return panel.having(
        replace(
            agency,
            name=fact.name,
            in_house=fact.in_house,
            regions=fact.regions,
            products=fact.products,
            capacity=fact.capacity,
            target_share=fact.target_share,
        )
    )


def _licensed(panel: Panel, fact: AgencyLicensed) -> Panel:
    return _changed(
        panel,
        fact.agency_id,
        lambda agency: replace(
            agency,
            licensed_until=fact.licensed_until,
            inspected_on=fact.inspected_on,
            certified_until=tuple(member.certified_until for member in fact.staff),
        ),
    )


def _mandated(panel: Panel, fact: MandateSigned) -> Panel:
    return _changed(
        panel,
        fact.agency_id,
        lambda agency: replace(
            agency,
            mandate_id=fact.mandate_id,
            authority=fact.authority,
            mandate_from=fact.from_date,
            mandate_until=fact.until_date,
            basis_points=fact.fee_basis_points,
        ),
    )


def _mandate_ended(panel: Panel, fact: MandateEnded) -> Panel:
    return _changed(panel, fact.agency_id, lambda agency: replace(agency, mandate_until=fact.ended_on, mandate_id=""))


def _evaluated(panel: Panel, fact: AgencyEvaluated) -> Panel:
    return _changed(
        panel,
        fact.agency_id,
        lambda agency: replace(agency, conduct=fact.conduct, recovery=fact.recovery, evaluated_on=fact.evaluated_on),
    )


def _suspended(panel: Panel, fact: AgencySuspended) -> Panel:
    return _changed(panel, fact.agency_id, lambda agency: replace(agency, suspended=fact.reason or "suspended"))


def _reinstated(panel: Panel, fact: AgencyReinstated) -> Panel:
    return _changed(panel, fact.agency_id, lambda agency: replace(agency, suspended="", drained=False))


def _offered(panel: Panel, fact: PlacementOffered) -> Panel:
    return panel.carrying(fact.agency_id, 1)


def _given_up(panel: Panel, fact: PlacementRefused | PlacementRecalled) -> Panel:
    return panel.carrying(fact.agency_id, -1)


def _changed(panel: Panel, agency_id: str, change: Callable[[Agency], Agency]) -> Panel:
    agency = panel.agencies.get(agency_id)
    return panel if agency is None else panel.having(change(agency))


LEARN: Mapping[type[Fact], Callable[..., Panel]] = {
    AgencyRegistered: _registered,
    AgencyLicensed: _licensed,
    MandateSigned: _mandated,
    MandateEnded: _mandate_ended,
    AgencyEvaluated: _evaluated,
    AgencySuspended: _suspended,
    AgencyReinstated: _reinstated,
    PlacementOffered: _offered,
    PlacementRefused: _given_up,
    PlacementRecalled: _given_up,
}


def learn(panel: Panel, fact: Fact) -> Panel:
    """How what was said changes the panel, within the same batch."""
    change = LEARN.get(type(fact))
    return change(panel, fact) if change else panel


def listed(panel: Panel, agency_id: str) -> Agency:
    """The agency, or NotAllowed where it is not on the list."""
    agency = panel.agencies.get(agency_id)
    if agency is None:
        raise NotAllowed(f"agency {agency_id} is not registered")
    return agency


def sign(panel: Panel, fact: MandateSigned) -> MandateSigned:
    """A mandate needs a listed agency, a term, and the data categories it covers (PIPL article 21)."""
    listed(panel, fact.agency_id)
    if fact.until_date <= fact.from_date:
        raise NotAllowed("a mandate must end after it begins")
    if not fact.data_categories:
        raise NotAllowed("a mandate names the categories of data (PIPL article 21)")
    return fact


def suspend(panel: Panel, agency_id: str, reason: str, now: datetime) -> tuple[Fact, ...]:
    """No new cases, pending ones come back. Suspended once."""
    agency = listed(panel, agency_id)
    if agency.in_house:
        raise NotAllowed("the in-house team cannot be suspended")
    if agency.suspended:
        return ()
    return (AgencySuspended(agency_id=agency_id, reason=reason, suspended_at=now),)


def reinstate(panel: Panel, agency_id: str, reason: str, now: datetime) -> tuple[Fact, ...]:
    """The agency may work again."""
    if not listed(panel, agency_id).suspended and not panel.agencies[agency_id].drained:
        return ()
    return (AgencyReinstated(agency_id=agency_id, reason=reason, reinstated_at=now),)


def end_mandate(panel: Panel, agency_id: str, mandate_id: str, today: date) -> tuple[Fact, ...]:
    """The agreement is over."""
    if listed(panel, agency_id).mandate_id != mandate_id:
        return ()
    return (MandateEnded(agency_id=agency_id, mandate_id=mandate_id, ended_on=today),)


def breaker_trips(upheld: int, visits: int, upheld_max: int, per_visits: int) -> bool:
    """True where upheld complaints reach the limit: `upheld_max` per `per_visits` visits, and never fewer than that.

    With 3 per 100: the third one trips while the agency has made up to 100 visits, the sixth up to 200, and so on.
    """
    allowed = upheld_max * max(1, -(-visits // per_visits))
    return upheld >= allowed
