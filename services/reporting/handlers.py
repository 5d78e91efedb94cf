"""Reporting decides nothing about borrowers. It says reports and alarms, by commands of its own loops."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias

from services.kit.service import Context, Reaction
from services.reporting.domain import reports
from services.reporting.domain.reports import Alarm, Figures, Report

Command: TypeAlias = Callable[[Report, Context[None]], Reaction[Report]]


def fresh(name: str) -> Report:
    """A report of which nothing has been said."""
    return Report(name)


def no_tick(report: Report, _context: Context[None]) -> Reaction[Report]:
    """Reports have no timers of their own."""
    return report, ()


def never(_report: Report) -> datetime | None:
    """No report is ever due by itself."""
    return None


def publish(figures: Figures, laws_hold: bool, valid_on: datetime, known_as_of: datetime) -> Command:
    """The command that publishes or restates a report."""
    return lambda report, _context: reports.publish(report, figures, laws_hold, valid_on, known_as_of)


def watch(found: Sequence[Alarm]) -> Command:
    """The command that raises and clears alarms."""
    return lambda report, context: reports.watch(report, found, context.now)
