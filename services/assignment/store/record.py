"""The rows that what assignment read becomes: control, visits to set complaints against, and open matters."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas import contacts, control, visits
from schemas.envelope import Event, Fact
from services.assignment.store import tables
from services.assignment.store.rows import Project, fields_of, matter
from services.kit.service import Change, Origin, Put, Write


def _drained(fact: control.AgencyDrained, _event: Event[Fact]) -> Sequence[Write]:
    return (Change(tables.agencies, {"agency_id": fact.target}, {"drained": True}),)


def _control(paused: bool) -> Project:
    def record(fact: Any, event: Event[Fact]) -> Sequence[Write]:
        row = fields_of(fact, "target", "reason", "by") | {"paused": paused, "at": event.time}
        return (Put(tables.controls, row),)

    return record


def _activated(fact: control.RulebookActivated, _event: Event[Fact]) -> Sequence[Write]:
    row = fields_of(fact, "target", "effective_from", "version", "reason") | {"said_by": fact.by}
    return (Put(tables.rulebooks, row),)


def _visit_made(fact: visits.VisitFact, event: Event[Fact]) -> Sequence[Write]:
    return (Put(tables.visits_made, fields_of(fact, "visit_id", "agency_id") | {"at": event.time}),)


def _dispute_raised(fact: contacts.DisputeRaised, _event: Event[Fact]) -> Sequence[Write]:
    return matter("dispute", "dispute_id", "open", fact, opened_at=fact.raised_at, via=fact.via)


def _hardship_declared(fact: contacts.HardshipDeclared, _event: Event[Fact]) -> Sequence[Write]:
    return matter("hardship", "hardship_id", "open", fact, opened_at=fact.declared_at, via=fact.via)


RECORD: Mapping[type[Fact], Project] = {
    control.AgencyDrained: _drained,
    control.StrategyPaused: _control(paused=True),
    control.StrategyResumed: _control(paused=False),
    control.RulebookActivated: _activated,
    visits.VisitCompleted: _visit_made,
    visits.VisitNoContact: _visit_made,
    visits.VisitRefused: _visit_made,
    contacts.DisputeRaised: _dispute_raised,
    contacts.HardshipDeclared: _hardship_declared,
}


def record(event: Event[Fact], _origin: Origin) -> Sequence[Write]:
    """The rows of what assignment read."""
    rows = RECORD.get(type(event.data))
    return rows(event.data, event) if rows else ()
