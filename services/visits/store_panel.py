"""The reference data of decisions: agencies, who is booked when, and what ops have paused."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache

from sqlalchemy import Connection, text

from schemas.envelope import Fact
from schemas.visits import VisitPermitRequested
from services.rulebook.shelf import Activation, Shelf
from services.visits.domain.panel import Agency, Panel, Policy, Staff

_PANEL = text("""
    SELECT (SELECT bool_or(paused) FROM control WHERE target = ANY(:names)) AS paused,
           (SELECT json_agg(json_build_array(agency_id, name, licensed_until, suspended, staff) ORDER BY agency_id)
              FROM agencies)::text AS agencies,
           (SELECT json_agg(json_build_array(team, day, times))
              FROM (SELECT team::text AS team, day, count(*) AS times FROM visits
                     WHERE ended_at IS NULL AND day >= :today GROUP BY 1, 2) AS open_visits)::text AS booked,
           (SELECT json_agg(json_build_array(target, version, effective_from)) FROM rulebooks)::text AS activated
""")
"""One question per transaction: most of what a small batch costs is the way to the database and back."""


def load_panel(db: Connection, policy: Policy, now: datetime, shelf: Shelf) -> Panel:
    """The agencies, who is booked from today on, what ops have paused, and which rule books they activated."""
    strategy = policy.strategy
    names = ["visits", strategy, strategy.split("@")[0], strategy.split("-")[0]]
    row = db.execute(_PANEL, {"names": names, "today": now.date()}).one()
    rulebooks = shelf.activated(_activated(row.activated or "[]"))
    return Panel(policy, _agencies(row.agencies or "[]"), _booked(row.booked or "[]"), bool(row.paused), rulebooks)


def _activated(document: str) -> tuple[Activation, ...]:
    return tuple(
        Activation(target, version, datetime.fromisoformat(since)) for target, version, since in json.loads(document)
    )


@lru_cache(maxsize=4)
def _agencies(document: str) -> Mapping[str, Agency]:
    """The agencies of a document that seldom changes."""
    return {
        agency_id: Agency(
            agency_id,
            name or agency_id,
            date.fromisoformat(licensed_until) if licensed_until else None,
            tuple(
                Staff(s["staff_id"], s["badge"], date.fromisoformat(s["certified_until"]), tuple(s["regions"]))
                for s in staff or ()
            ),
            bool(suspended),
        )
        for agency_id, name, licensed_until, suspended, staff in json.loads(document)
    }


def _booked(document: str) -> dict[tuple[str, date], int]:
    booked: Counter[tuple[str, date]] = Counter()
    for team, day, times in json.loads(document):
        booked.update({(staff_id, date.fromisoformat(day)): times for staff_id in json.loads(team)})
    return booked


def learn(panel: Panel, fact: Fact) -> Panel:
    """The panel after a fact that was just said: whoever is asked for is booked."""
    if not isinstance(fact, VisitPermitRequested):
        return panel
    day, booked = fact.window_start.date(), dict(panel.booked)
    for staff_id in fact.team:
        booked[staff_id, day] = booked.get((staff_id, day), 0) + 1
    return replace(panel, booked=booked)
