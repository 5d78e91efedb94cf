"""Beside the stream: the panel put on an empty list once, and an eye on agencies that may not work any more."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from schemas.envelope import Fact
from services.assignment.domain import registry
from services.assignment.domain.choice import Panel
from services.assignment.domain.moment import Reference
from services.assignment.domain.state import State
from services.assignment.handlers_commands import about_agency
from services.assignment.panel import facts_of, read_panel
from services.assignment.store import queries
from services.kit.plug import Runtime
from services.rulebook.strategy import Complaint

Running = Runtime[State, Reference]

WATCH_SECONDS = 2.0
"""True seconds between two looks at the agencies."""

CONDUCT_WINDOW = timedelta(days=90)
"""Complaints and visits of so many days are set against each other."""


async def seed_panel(runtime: Running, *, path: Path, jurisdiction: str) -> None:
    """Put the panel on the list where the list names nobody else. Interrupted, it goes on where it was."""
    await asyncio.to_thread(register_panel, runtime, path, jurisdiction)


def register_panel(runtime: Running, path: Path, jurisdiction: str) -> None:
    """One command per agency; its key makes it happen once."""
    entries = read_panel(path, jurisdiction)
    with runtime.engine.begin() as connection:
        known = {row["agency_id"] for row in queries.agency_rows(connection)}
    if not known <= {entry.agency_id for entry in entries}:
        return
    today = runtime.clock.now().date()
    for entry in entries:
        act = about_agency(partial(_as_listed, facts=facts_of(entry, today)))
        runtime.command(entry.agency_id, act, key=f"panel/{entry.agency_id}", request=b"panel")


def _as_listed(_panel: Panel, _now: datetime, *, facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
    return facts


async def watch_agencies(runtime: Running, *, complaint: Complaint) -> None:
    """Suspend agencies whose licence has run out or whose conduct trips the breaker; take their cases back."""
    while True:
        await asyncio.to_thread(look_at_agencies, runtime, complaint)
        await asyncio.sleep(WATCH_SECONDS)


def look_at_agencies(runtime: Running, complaint: Complaint) -> None:
    """One look."""
    _end_what_ran_out(runtime)
    _break_circuit(runtime, complaint)
    take_back_from_fallen(runtime)


def _end_what_ran_out(runtime: Running) -> None:
    now = runtime.clock.now()
    with runtime.engine.begin() as connection:
        gone = queries.run_out_agencies(connection, now)
    for row in gone:
        if row["mandate_id"] and row["mandate_until"] < now.date():
            _end_mandate(runtime, row["agency_id"], row["mandate_id"])
        if row["licensed_until"] < now.date() and not row["suspended"]:
            _suspend(runtime, row["agency_id"], "the licence has run out", f"licence/{row['licensed_until']}")


def _end_mandate(runtime: Running, agency_id: str, mandate_id: str) -> None:
    def facts(panel: Panel, now: datetime) -> tuple[Fact, ...]:
        return registry.end_mandate(panel, agency_id, mandate_id, now.date())

    runtime.command(agency_id, about_agency(facts), key=f"mandate-ended/{agency_id}/{mandate_id}")


def _break_circuit(runtime: Running, complaint: Complaint) -> None:
    with runtime.engine.begin() as connection:
        counts = queries.conduct_counts(connection, runtime.clock.now() - CONDUCT_WINDOW)
    for row in counts:
        if registry.breaker_trips(row["upheld"], row["visits"], complaint.upheld_max, complaint.per_visits):
            reason = f"{row['upheld']} complaints upheld in {row['visits']} visits"
            _suspend(runtime, row["agency_id"], reason, f"complaints/{row['start']}")


def _suspend(runtime: Running, agency_id: str, reason: str, why: str) -> None:
    def facts(panel: Panel, now: datetime) -> tuple[Fact, ...]:
        return registry.suspend(panel, agency_id, reason, now)

    runtime.command(agency_id, about_agency(facts), key=f"suspended/{agency_id}/{why}")


def take_back_from_fallen(runtime: Running) -> None:
    """Have every case of this worker that is at an agency that may not work looked at."""
    with runtime.engine.begin() as connection:
        found = queries.borrowers_at_fallen(connection, runtime.clock.now(), sorted(runtime.owned()))
    if found:
        runtime.wake(found)
