"""The agencies of the simulated town, and what the services' references are made of from their own rows."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from psycopg.types.json import Json

from schemas.topics import ASSIGNMENT, NOTIFIER, REPORTING, VISITS
from services.assignment.app import service as assignment
from services.assignment.domain import choice
from services.assignment.domain.moment import Reference
from services.kit.service import Service
from services.notifier.app import service as notifier
from services.notifier.domain.moment import Policy as Rules
from services.reporting.app import service as reporting
from services.rulebook.shelf import load_rulebooks
from services.rulebook.strategy import load_strategy
from services.visits.app import service as visits
from services.visits.domain import panel

Row = Mapping[str, Any]
STRATEGY = load_strategy()
RULES = Rules(load_rulebooks(), STRATEGY)
POLICY = panel.Policy.of(STRATEGY)
FAR = date(2030, 1, 1)
BASIS_POINTS = {"A-east": 1850, "A-west": 2200, "A-river": 1500}
HOUSE = "in-house"
LOOKED_AT = frozenset({"placements", "visits"})
"""The tables that references are made of."""


def services() -> dict[str, Service[Any, Any]]:
    """The four services as values."""
    return {NOTIFIER: notifier(), ASSIGNMENT: assignment(), VISITS: visits(b"k" * 32), REPORTING: reporting()}


def _entrusted(agency_id: str, basis_points: int) -> choice.Agency:
    return choice.Agency(
        agency_id,
        name=agency_id,
        regions=("*",),
        products=("*",),
        capacity=1200,
        target_share=30,
        licensed_until=FAR,
        inspected_on=date(2026, 1, 15),
        evaluated_on=date(2026, 1, 15),
        certified_until=(FAR,) * 6,
        mandate_id=f"M-{agency_id}",
        authority=("visit", "call"),
        mandate_from=date(2025, 1, 1),
        mandate_until=FAR,
        basis_points=basis_points,
    )


AGENCIES: Mapping[str, choice.Agency] = {
    **{agency_id: _entrusted(agency_id, points) for agency_id, points in BASIS_POINTS.items()},
    HOUSE: choice.Agency(HOUSE, in_house=True, regions=("*",), products=("*",), capacity=1200, mandate_id=HOUSE),
}
TEAMS: Mapping[str, panel.Agency] = {
    agency_id: panel.Agency(
        agency_id,
        name=agency_id,
        licensed_until=FAR,
        staff=tuple(panel.Staff(f"S-{agency_id}-{n}", f"badge-{n}", FAR, ("*",)) for n in range(1, 7)),
    )
    for agency_id in AGENCIES
}


def reference(name: str, number: int, now: datetime, rows: Mapping[str, Mapping[Any, Row]]) -> Any:
    """A service's reference as its tables stand: what agencies carry on this partition, and who is booked."""
    if name == NOTIFIER:
        return RULES
    if name == ASSIGNMENT:
        return _panel(number, _carried(rows.get("placements", {}).values(), number))
    if name == VISITS:
        return panel.Panel(POLICY, TEAMS, _booked(rows.get("visits", {}).values(), now.astimezone(UTC).date()))
    return None


def _carried(placements: Iterable[Row], number: int) -> frozenset[tuple[str, int]]:
    """Each agency that carries something on a partition number, and how much."""
    used: dict[str, int] = {}
    for row in placements:
        if row["partition"] == number and row["state"] in ("offered", "active"):
            used[row["agency_id"]] = used.get(row["agency_id"], 0) + 1
    return frozenset(used.items())


@cache
def _panel(number: int, carried: frozenset[tuple[str, int]]) -> Reference:
    """Assignment's reference: the same few come again and again, and none is ever changed in place."""
    used = dict(carried)
    agencies = {a: replace(agency, used=used[a]) if a in used else agency for a, agency in AGENCIES.items()}
    return Reference(STRATEGY, choice.Panel(agencies, number))


def _booked(visits_rows: Iterable[Row], today: date) -> dict[tuple[str, date], int]:
    booked: dict[tuple[str, date], int] = {}
    for row in visits_rows:
        if row.get("ended_at") is None and row["day"] >= today:
            for staff_id in _plain(row["team"]):
                booked[staff_id, row["day"]] = booked.get((staff_id, row["day"]), 0) + 1
    return booked


@cache
def services_of(name: str) -> Service[Any, Any]:
    """One service as a value."""
    return services()[name]


def _plain(value: Any) -> Any:
    """A JSON column as it was before it was wrapped for the driver."""
    return value.obj if isinstance(value, Json) else value
