"""The reference data of decisions: agencies, who is booked when, and what ops have paused."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from schemas.envelope import Fact
from schemas.visits import VisitPermitRequested
from services.visits.domain.panel import Agency, Panel, Policy, Staff
from services.visits.store import agencies, control, visit_team, visits


def load_panel(db: Connection, policy: Policy, now: datetime) -> Panel:
    """The agencies, who is booked from the day before on, and whether ops have paused the strategy."""
    names = ("visits", policy.strategy, policy.strategy.split("@")[0], policy.strategy.split("-")[0])
    paused = db.execute(select(control.c.target).where(control.c.paused, control.c.target.in_(names))).first()
    return Panel(policy, _agencies(db), _booked(db, now.date()), paused is not None)


def _agencies(db: Connection) -> dict[str, Agency]:
    columns = (agencies.c.agency_id, agencies.c.name, agencies.c.licensed_until, agencies.c.staff, agencies.c.suspended)
    return {row.agency_id: _agency_of(row) for row in db.execute(select(*columns))}


def _agency_of(row: Any) -> Agency:
    staff = tuple(
        Staff(s["staff_id"], s["badge"], date.fromisoformat(s["certified_until"]), tuple(s["regions"]))
        for s in row.staff or ()
    )
    return Agency(row.agency_id, row.name or row.agency_id, row.licensed_until, staff, bool(row.suspended))


def _booked(db: Connection, today: date) -> dict[tuple[str, date], int]:
    counts = (
        select(visit_team.c.staff_id, visits.c.day, func.count().label("visits"))
        .join(visits, visits.c.visit_id == visit_team.c.visit_id)
        .where(visits.c.ended_at.is_(None), visits.c.day >= today)
        .group_by(visit_team.c.staff_id, visits.c.day)
    )
    return {(row.staff_id, row.day): row.visits for row in db.execute(counts)}


def learn(panel: Panel, fact: Fact) -> Panel:
    """The panel after a fact that was just said: whoever is asked for is booked."""
    if not isinstance(fact, VisitPermitRequested):
        return panel
    day, booked = fact.window_start.date(), dict(panel.booked)
    for staff_id in fact.team:
        booked[staff_id, day] = booked.get((staff_id, day), 0) + 1
    return Panel(panel.policy, panel.agencies, booked, panel.paused)
