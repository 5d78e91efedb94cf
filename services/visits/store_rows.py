"""How each fact said or read becomes rows of the read tables."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.agencies import AgencyLicensed, AgencyRegistered, AgencyReinstated, AgencySuspended
from schemas.contacts import ContactAllowed, ContactDecision, ContactDenied
from schemas.control import RulebookActivated, StrategyPaused, StrategyResumed
from schemas.envelope import Event, Fact
from schemas.visits import (
    VisitAborted,
    VisitAppointed,
    VisitArrived,
    VisitCancelled,
    VisitCompleted,
    VisitDispatched,
    VisitEvidenceSealed,
    VisitFact,
    VisitHalted,
    VisitNoContact,
    VisitPermitRequested,
    VisitPlanned,
    VisitRefused,
    VisitReportRejected,
)
from services.kit.service import Change, Origin, Put, Write
from services.visits.domain.credentials import code_of
from services.visits.store import (
    agencies,
    control,
    evidence,
    late_results,
    permits,
    rulebooks,
    visit_events,
    visit_team,
    visits,
)

Values = Mapping[str, Any]
_OWN_COLUMNS = {"visit_id", "borrower_id", "case_id", "placement_id", "agency_id", "loan_ids", "statement"}


def projection(credential_key: bytes) -> Callable[[Event[Fact]], Sequence[Write]]:
    """Rows for what visits says; the credential of a planned visit derives from this key."""

    def project(event: Event[Fact]) -> Sequence[Write]:
        fact = event.data
        if isinstance(fact, VisitReportRejected):
            return (Put(late_results, {"event_id": event.id, **fact.model_dump()}),)
        if not isinstance(fact, VisitFact):
            return ()
        return (*_current(fact, credential_key), _history(event, fact))

    return project


def _history(event: Event[Fact], fact: VisitFact) -> Put:
    details = fact.model_dump(mode="json", exclude=_OWN_COLUMNS, exclude_none=True)
    row = {"event_id": event.id, "visit_id": fact.visit_id, "borrower_id": fact.borrower_id, "type": event.type}
    return Put(visit_events, {**row, "said_at": event.time, "cause": event.causationid, "details": details})


def _current(fact: VisitFact, credential_key: bytes) -> Sequence[Write]:
    if isinstance(fact, VisitPermitRequested):
        return _requested(fact)
    values = _planned(fact, credential_key) if isinstance(fact, VisitPlanned) else _values(fact)
    change = Change(visits, {"visit_id": fact.visit_id}, values)
    return (change, _sealed(fact)) if isinstance(fact, VisitEvidenceSealed) else (change,)


def _requested(fact: VisitPermitRequested) -> Sequence[Write]:
    start, offset = fact.window_start, fact.window_start.utcoffset()
    row = {
        **fact.model_dump(exclude={"recording"}),
        "state": "permit_requested",
        "day": start.date(),
        "local_from": f"{start:%H:%M}",
        "local_until": f"{fact.window_end:%H:%M}",
        "utc_offset_minutes": int(offset.total_seconds() // 60) if offset else 0,
    }
    team = (Put(visit_team, {"visit_id": fact.visit_id, "staff_id": s, "day": start.date()}) for s in fact.team)
    return (Put(visits, row), *team)


def _planned(fact: VisitPlanned, credential_key: bytes) -> Values:
    code = code_of(credential_key, fact.visit_id)
    return {"state": "planned", "documents": fact.documents, "strategy": fact.strategy, "credential": code}


def _values(fact: VisitFact) -> Values:
    """The columns that a fact changes in its visit's row."""
    if isinstance(fact, VisitCompleted | VisitNoContact | VisitRefused):
        return _reported(fact)
    if isinstance(fact, VisitCancelled):
        return {**_ended("cancelled", fact.cancelled_at), "reason": fact.reason, "cause": fact.cause}
    if isinstance(fact, VisitAborted):
        return {**_ended("aborted", fact.aborted_at), "reason": fact.reason, "cause": fact.cause}
    return _on_the_way(fact)


def _on_the_way(fact: VisitFact) -> Values:
    match fact:
        case VisitAppointed():
            return {"state": "appointed"}
        case VisitDispatched():
            return {"state": "dispatched", "dispatched_at": fact.dispatched_at}
        case VisitArrived():
            return {"state": "arrived", "arrived_at": fact.arrived_at, "known_as_of": fact.known_as_of}
        case VisitHalted():
            told = {"halted_because": fact.code, "halted_detail": fact.detail}
            return {**told, "halted_at": fact.asked_at, "known_as_of": fact.known_as_of}
        case VisitEvidenceSealed():
            return {"evidence_complete": fact.complete, "evidence_missing": fact.missing}
    return {}


def _ended(state: str, at: datetime) -> Values:
    return {"state": state, "ended_at": at}


def _reported(fact: VisitCompleted | VisitNoContact | VisitRefused) -> Values:
    return {
        **_ended(fact.TYPE.split(".")[1], fact.reported_at),
        "disposition": fact.result.disposition,
        "reason_for_default": fact.result.reason_for_default,
        "reported_at": fact.reported_at,
        "on_time": fact.on_time,
        "flags": [flag.model_dump() for flag in fact.flags],
    }


def _sealed(fact: VisitEvidenceSealed) -> Put:
    return Put(evidence, fact.model_dump(exclude={"case_id", "placement_id", "agency_id", "loan_ids"}))


def record(event: Event[Fact], _origin: Origin) -> Sequence[Write]:
    """Rows for what visits reads: the permits of the gate, the agencies, what ops paused."""
    match event.data:
        case ContactAllowed() | ContactDenied() as decision if decision.channel == "visit":
            return (_permit(event.id, decision),)
        case StrategyPaused() | StrategyResumed() as fact:
            return (Put(control, {"target": fact.target, "paused": isinstance(fact, StrategyPaused)}),)
        case RulebookActivated() as fact:
            said = {"reason": fact.reason, "said_by": fact.by, "version": fact.version}
            return (Put(rulebooks, {"target": fact.target, "effective_from": fact.effective_from, **said}),)
        case fact:
            values = _agency(fact)
            return (Put(agencies, values),) if values else ()


def _permit(event_id: str, decision: ContactDecision) -> Put:
    columns = set(permits.c.keys())
    values = {k: v for k, v in decision.model_dump().items() if k in columns}
    allowed = isinstance(decision, ContactAllowed)
    return Put(permits, {"decision_id": event_id, "visit_id": decision.contact_id, "allowed": allowed, **values})


def _agency(fact: Fact) -> Values | None:
    match fact:
        case AgencyRegistered():
            return {"agency_id": fact.agency_id, "name": fact.name, "contact": fact.contact}
        case AgencyLicensed():
            staff = [member.model_dump(mode="json") for member in fact.staff]
            licence = {"licence_number": fact.licence_number, "licensed_until": fact.licensed_until}
            return {"agency_id": fact.agency_id, **licence, "staff": staff}
        case AgencySuspended() | AgencyReinstated():
            return {"agency_id": fact.agency_id, "suspended": isinstance(fact, AgencySuspended)}
    return None
