"""What reporting itself has said: reports, restatements and alarms."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from schemas.envelope import Event, Fact
from schemas.reports import AlarmCleared, AlarmRaised, ReportFact, ReportRestated
from services.kit.service import Change, Put, Write
from services.reporting.store.tables import alarms_raised, reports_said
from services.reporting.store.view import View, rows


@dataclass(frozen=True, slots=True)
class Said:
    """One saying of a report."""

    report: str
    known_as_of: datetime
    valid_on: datetime
    restated: bool
    laws_hold: bool
    figures: dict[str, Any]
    differences: list[str]


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm; `cleared_at` is None while it stands."""

    alarm_id: str
    kind: str
    text: str
    raised_at: datetime
    cleared_at: datetime | None


_REPORTS = """
SELECT report, known_as_of, valid_on, restated, laws_hold, figures, differences FROM reports_said
WHERE starts_with(report, :name) AND known_as_of <= :known ORDER BY valid_on DESC, known_as_of DESC LIMIT 400
"""
_ALARMS = """
SELECT alarm_id, kind, text, raised_at, cleared_at FROM alarms_raised
WHERE raised_at <= :known AND (NOT :standing OR cleared_at IS NULL OR cleared_at > :known)
ORDER BY raised_at DESC, alarm_id
"""


def reports(db: Connection, view: View, name: str) -> list[Said]:
    """Sayings of the reports whose name begins so, latest first."""
    return [Said(**r._mapping) for r in rows(db, view, _REPORTS, name=name)]


def alarms(db: Connection, view: View, *, standing: bool = True) -> list[Standing]:
    """Alarms, latest first."""
    return [Standing(**r._mapping) for r in rows(db, view, _ALARMS, standing=standing)]


def project(event: Event[Fact]) -> Sequence[Write]:
    """The rows of what reporting said."""
    fact = event.data
    match fact:
        case ReportFact():
            return [Put(reports_said, _report(fact))]
        case AlarmRaised():
            row = fact.model_dump(include={"alarm_id", "kind", "text", "raised_at"})
            return [Put(alarms_raised, {**row, "cleared_at": None})]
        case AlarmCleared():
            return [Change(alarms_raised, {"alarm_id": fact.alarm_id}, {"cleared_at": fact.cleared_at})]
    return ()


def _report(fact: ReportFact) -> dict[str, object]:
    row = fact.model_dump(include={"report", "known_as_of", "valid_on", "laws_hold", "figures"})
    restated = isinstance(fact, ReportRestated)
    return {
        **row,
        "restated": restated,
        "differences": list(fact.differences) if isinstance(fact, ReportRestated) else [],
    }
