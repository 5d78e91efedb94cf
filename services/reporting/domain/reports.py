"""Reports and alarms: a report is published once and restated when more is known; an alarm stands until it is over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from schemas.envelope import Fact
from schemas.reports import AlarmCleared, AlarmRaised, ReportPublished, ReportRestated

ALARMS = "alarms"
"""The report under which all alarms are said."""

DIFFERENCES_MAX = 50
"""So many differences are named in a restatement."""

Kind = Literal["law_broken", "sequence_gap", "wrongful_contact", "stale", "dead_letters"]
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something wrong at this moment. The same `alarm_id` is the same trouble."""

    alarm_id: str
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was last said of a report: its figures by dotted name, or, of the report "alarms", the alarms that stand."""

    report: str
    figures: dict[str, str] = field(default_factory=dict)
    laws_hold: bool | None = None
    standing: dict[str, str] = field(default_factory=dict)

    def says(self, figures: Figures, laws_hold: bool) -> bool:
        """Whether that is what was said last."""
        return self.laws_hold is laws_hold and self.figures == flatten(figures)


Said = tuple[Report, Sequence[Fact]]


def publish(report: Report, figures: Figures, laws_hold: bool, valid_on: datetime, known_as_of: datetime) -> Said:
    """Publish the report, restate it where it says something else than before, or say nothing."""
    flat = flatten(figures)
    after = replace(report, figures=flat, laws_hold=laws_hold)
    if report.laws_hold is None:
        return after, [
            ReportPublished(
                report=report.report, valid_on=valid_on, known_as_of=known_as_of, figures=figures, laws_hold=laws_hold
            )
        ]
    if report.says(figures, laws_hold):
        return report, []
    changes = differences(report.figures, flat)
    return after, [
        ReportRestated(
            report=report.report,
            valid_on=valid_on,
            known_as_of=known_as_of,
            figures=figures,
            laws_hold=laws_hold,
            differences=tuple(changes[:DIFFERENCES_MAX]),
        )
    ]


def flatten(figures: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Every figure under its dotted name."""
    flat: dict[str, str] = {}
    for name, value in figures.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": str(value)}
    return flat


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Each figure that changed, line by line, as `name: before → after`."""
    names = sorted(before.keys() | after.keys())
    return [f"{n}: {before.get(n, 'none')} → {after.get(n, 'none')}" for n in names if before.get(n) != after.get(n)]


def watch(report: Report, found: Sequence[Alarm], now: datetime) -> Said:
    """Raise what is new, clear what is over, and keep quiet about what goes on."""
    present = {alarm.alarm_id: alarm for alarm in found}
    raised = [_raised(a, now) for i, a in sorted(present.items()) if i not in report.standing]
    over = sorted(report.standing.keys() - present.keys())
    cleared = [_cleared(i, report.standing[i], now) for i in over]
    if not raised and not cleared:
        return report, []
    return replace(report, standing={i: a.kind for i, a in present.items()}), [*raised, *cleared]


def _raised(alarm: Alarm, now: datetime) -> Fact:
    return AlarmRaised(report=ALARMS, alarm_id=alarm.alarm_id, kind=alarm.kind, text=alarm.text, raised_at=now)


def _cleared(alarm_id: str, kind: str, now: datetime) -> Fact:
    known: dict[str, Kind] = {k: k for k in ("law_broken", "sequence_gap", "wrongful_contact", "stale", "dead_letters")}
    return AlarmCleared(report=ALARMS, alarm_id=alarm_id, kind=known[kind], text="", cleared_at=now)
